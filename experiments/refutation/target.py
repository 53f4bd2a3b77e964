"""What is attacked: a bound, and the method, assumptions and metric that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp

import bounds
from bounds import evaluate
from bounds.assumptions import Setting, StartInside
from bounds.symbols import alpha, b, c, delta, epsilon, eta, gamma
from bounds.theorem import Theorem
from experiments.expressions import parse, write
from experiments.refutation.quantities import text_of
from experiments.refutation.ranges import Range, read_range
from experiments.refutation.refusals import refuse_metric, refuse_mixed_layers, refuse_undeclared
from experiments.refutation.simulate import Rules

MOMENTA = ("none", "ema", "nesterov", "storm")
METRICS = ("mean", "minimum", "last")
STEPS = ("fixed", "scheduled", "open-loop", "adaptive", "l0-l1", "layer-fixed", "layer-adaptive")
BALLS = ("l-inf", "l2")
KNOWN = {
    "initial_gap",
    "smoothness",
    "steps",
    "step_size",
    "alpha",
    "noise_std",
    "norm_ratio",
    "delta",
    "epsilon",
    "eta",
    "mean_smoothness",
    "mu",
    "diameter",
    "l0",
    "l1",
    "weight_decay",
    "variation",
    "peak",
    "iterate_bound",
}
DECLARED = frozenset({"mu", "diameter", "l0", "l1"})  # what small instances declare beyond Δ, L, L̄ and σ


@dataclass(frozen=True)
class Target:
    """A claim under attack.

    theorem: the statement; its claim, tuning, method, metric and assumptions are what is attacked, not its proof.
    errors: "additive" (the claim speaks of δ), "pair" (of ε, η) or "none" (of neither: the oracle is exact).
    balls: the norms in which the claim's assumptions can hold, of `BALLS`; none for claims about layers, which are
        attacked with networks of several layers alone. stochastic: gradients are.
    where: the range of constants in which the claim is made; everywhere where it is None.
    """

    theorem: Theorem
    errors: str
    balls: tuple[str, ...]
    stochastic: bool
    where: Range | None = None

    @property
    def free(self) -> tuple[str, ...]:
        """The parameters for all whose values the claim must hold: it contains them."""
        symbols = self.theorem.claim.free_symbols
        return tuple(code for symbol, code in ((gamma, "step_size"), (alpha, "alpha")) if symbol in symbols)

    @property
    def needed(self) -> frozenset[str]:
        """The code names of the constants of the claim, of its tuning and of its assumptions."""
        theorem = self.theorem
        return frozenset(evaluate.code_names(sp.Tuple(theorem.step, *theorem.tuning.values()))) | self.constants

    @property
    def constants(self) -> frozenset[str]:
        """The code names of those of the claim, and of the largest step that it allows where it limits it."""
        limit, largest = self.theorem.step_at_most, set()
        if limit is not None:
            largest = {"step_size", *evaluate.code_names(limit)}
        return frozenset({*self.theorem.constants, *largest})

    def bound(self, numbers: Mapping[str, np.ndarray]) -> np.ndarray:
        """The claim at these constants; ∞ out of its range, and where the statement does not allow so large a step."""
        value = self._in_range(self.theorem.claim, numbers, np.inf)
        if self.theorem.step_at_most is None:
            return value
        largest = self.theorem.largest_step(numbers) * (1 + 1e-12)
        return np.where(numbers["step_size"] <= largest, value, np.inf)

    def tuned(self, numbers: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The parameters that the claim does not contain, as its tuning says; "step_size", "alpha"."""
        known = dict(numbers)
        for symbol, code in ((alpha, "alpha"), (gamma, "step_size")):
            if code not in self.free and symbol in self.theorem.tuning:
                value = self._in_range(self.theorem.tuning[symbol], known, 1.0)
                known[code] = np.minimum(value, 1.0) if code == "alpha" else value
        return {code: known[code] for code in ("step_size", "alpha") if code in known and code not in numbers}

    def _in_range(self, expression: sp.Expr, numbers: Mapping[str, np.ndarray], outside: float) -> np.ndarray:
        """The expression where the claim is made, which is where it must be a number; `outside` elsewhere."""
        inside = np.asarray(True) if self.where is None else self.where.holds(numbers)
        if inside.all():
            return evaluate.value(expression, numbers)
        values = np.full(inside.shape, outside)
        if inside.any():
            rows = {name: np.broadcast_to(value, inside.shape)[inside] for name, value in numbers.items()}
            values[inside] = evaluate.value(expression, rows)
        return values

    @property
    def rules(self) -> Rules:
        """What the claim says about its runs."""
        method, metric = self.theorem.method, self.theorem.metric
        inside = any(isinstance(a, StartInside) for a in self.theorem.assumes)
        return Rules(
            method.momentum, method.start, method.step, metric.over, text_of(metric.of_step), method.decay, inside
        )

    def words(self) -> str:
        """The claim in one line."""
        left = self.theorem.metric.words()
        where = "" if self.where is None else f"  where {self.where.text}"
        return f"{'E ' if self.theorem.expectation else ''}{left} <= {write(self.theorem.claim)}{where}"


