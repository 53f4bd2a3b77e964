"""The contract of balls and oracles as checks that anyone can run on their own: a ball, an oracle, a function m → d.

`check_ball`, `check_oracle` and `check_callable` raise `ContractError` with one line per broken law; `run_checks` returns
the same as a list. A law is one function below; it looks at a `Subject` and raises `ContractError` with what is wrong.
The questions are chosen to break things: rank one, spiked, tied, with zero lines, each at scales from 2⁻⁴⁰ to 2⁴⁰.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lmo.balls import NormBall
from lmo.balls import catalogue as balls
from lmo.checks import unknown_name
from lmo.elements import Element, batch_shape, inner, map_layers, norm2, subtract, zeros_like
from lmo.oracles import Oracle, Promise, measure
from lmo.randomness import Draw

SCALES = (2.0**-40, 2.0**-30, 2.0**-10, 2.0**10, 2.0**40)  # powers of two: scaling by them rounds nothing
KINDS = ("gaussian 1", "gaussian 2", "gaussian 3", "ones", "one entry", "zero line", "rank one", "spiked", "orthogonal")
EXACT = Promise(0.0, 0.0, 0.0)


class ContractError(AssertionError):
    """A law of the contract is broken; the message starts with its name."""


class Check(NamedTuple):
    """One law and what came out; `message` is empty where it holds."""

    law: str
    passed: bool
    message: str


@dataclass(frozen=True)
class Subject:
    """What a law looks at: `answer(m, run)` is asked, `ball` says what is right, `promise` how far off it may be.

    run: the seed of a single question; a batch of questions has the seeds 0, 1, … in order.
    """

    answer: Callable[[Any, int], Any]
    ball: NormBall
    shape: tuple
    promise: Promise | None
    seed: int = 0
    tolerance: float = 1e-9
    dtypes: tuple[torch.dtype, ...] = (torch.float64, torch.float32)
    batched: bool = True

    def questions(self, dtype: torch.dtype | None = None, start: str = "") -> Iterator[tuple[str, Element]]:
        """(name, m) of single elements with m ≠ 0, those whose name begins with `start`, the same ones every time."""
        source = np.random.default_rng(self.seed)
        layered = isinstance(self.ball.core_ndim, tuple)
        shapes = self.shape if layered else (self.shape,)
        found: list[tuple[str, tuple[Tensor, ...]]] = [
            (kind, tuple(_question(kind, tuple(s), source) for s in shapes)) for kind in KINDS
        ]
        if len(shapes) > 1:
            first = found[0][1]
            alone = [[a if i == j else 0 * a for j, a in enumerate(first)] for i in range(len(first))]
            found += [(f"layer {i} alone", tuple(layers)) for i, layers in enumerate(alone)]
        for name, layers in found:
            m = tuple(a.to(dtype or self.dtypes[0]) for a in layers)
            if name.startswith(start) and any(bool((a != 0).any()) for a in m):
                yield name, m if layered else m[0]

    def batch(self, dtype: torch.dtype | None = None) -> Element:
        """All questions and m = 0 stacked to one batch."""
        asked = [m for _, m in self.questions(dtype)]
        return map_layers(lambda *layers: torch.stack(layers), *asked, zeros_like(asked[0]))

    def ask(self, m: Element, name: str, run: int = 0) -> Element:
        """The answer, refused unless it is finite and shaped like the question."""
        d = self.answer(m, run)
        for a, b in zip(_layers(m), _layers(d), strict=False):
            if not isinstance(b, Tensor) or b.shape != a.shape:
                got = f"shape {tuple(b.shape)}" if isinstance(b, Tensor) else type(b).__name__
                raise ContractError(f"asked {name!r} of shape {tuple(a.shape)}, the answer is a {got}")
            if not bool(torch.isfinite(b).all()):
                raise ContractError(f"the answer to {name!r} has entries that are NaN or infinite")
        if len(_layers(m)) != len(_layers(d)):
            raise ContractError(f"{len(_layers(m))} layers were asked, {len(_layers(d))} answered")
        return d

    def inner(self, m: Element, d: Element) -> Tensor:
        """⟨m, d⟩."""
        return inner(m, d, self.ball.core_ndim)


def _question(kind: str, shape: tuple[int, ...], source: np.random.Generator) -> Tensor:
    x = torch.as_tensor(source.standard_normal(shape), dtype=torch.float64)
    line = x[..., :1] * x[..., :1, :] if x.ndim > 1 else torch.where(torch.arange(x.numel()) == x.numel() // 2, 1.0, 0)
    if kind == "ones":
        return torch.ones_like(x)
    if kind == "one entry":
        return torch.zeros_like(x).index_put_(tuple(torch.tensor(n - 1) for n in shape), torch.tensor(-2.0).double())
    if kind == "zero line":
        return torch.cat([torch.zeros_like(x[:1]), x[1:]])
    if kind == "orthogonal":
        return torch.eye(*shape, dtype=x.dtype) if x.ndim == 2 else x.sign()
    return {"rank one": line.double(), "spiked": line / line.abs().max() + 0.01 * x}.get(kind, x)


def _layers(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else (x,)


def _scaled(x: Element, c: float) -> Element:
    return map_layers(lambda a: c * a, x)


def _gap(x: Element, y: Element) -> float:
    return max(float((a.double() - b.double()).abs().max()) for a, b in zip(_layers(x), _layers(y), strict=True))


def _most(value: Any) -> float:
    return float(torch.as_tensor(value).max())


def _demand(holds: bool | Tensor, message: str) -> None:
    if not bool(holds):
        raise ContractError(message)


# --- laws of every answer ---------------------------------------------------------------------------------------------


def shape(s: Subject) -> None:
    """The answer has the shape and the dtype of the question, one question at a time and in a batch."""
    for dtype in s.dtypes:
        asked = [m for _, m in s.questions(dtype)][:1] + ([s.batch(dtype)] if s.batched else [])
        for m in asked:
            for a, b in zip(_layers(m), _layers(s.ask(m, "first question")), strict=True):
                _demand(b.dtype == a.dtype, f"a question in {a.dtype} is answered in {b.dtype}")


def finite(s: Subject) -> None:
    """Every answer is finite."""
    for dtype in s.dtypes:
        for name, m in s.questions(dtype):
            s.ask(m, name)


def zero(s: Subject) -> None:
    """lmo(0) = 0."""
    for dtype in s.dtypes:
        m = zeros_like(next(s.questions(dtype))[1])
        d = s.answer(m, 0)
        _demand(not any(bool(b.isnan().any()) for b in _layers(d)), "the answer to 0 is NaN; it must be 0 (0/0?)")
        _demand(_gap(d, m) == 0, f"the answer to 0 has entries up to {_gap(d, m):.3g}; it must be 0")


def sign(s: Subject) -> None:
    """⟨m, d⟩ < 0: the answer descends."""
    values = {name: float(s.inner(m, s.ask(m, name)) / s.ball.dual_norm(m)) for name, m in s.questions()}
    wrong = {name: value for name, value in values.items() if value >= 0}
    name = max(values, key=values.__getitem__)
    what = "it maximises" if len(wrong) == len(values) else f"it descends on {len(values) - len(wrong)} other questions"
    _demand(
        not wrong,
        f"the answer increases ⟨m, ·⟩: ⟨m, d⟩ = {values[name]:+.3g} ‖m‖_* on {name!r}; {what}. "
        "A method steps x + gamma * lmo(m), so lmo must minimise",
    )


def feasible(s: Subject) -> None:
    """‖d‖ ≤ 1 + η."""
    sizes = {name: float(s.ball.norm(s.ask(m, name))) for name, m in s.questions()}
    name, eta = max(sizes, key=sizes.__getitem__), _most(s.promise.eta)  # type: ignore[union-attr]
    allowed = "the unit ball" if eta == 0 else f"the promised ball of radius {1 + eta:.6g}"
    _demand(sizes[name] <= 1 + eta + s.tolerance, f"leaves {allowed}: norm {sizes[name]:.6g} on {name!r}")


def aligned(s: Subject) -> None:
    """⟨m, d⟩ ≤ −(1 − ε)‖m‖_*."""
    least = 1 - _most(s.promise.epsilon)  # type: ignore[union-attr]
    for name, m in s.questions():
        d = s.ask(m, name)
        reached = float(-s.inner(m, d) / s.ball.dual_norm(m))
        hint = _whose(s.ball, m, d)
        _demand(reached >= least - s.tolerance, f"⟨m, d⟩ reaches {reached:.6g} of −‖m‖_* on {name!r}, not {least:.6g}{hint}")


def _whose(ball: NormBall, m: Element, d: Element) -> str:
    for kind in balls().values():
        for other, _ in kind.examples():
            if other.core_ndim == ball.core_ndim != () and other != ball and not isinstance(m, tuple):
                attained = float((inner(m, d, other.core_ndim) + other.dual_norm(m)).abs() / other.dual_norm(m))
                if attained < 1e-6 and float(other.norm(d)) < 1 + 1e-6:
                    return f"; wrong ball: it answers for {other}, not for {ball}"
    return "; wrong ball or radius?"


def distance(s: Subject) -> None:
    """The distance to the minimisers is at most δ."""
    most = _most(s.promise.delta)  # type: ignore[union-attr]
    for name, m in s.questions():
        delta = float(s.ball.distance_to_minimisers(m, s.ask(m, name)).value)
        _demand(delta <= most + s.tolerance, f"{delta:.6g} away from the minimisers on {name!r}; promised {most:.6g}")


def homogeneous(s: Subject) -> None:
    """lmo(c m) = lmo(m) for c > 0."""
    for dtype in s.dtypes:
        for name, m in s.questions(dtype):
            for c in SCALES:
                gap = _gap(s.ask(_scaled(m, c), f"{c:.1e} × {name}"), s.ask(m, name))
                hint = "an additive constant in the normalisation, or an absolute cutoff?"
                _demand(gap <= s.tolerance, f"lmo({c:.1e} m) differs from lmo(m) by {gap:.3g} in {dtype} on {name!r} ({hint})")


def batch(s: Subject) -> None:
    """A batch gives what a loop over its elements gives, m = 0 among them."""
    m = s.batch()
    whole, deep = s.ask(m, "the batch"), s.ask(map_layers(lambda a: a.unsqueeze(1), m), "a batch of two dimensions")
    for i in range(batch_shape(m, s.ball.core_ndim)[0]):
        alone = s.ask(map_layers(lambda a, i=i: a[i], m), f"number {i} alone", i)
        for d in (whole, map_layers(lambda a: a[:, 0], deep)):
            gap = _gap(map_layers(lambda a, i=i: a[i], d), alone)
            _demand(gap <= s.tolerance, f"number {i} is answered otherwise in a batch than alone, by {gap:.3g}")


def untouched(s: Subject) -> None:
    """The question is not modified."""
    for name, m in s.questions():
        before = map_layers(torch.clone, m)
        s.ask(m, name)
        _demand(_gap(before, m) == 0, f"the input is modified in place on {name!r}")


def odd(s: Subject) -> None:
    """lmo(−m) = −lmo(m) where the minimiser is unique."""
    for name, m in s.questions(start="gaussian"):
        gap = _gap(s.ask(_scaled(m, -1.0), f"−{name}"), _scaled(s.ask(m, name), -1.0))
        _demand(gap <= s.tolerance, f"lmo(−m) + lmo(m) = {gap:.3g} on {name!r}, not 0 (is it s − x, the step to the answer?)")


# --- laws of a ball ---------------------------------------------------------------------------------------------------


def norms(s: Subject) -> None:
    """Both norms: positive, ‖c x‖ = |c| ‖x‖, the triangle inequality, 0 at 0."""
    asked = list(s.questions())
    for kind, norm in (("norm", s.ball.norm), ("dual norm", s.ball.dual_norm)):
        _demand(norm(zeros_like(asked[0][1])) == 0, f"the {kind} of 0 is not 0")
        for (name, x), (_, y) in zip(asked, asked[1:] + asked[:1], strict=True):
            size = float(norm(x))
            _demand(size > 0, f"the {kind} of {name!r} is {size:.3g}")
            for c in (-3.0, *SCALES):
                _demand(abs(float(norm(_scaled(x, c))) / abs(c) / size - 1) <= 1e-12, f"{kind}({c:.1e} x) ≠ {abs(c):.1e} {kind}(x)")
            most = (size + float(norm(y))) * (1 + 1e-12)
            _demand(norm(map_layers(torch.add, x, y)) <= most, f"the {kind} breaks the triangle inequality on {name!r}")


def holder(s: Subject) -> None:
    """⟨m, x⟩ ≤ ‖m‖_* ‖x‖, for questions and answers alike."""
    asked = [m for _, m in s.questions()]
    for m in asked:
        for x in asked + [_scaled(s.ask(y, "x"), -1.0) for y in asked]:
            ratio = float(s.inner(m, x) / (s.ball.dual_norm(m) * s.ball.norm(x)))
            _demand(ratio <= 1 + s.tolerance, f"⟨m, x⟩ = {ratio:.6g} ‖m‖_* ‖x‖: the dual norm or the norm is too small")


def gradient(s: Subject) -> None:
    """lmo(m) = −∇‖m‖_*, and the gradient of ‖x‖ has dual norm 1 (the dual of the dual), by central differences."""
    for name, x in s.questions(start="gaussian"):
        gap = _gap(_scaled(s.ask(x, name), -1.0), _slope(s.ball.dual_norm, x))
        _demand(gap <= 1e-5, f"lmo(m) differs from −∇‖m‖_* by {gap:.3g} on {name!r}")
        size = float(s.ball.dual_norm(_slope(s.ball.norm, x)))
        _demand(abs(size - 1) <= 1e-5, f"∇‖x‖ has dual norm {size:.6g} on {name!r}: the norm is not the dual of the dual")


def _slope(function: Callable[[Any], Tensor], x: Element, h: float = 1e-6) -> Element:
    slopes = []
    for i, a in enumerate(_layers(x)):
        move = h * torch.eye(a.numel(), dtype=a.dtype).reshape(-1, *a.shape)
        ends = []
        for step in (move, -move):
            moved = tuple(b + (step if i == j else torch.zeros(a.numel(), *b.shape)) for j, b in enumerate(_layers(x)))
            ends.append(function(moved if isinstance(x, tuple) else moved[0]))
        slopes.append(((ends[0] - ends[1]) / (2 * h)).reshape(a.shape))
    return tuple(slopes) if isinstance(x, tuple) else slopes[0]


def ratio(s: Subject) -> None:
    """‖x‖₂ ≤ ρ‖x‖ and ‖m‖_* ≤ ρ‖m‖₂, and some candidate attains each."""
    n, rho = s.ball.core_ndim, s.ball.norm_ratio(s.shape)
    asked = [m for _, m in s.questions()]
    asked += [s.ask(m, "m") for m in asked]
    for kind, values in (
        ("‖x‖₂/‖x‖", [float(norm2(x, n) / s.ball.norm(x)) for x in asked]),
        ("‖m‖_*/‖m‖₂", [float(s.ball.dual_norm(m) / norm2(m, n)) for m in asked]),
    ):
        _demand(max(values) <= rho * (1 + 1e-9), f"{kind} reaches {max(values):.6g}, above norm_ratio = {rho:.6g}")
        _demand(max(values) >= rho * (1 - 1e-6), f"norm_ratio = {rho:.6g}, but {kind} reaches only {max(values):.6g}")


def errors(s: Subject) -> None:
    """δ = 0 at the answer, |ε| ≤ δ, |η| ≤ δ, δ ≤ ‖d − lmo(m)‖; where m = 0, δ = (‖d‖ − 1)⁺ and ε = 0."""
    asked = list(s.questions())
    for name, m in asked:
        z = s.ask(m, name)
        for x in [_scaled(x, c) for _, x in asked for c in (0.1, -1.0)] + [z, _scaled(z, 0.5), _scaled(z, 1.5)]:
            off = measure(s.ball, m, x)
            least, most = max(float(off.epsilon.abs()), float(off.eta.abs())), float(s.ball.norm(subtract(x, z)))
            _demand(least <= off.delta + s.tolerance, f"δ = {float(off.delta):.6g} below |ε| or |η| = {least:.6g} on {name!r}")
            _demand(off.delta <= most + s.tolerance, f"δ = {float(off.delta):.6g} above ‖d − lmo(m)‖ = {most:.6g} on {name!r}")
    for _, x in asked:
        off, least = measure(s.ball, zeros_like(x), x), max(0.0, float(s.ball.norm(x)) - 1)
        _demand(abs(float(off.delta) - least) <= s.tolerance * (1 + least), f"m = 0: δ = {float(off.delta):.6g}, not {least:.6g}")
        _demand(off.epsilon == 0, "m = 0: ε must be 0")


def parts(s: Subject) -> None:
    """Where the ball has parts: Σ weights = ‖m‖_*, build(1) = lmo(m), ⟨m, build(φ)⟩ = −Σφw, ‖build(φ)‖ = max|φ|."""
    m = s.batch()
    if not s.ball.has_parts:
        return
    weights, build = s.ball.parts(m)
    duals = s.ball.dual_norm(m)
    phi = torch.linspace(-0.7, 1.4, weights.shape[-1], dtype=weights.dtype).expand(weights.shape)
    counted = weights > 1e-12 * duals.unsqueeze(-1)
    sizes = torch.where(counted, phi.abs(), 0).amax(-1)
    _demand((weights >= 0).all(), "a weight is negative")
    _demand((weights.sum(-1) - duals).abs().max() <= s.tolerance * duals.max(), "Σ weights ≠ ‖m‖_*")
    _demand(_gap(build(torch.ones_like(weights)), s.ask(m, "the batch")) <= s.tolerance, "build(1) ≠ lmo(m)")
    off = (s.inner(m, build(phi)) + (phi * weights).sum(-1)).abs() / duals.clamp(min=1)
    _demand(off.max() <= s.tolerance, f"⟨m, build(φ)⟩ differs from −Σφw by {float(off.max()):.3g} ‖m‖_*")
    _demand((s.ball.norm(build(phi)) - sizes).abs().max() <= s.tolerance, "‖build(φ)‖ ≠ max|φ| over weights > 0")


def agree(s: Subject) -> None:
    """Norms and distances: a batch equals a loop, and float32 agrees with float64."""
    m = s.batch()
    d = map_layers(lambda a: a.flip(0), m)
    for name, function in (("norm", s.ball.norm), ("dual_norm", s.ball.dual_norm)):
        whole, low = function(m), function(map_layers(lambda a: a.float(), m))
        alone = torch.stack([function(map_layers(lambda a, i=i: a[i], m)) for i in range(len(whole))])
        _demand(torch.allclose(whole, alone, rtol=1e-12, atol=0), f"{name} of a batch is not that of a loop")
        _demand(torch.allclose(low.double(), whole, rtol=1e-5, atol=0), f"{name} in float32 is not that in float64")
    whole = s.ball.distance_to_minimisers(m, d).value
    pairs = [[map_layers(lambda a, i=i: a[i], x) for x in (m, d)] for i in range(len(whole))]
    alone = torch.stack([s.ball.distance_to_minimisers(*pair).value for pair in pairs])
    _demand(torch.allclose(whole, alone, rtol=1e-9, atol=1e-12), "distance_to_minimisers of a batch is not that of a loop")
    for name, x in s.questions(start="gaussian"):
        gap = _gap(s.ask(map_layers(lambda a: a.float(), x), name), s.ask(x, name))
        _demand(gap <= 1e-3, f"lmo in float32 differs from float64 by {gap:.3g} on {name!r}")
