"""The laws of every answer, be it of a ball, an oracle or a user's function: one law = one function, named after it."""

from __future__ import annotations

from typing import Any

import torch

from lmo.balls import NormBall
from lmo.balls import catalogue as balls
from lmo.elements import Element, batch_shape, inner, map_layers, zeros_like
from lmo.testing.subject import Subject, demand, gap, layers, pick, times

SCALES = (2.0**-40, 2.0**-30, 2.0**-10, 2.0**10, 2.0**40)  # powers of two: scaling by them rounds nothing


def shape(s: Subject) -> None:
    """The answer has the shape and the dtype of the question, alone and in a batch."""
    for dtype in s.dtypes:
        for m in [next(s.questions(dtype))[1], *([s.batch(dtype)] if s.batched else [])]:
            for a, b in zip(layers(m), layers(s.ask(m, "gaussian 1 or the batch")), strict=True):
                demand(b.dtype == a.dtype, f"a question in {a.dtype} is answered in {b.dtype}")


def finite(s: Subject) -> None:
    """Every answer to m ≠ 0 is finite."""
    for dtype in s.dtypes:
        for name, m in s.questions(dtype):
            s.ask(m, name)


def zero(s: Subject) -> None:
    """lmo(0) = 0."""
    for dtype in s.dtypes:
        m = zeros_like(next(s.questions(dtype))[1])
        d = s.answer(m, 0)
        demand(
            not any(bool(b.isnan().any()) for b in layers(d)), "lmo(0) is NaN; it must be 0 (0/0 in a normalisation?)"
        )
        demand(gap(d, m) == 0, f"lmo(0) has entries up to {gap(d, m):.3g}; it must be 0")


def sign(s: Subject) -> None:
    """⟨m, d⟩ < 0 where m ≠ 0: the answer descends."""
    values = {name: float(s.inner(m, s.ask(m, name)) / s.ball.dual_norm(m)) for name, m in s.questions()}
    wrong = [name for name, value in values.items() if value >= 0]
    worst = max(values, key=values.__getitem__)
    what = "it maximises" if len(wrong) == len(values) else f"not on {len(values) - len(wrong)} other questions"
    demand(
        not wrong,
        f"the answer increases ⟨m, ·⟩: ⟨m, d⟩ = {values[worst]:+.3g} ‖m‖_* on {worst!r}; {what}; "
        "a method steps x + gamma * lmo(m), so lmo must minimise",
    )


def feasible(s: Subject) -> None:
    """‖d‖ ≤ 1 + η, η as promised (0 for an exact answer)."""
    asked = dict(s.questions())
    sizes = {name: float(s.ball.norm(s.ask(m, name))) for name, m in asked.items()}
    worst, radius = max(sizes, key=sizes.__getitem__), 1 + _most(s.promise.eta)  # type: ignore[union-attr]
    if sizes[worst] > radius + s.tolerance:
        allowed = "the unit ball" if radius == 1 else f"the promised ball of radius {radius:.6g}"
        whose = _whose(s.ball, asked[worst], s.ask(asked[worst], worst))
        demand(False, f"leaves {allowed}: norm {sizes[worst]:.6g} on {worst!r}; {whose}")


def aligned(s: Subject) -> None:
    """⟨m, d⟩ ≤ −(1 − ε)‖m‖_*, ε as promised (0 for an exact answer)."""
    least = 1 - _most(s.promise.epsilon)  # type: ignore[union-attr]
    for name, m in s.questions():
        d = s.ask(m, name)
        reached = float(-s.inner(m, d) / s.ball.dual_norm(m))
        short = f"−⟨m, d⟩ is {reached:.6g} ‖m‖_* on {name!r}, not {least:.6g}"
        demand(reached >= least - s.tolerance, f"{short}; {_whose(s.ball, m, d)}")


def distance(s: Subject) -> None:
    """The distance from d to the set of minimisers is at most δ, as promised (0 for an exact answer)."""
    most = _most(s.promise.delta)  # type: ignore[union-attr]
    for name, m in s.questions():
        delta = float(s.ball.distance_to_minimisers(m, s.ask(m, name)).value)
        demand(delta <= most + s.tolerance, f"{delta:.6g} away from the minimisers on {name!r}, promised {most:.6g}")


def homogeneous(s: Subject) -> None:
    """lmo(c m) = lmo(m) for c from 2⁻⁴⁰ ≈ 1e-12 to 2⁴⁰ ≈ 1e12: 0-homogeneous."""
    for dtype in s.dtypes:
        for name, m in s.questions(dtype):
            d = s.ask(m, name)
            for c in SCALES:
                off = gap(s.ask(times(c, m), f"{c:.1e} × {name}"), d)
                why = "an additive constant in the normalisation, or an absolute cutoff?"
                demand(
                    off <= s.tolerance, f"lmo({c:.1e} m) differs from lmo(m) by {off:.3g} on {name!r}, {dtype} ({why})"
                )


def batch(s: Subject) -> None:
    """A batch gives what a loop over its elements gives, m = 0 among them."""
    if not s.batched:
        return
    m = s.batch()
    whole = s.ask(m, "a batch")
    deep = s.ask(map_layers(lambda a: a.unsqueeze(1), m), "a batch of two dimensions")
    for i in range(batch_shape(m, s.ball.core_ndim)[0]):
        alone = s.ask(pick(m, i), f"number {i} alone", i)
        off = max(gap(pick(whole, i), alone), gap(pick(pick(deep, i), 0), alone))
        demand(off <= s.tolerance, f"number {i} of a batch is answered otherwise alone, by {off:.3g}")


def untouched(s: Subject) -> None:
    """The question is not modified."""
    for name, m in s.questions():
        before = map_layers(torch.clone, m)
        s.ask(m, name)
        demand(gap(before, m) == 0, f"the question is modified in place, on {name!r}")


def odd(s: Subject) -> None:
    """lmo(−m) = −lmo(m) where the minimiser is unique."""
    for name, m in s.questions(start="gaussian"):
        off = gap(s.ask(times(-1.0, m), f"−{name}"), times(-1.0, s.ask(m, name)))
        demand(
            off <= s.tolerance,
            f"lmo(−m) + lmo(m) is {off:.3g} on {name!r}, not 0 (is it s − x, the way to the answer?)",
        )


def _most(value: Any) -> float:
    return float(torch.as_tensor(value, dtype=torch.float64).max())


def _whose(ball: NormBall, m: Element, d: Element) -> str:
    """The ball of the catalogue whose LMO would answer like this."""
    for kind in balls().values():
        for other, _ in kind.examples():
            if other.core_ndim == ball.core_ndim and other != ball and not isinstance(m, tuple):
                off = (inner(m, d, other.core_ndim) / other.dual_norm(m) + 1).abs()
                if off < 1e-6 and other.norm(d) < 1 + 1e-6:
                    return f"wrong ball: this answers for {other}, not for {ball}"
    return "wrong ball or wrong radius?"