def target(theorem: Theorem, where: str | None = None) -> Target:
    """The target that a statement is, in the range `where`; `ValueError` where nothing here can attack it: the reason.

    where: comparisons over the claim's constants, joined by commas.
    """
    method, claim = theorem.method, theorem.claim
    about = f"{theorem.name} cannot be attacked"
    for what, value, known in (("momentum", method.momentum, MOMENTA), ("metric", theorem.metric.over, METRICS)):
        if value not in known:
            raise ValueError(f"{about}: no attack knows the {what} {value!r}; known: {', '.join(known)}")
    if method.step not in STEPS:
        raise ValueError(f"{about}: no attack knows the step {method.step!r}; known: {', '.join(STEPS)}")
    refuse_metric(theorem, about)
    tunings = [value for symbol, value in theorem.tuning.items() if symbol not in claim.free_symbols]
    symbols = sp.Tuple(claim, *tunings).free_symbols
    if delta in symbols and symbols & {epsilon, eta, b, c}:
        raise ValueError(f"{about}: it speaks of delta and of epsilon, eta (b, c) at once; use one of the two models")
    unknown = set(evaluate.code_names(sp.Tuple(claim, *tunings))) - KNOWN
    if unknown:
        raise ValueError(f"{about}: no attack knows the constant(s) {', '.join(sorted(unknown))}")
    refuse_undeclared(theorem, about)
    if gamma not in claim.free_symbols and gamma not in theorem.tuning:
        raise ValueError(f"{about}: it has no step size and no tuning for one")
    if method.momentum != "none" and alpha not in claim.free_symbols and alpha not in theorem.tuning:
        raise ValueError(f"{about}: its method has momentum, but it has no alpha and no tuning for one")
    errors = "additive" if delta in symbols else "pair" if symbols & {epsilon, eta, b, c} else "none"
    refuse_mixed_layers(theorem, about)
    stochastic, balls = (False, ()) if theorem.method.step.startswith("layer-") else _settings(theorem)
    aim = Target(theorem, errors, balls, stochastic)
    if where is None:
        return aim
    if method.step.startswith("layer-"):
        raise ValueError(f"{about} in a range alone: every layer has constants of its own")
    return replace(aim, where=read_range(where, sorted(aim.constants)))


def _settings(theorem: Theorem) -> tuple[bool, tuple[str, ...]]:
    """Whether gradients are stochastic, and in which norms the assumptions can hold."""
    method, reasons = theorem.method, []
    for stochastic in (False, True):
        fitting = []
        for ball in BALLS:
            setting = Setting(
                hilbert=ball == "l2",
                stochastic=stochastic,
                momentum=method.momentum,
                start=method.start,
                step=method.step,
                decay=method.decay,
                mean_smooth=True,
                convex_in_ball=method.decay,
                known=DECLARED,
            )
            reason = theorem.applies_to(setting)
            if reason:
                reasons.append(reason)
            else:
                fitting.append(ball)
        if fitting:
            return stochastic, tuple(fitting)
    raise ValueError(f"{theorem.name} cannot be attacked: {'; '.join(dict.fromkeys(reasons))}")


def claimed(bound: str, setting: str, step_size: str | None = None, alpha_is: str | None = None) -> Theorem:
    """A user's bound in the setting of a shipped statement: its method, assumptions and metric.

    A bound without γ (α) is read at a tuned step (α): `step_size` (`alpha_is`) where given, else the setting's own.
    """
    theorem = bounds.load_theorem(setting)
    changes: dict[str, Any] = {"claim": parse(bound), "tuned_value": None, "leading": None, "limits": ()}
    tuning = dict(theorem.tuning)
    for symbol, text in ((gamma, step_size), (alpha, alpha_is)):
        if text is not None:
            tuning[symbol] = parse(text)
    symbols = changes["claim"].free_symbols
    if delta in symbols:  # the setting's tuning is in ε, η; the claim in δ
        tuning = {s: v.subs({b: 1 + delta, c: 1 - delta, epsilon: delta, eta: delta}) for s, v in tuning.items()}
    elif not symbols & {epsilon, eta, b, c}:
        tuning = {s: v.subs({b: 1, c: 1, epsilon: 0, eta: 0, delta: 0}) for s, v in tuning.items()}
    return replace(theorem, name="claimed bound", label="claim", tuning=tuning, **changes)
