"""The further laws of a norm ball: one law = one function, named after it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from lmo.elements import map_layers, norm2, subtract, zeros_like
from lmo.oracles import measure
from lmo.testing.of_answers import SCALES
from lmo.testing.subject import ContractError, Subject, demand, gap, layers, pick, times, to


def norms(s: Subject) -> None:
    """Both norms: 0 at 0 only, ‖c x‖ = |c| ‖x‖, the triangle inequality."""
    asked = list(s.questions())
    for kind, norm in (("norm", s.ball.norm), ("dual_norm", s.ball.dual_norm)):
        demand(norm(zeros_like(asked[0][1])) == 0, f"{kind}(0) is not 0")
        for (name, x), (_, y) in zip(asked, asked[1:] + asked[:1], strict=True):
            size = float(norm(x))
            demand(size > 0, f"{kind} of {name!r} is {size:.3g}")
            for c in (-3.0, *SCALES):
                value = float(norm(times(c, x))) / abs(c)
                demand(
                    abs(value - size) <= 1e-12 * size, f"{kind}({c:.1e} x) is not {abs(c):.1e} {kind}(x), on {name!r}"
                )
            most = (size + float(norm(y))) * (1 + 1e-12)
            demand(norm(map_layers(torch.add, x, y)) <= most, f"{kind} breaks the triangle inequality on {name!r}")


def holder(s: Subject) -> None:
    """⟨m, x⟩ ≤ ‖m‖_* ‖x‖ for questions and answers (Hölder)."""
    asked = list(s.questions())
    others = [x for _, x in asked] + [times(-1.0, s.ask(x, name)) for name, x in asked]
    for name, m in asked:
        most = max(float(s.inner(m, x) / (s.ball.dual_norm(m) * s.ball.norm(x))) for x in others)
        demand(most <= 1 + s.tolerance, f"⟨m, x⟩ = {most:.6g} ‖m‖_* ‖x‖ on {name!r}: one of the norms is too small")


def gradient(s: Subject) -> None:
    """lmo(m) = −∇‖m‖_*, and ∇‖x‖ has dual norm 1 (the dual of the dual is the norm), by central differences."""
    for name, x in s.questions(start="gaussian"):
        off = gap(times(-1.0, s.ask(x, name)), _slope(s.ball.dual_norm, x))
        demand(off <= 1e-5, f"lmo(m) differs from −∇‖m‖_* by {off:.3g} on {name!r}")
        size = float(s.ball.dual_norm(_slope(s.ball.norm, x)))
        demand(
            abs(size - 1) <= 1e-5, f"∇‖x‖ has dual norm {size:.6g}, not 1: norm and dual_norm are no pair, on {name!r}"
        )


def ratio(s: Subject) -> None:
    """‖x‖₂ ≤ ρ‖x‖ and ‖m‖_* ≤ ρ‖m‖₂ with ρ = norm_ratio(shape), and both are attained."""
    n, rho = s.ball.core_ndim, s.ball.norm_ratio(s.shape)
    asked = [x for name, m in s.questions() for x in (m, s.ask(m, name))]
    for kind, values in (
        ("‖x‖₂/‖x‖", [float(norm2(x, n) / s.ball.norm(x)) for x in asked]),
        ("‖m‖_*/‖m‖₂", [float(s.ball.dual_norm(m) / norm2(m, n)) for m in asked]),
    ):
        demand(max(values) <= rho * (1 + 1e-9), f"{kind} reaches {max(values):.6g}, above norm_ratio = {rho:.6g}")
        demand(max(values) >= rho * (1 - 1e-6), f"norm_ratio = {rho:.6g}, but {kind} only reaches {max(values):.6g}")


def distances(s: Subject) -> None:
    """|ε|, |η| ≤ δ ≤ ‖d − lmo(m)‖; δ is 1-Lipschitz in d where exact; where m = 0, δ = (‖d‖ − 1)⁺ and ε = 0."""
    asked = list(s.questions())
    for name, m in asked:
        z = s.ask(m, name)
        answers = [times(c, x) for _, x in asked for c in (0.1, -1.0)] + [z, times(0.5, z), times(1.5, z)]
        offs = [measure(s.ball, m, d) for d in answers]
        for i, (d, off) in enumerate(zip(answers, offs, strict=True)):
            delta, far = float(off.delta), float(s.ball.norm(subtract(d, z)))
            least = max(float(off.epsilon.abs()), float(off.eta.abs()))
            demand(least <= delta + s.tolerance, f"δ = {delta:.6g} is below |ε| or |η| = {least:.6g}, on {name!r}")
            demand(delta <= far + s.tolerance, f"δ = {delta:.6g} is above ‖d − lmo(m)‖ = {far:.6g}, on {name!r}")
            step = float(s.ball.norm(subtract(d, answers[i - 1])))
            jump = abs(delta - float(offs[i - 1].delta)) if off.delta_exact and offs[i - 1].delta_exact else 0.0
            demand(jump <= step + s.tolerance, f"δ changes by {jump:.6g} as d moves by {step:.6g}, on {name!r}")
    for name, d in asked:
        off, least = measure(s.ball, zeros_like(d), d), max(0.0, float(s.ball.norm(d)) - 1)
        demand(
            abs(float(off.delta) - least) <= s.tolerance,
            f"m = 0, d = {name!r}: δ = {float(off.delta):.6g}, not {least:.6g}",
        )
        demand(off.epsilon == 0, "m = 0: ε is not 0")


def parts(s: Subject) -> None:
    """Where the ball has parts: Σw = ‖m‖_*, build(1) = lmo(m), ⟨m, build(φ)⟩ = −Σφw, ‖build(φ)‖ = max |φ|."""
    m = s.batch()
    if not s.ball.has_parts:
        return _refused(ValueError, lambda: s.ball.parts(m), "has_parts is False, but parts(m) answers")
    weights, build = s.ball.parts(m)
    duals = s.ball.dual_norm(m)
    phi = torch.linspace(1.4, -0.7, weights.shape[-1], dtype=weights.dtype).expand(weights.shape)
    sizes = torch.where(weights > 1e-12 * duals.unsqueeze(-1), phi.abs(), 0).amax(-1)
    aligned = (s.inner(m, build(phi)) + (phi * weights).sum(-1)).abs()
    demand((weights >= 0).all(), "a weight is negative")
    demand(((weights.sum(-1) - duals).abs() <= s.tolerance * duals).all(), "Σ weights is not ‖m‖_*")
    demand(gap(build(torch.ones_like(weights)), s.ask(m, "a batch")) <= s.tolerance, "build(1) is not lmo(m)")
    demand((aligned <= s.tolerance * duals).all(), "⟨m, build(φ)⟩ is not −Σφw")
    demand((s.ball.norm(build(phi)) - sizes).abs().max() <= s.tolerance, "‖build(φ)‖ is not max |φ| over w > 0")


def precision(s: Subject) -> None:
    """Norms and distances: a batch equals a loop. Norms and answers: float32 agrees with float64."""
    m = s.batch()
    d = map_layers(lambda a: 0.3 * a.flip(0), m)
    for name, function in (("norm", s.ball.norm), ("dual_norm", s.ball.dual_norm)):
        whole = function(m)
        alone = torch.stack([function(pick(m, i)) for i in range(len(whole))])
        demand(torch.allclose(whole, alone, rtol=1e-12, atol=0), f"{name} of a batch is not that of a loop")
        low = function(to(torch.float32, m)).double()
        demand(torch.allclose(low, whole, rtol=1e-5, atol=0), f"{name} in float32 is not that in float64")
    far = s.ball.distance_to_minimisers
    alone = torch.stack([far(pick(m, i), pick(d, i)).value for i in range(len(d if isinstance(d, Tensor) else d[0]))])
    demand(
        torch.allclose(far(m, d).value, alone, rtol=1e-9, atol=1e-12), "distances of a batch are not those of a loop"
    )
    for name, x in s.questions(start="gaussian"):
        off = gap(s.ask(to(torch.float32, x), name), s.ask(x, name))
        demand(off <= 1e-3, f"lmo in float32 differs from float64 by {off:.3g} on {name!r}")


def refusals(s: Subject) -> None:
    """Entries that are not finite raise `ValueError`, integers `TypeError`, for norms, lmo and distances."""
    _, m = next(s.questions())
    far = s.ball.distance_to_minimisers
    for ask in (s.ball.norm, s.ball.dual_norm, s.ball.lmo, lambda x: far(x, m), lambda x: far(m, x)):
        for bad in (float("nan"), float("inf")):
            _refused(ValueError, partial(ask, times(bad, m)), f"an element of {bad} is not refused")
        _refused(TypeError, partial(ask, to(torch.int64, m)), "an element of integers is not refused")


def _refused(error: type[Exception], attempt: Callable[[], Any], message: str) -> None:
    try:
        attempt()
    except error:
        return
    raise ContractError(f"{message} with {error.__name__}")


def _slope(function: Callable[[Any], Tensor], x: Any, h: float = 1e-6) -> Any:
    slopes = []
    for i, a in enumerate(layers(x)):
        moves = h * torch.eye(a.numel(), dtype=a.dtype).reshape(-1, *a.shape)
        ends = []
        for step in (moves, -moves):
            moved = tuple(b + (step if i == j else torch.zeros(len(step), *b.shape)) for j, b in enumerate(layers(x)))
            ends.append(function(moved if isinstance(x, tuple) else moved[0]))
        slopes.append(((ends[0] - ends[1]) / (2 * h)).reshape(a.shape))
    return tuple(slopes) if isinstance(x, tuple) else slopes[0]
