"""A proof evaluated on a run: the slack of every inequality, and its share of what the bound gives away."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from bounds import evaluate
from bounds.inequalities import Inequality
from bounds.layered_chain import LayeredTelescope
from bounds.layers import PER_LAYER, OverLayers, summed
from bounds.potential import PotentialTelescope
from bounds.recursion import Recursion
from bounds.run_columns import GAPS, Constants, Table, column
from bounds.scheduled_chain import ScheduledTelescope
from bounds.symbols import COLUMNS, CONSTANTS, LAYER_COLUMNS, b, c, epsilon, eta
from bounds.theorem import Theorem
from bounds.threshold import PHI, Threshold

ROUNDING = 1e-9  # a slack counts as negative below −ROUNDING · Σ|its terms|
SUBNORMAL = 1e-300  # … and below this, where relative rounding ends


@dataclass(frozen=True)
class Violation:
    """The first inequality whose slack is negative on a run: an assumption or a constant is wrong."""

    inequality: str
    run: int
    step: int
    slack: float


@lru_cache(maxsize=512)
def _compiled(expression: sp.Expr) -> tuple[tuple[str, ...], tuple[str, ...], Any]:
    plain = expression.subs({b: 1 + eta, c: 1 - epsilon})
    known = COLUMNS | LAYER_COLUMNS
    columns = tuple(name for name, s in known.items() if s in plain.free_symbols)
    constants = tuple(evaluate.code_names(plain))
    symbols = [known[n] for n in columns] + [CONSTANTS[n].symbol for n in constants]
    return columns, constants, sp.lambdify(symbols, plain, [{"OverLayers": summed}, "numpy"])


def on_run(expression: sp.Expr, columns: Table, constants: Constants) -> np.ndarray:
    """A step expression on the columns of a trajectory: shape (run, step); (run, step, layer) for that of one layer."""
    if expression.has(OverLayers) or expression.free_symbols & set(LAYER_COLUMNS.values()):
        return _on_layers(expression, columns, constants)
    column_names, constant_names, function = _compiled(expression)
    shape = columns["gradient_norm"].shape
    given = [column(n, columns, constants) for n in column_names]
    given += [np.broadcast_to(np.asarray(constants[n], float), shape[:1])[:, None] for n in constant_names]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.broadcast_to(np.asarray(function(*given), float), shape)


def _on_layers(expression: sp.Expr, columns: Table, constants: Constants) -> np.ndarray:
    """`on_run` for constants of the layers, whose last axis is the layer; the others are numbers."""
    column_names, constant_names, function = _compiled(expression)
    per_layer = {CONSTANTS[n].symbol for n in constant_names} & set(PER_LAYER)
    given = [columns[n] for n in column_names]
    for n in constant_names:
        number = np.asarray(constants[n], float)
        given.append(np.atleast_1d(number) if CONSTANTS[n].symbol in per_layer else number)
    return np.asarray(function(*given), float)


def step_slacks(theorem: Theorem, columns: Table, constants: Constants) -> dict[str, np.ndarray]:
    """Every deterministic inequality's slack (run, step): those of the steps, and those of the momentum's parts."""
    slacks = {i.name: on_run(i.slack, columns, constants) for i in theorem.proof.step}
    if theorem.proof.memory is not None:
        ratio = np.asarray(constants["norm_ratio"], float).reshape(-1, 1)
        slacks["memory triangle"] = (
            columns["start_norm"] + columns["drift_norm"] + columns["noise_norm"] - columns["error_norm"]
        )
        slacks["norm ratio"] = ratio * columns["noise_norm_2"] - columns["noise_norm"]
        for name, part in theorem.proof.memory.parts():
            if name == "drift" and name not in theorem.proof.memory.in_mean:
                slacks["drift"] = on_run(part, columns, constants) - columns["drift_norm"]
        std = np.asarray(constants["noise_std"], float).reshape(-1, 1)
        slacks["noise variance"] = std**2 - columns["noise_std"] ** 2
    return slacks


def first_violation(theorem: Theorem, columns: Table, constants: Constants) -> Violation | None:
    """The first inequality of the proof (in its order) that some step of some run breaks; None where all hold."""
    scale = _scales(theorem, columns, constants)
    for name, slack in step_slacks(theorem, columns, constants).items():
        broken = slack < -ROUNDING * scale[name] - SUBNORMAL
        if broken.any():
            where = tuple(int(i) for i in np.argwhere(broken)[0])  # (run, step), and the layer for those of one layer
            return Violation(name, where[0], where[1], float(slack[where]))
    return None


def _scales(theorem: Theorem, columns: Table, constants: Constants) -> dict[str, np.ndarray]:
    """Σ|terms| of each slack: what its rounding error is relative to."""
    scales = {}
    for i in theorem.proof.step:
        evaluate_term = _on_layers if i.by_layer else on_run
        terms = [np.abs(evaluate_term(t, columns, constants)) for t in _terms(i.slack)]
        scales[i.name] = sum(terms[1:], terms[0]) + _of_gaps(i, columns, constants) + _of_iterates(i, columns)
    around = np.abs(columns["error_norm"]) + np.abs(columns["gradient_norm"])
    std = np.asarray(constants.get("noise_std", 0.0), float).reshape(-1, 1)
    for name in ("memory triangle", "norm ratio", "drift"):
        scales[name] = around + columns["noise_norm_2"] + columns["fed_norm"]
    scales["noise variance"] = std**2 + columns["noise_std"] ** 2
    return scales


def _of_gaps(inequality: Inequality, columns: Table, constants: Constants) -> np.ndarray | float:
    """What the rounding of gaps adds, as a scale: 10⁻¹⁵ of |f(x_0)| and the gap at x_0, times ∂slack/∂gap."""
    total: np.ndarray | float = 0.0
    for name, expression in _slopes(inequality.slack):
        slope = np.abs(on_run(expression, columns, constants))
        start = np.asarray(constants[GAPS[name][1]], float).reshape(-1, 1)
        total = total + 1e-15 / ROUNDING * slope * (np.abs(columns["objective"][:, :1]) + np.abs(start))
    return total


def _of_iterates(inequality: Inequality, columns: Table) -> np.ndarray | float:
    """What the rounding of x_{k+1} adds to a slack with f(x_{k+1}): 10⁻¹⁵ of the way so far, times the gradient."""
    if COLUMNS["objective_next"] not in inequality.slack.free_symbols:
        return 0.0
    way = np.cumsum(columns["step_size"] * columns["direction_norm"], axis=-1)
    return 1e-15 / ROUNDING * columns["gradient_norm"] * way


@lru_cache(maxsize=512)
def _slopes(slack: sp.Expr) -> tuple[tuple[str, sp.Expr], ...]:
    """(column, ∂slack/∂column) for every gap that a slack contains."""
    return tuple((name, sp.diff(slack, COLUMNS[name])) for name in GAPS if COLUMNS[name] in slack.free_symbols)


@lru_cache(maxsize=512)
def _terms(slack: sp.Expr) -> list[sp.Expr]:
    """The terms of a slack; those under a sum over layers one by one."""
    outside = sp.Add.make_args(sp.expand(slack))
    return [
        OverLayers(part) if t.has(OverLayers) else t
        for t in outside
        for part in (sp.Add.make_args(sp.expand(t.args[0])) if t.has(OverLayers) else (t,))
    ]


def step_shares(theorem: Theorem, columns: Table, constants: Constants) -> np.ndarray:
    """What the average of a momentum error multiplies each step with, (run, step): γ_k/γ under a schedule, else 1."""
    if not isinstance(theorem.proof.closing, ScheduledTelescope):
        return np.ones_like(columns["gradient_norm"])
    return columns["step_size"] / np.asarray(constants["step_size"], float).reshape(-1, 1)


def expected_slacks(theorem: Theorem, columns: Table, constants: Constants) -> dict[str, np.ndarray]:
    """The inequalities that hold in expectation: name → slack per run, whose mean over seeds must not be negative.

    The parts of the momentum error against their averages over the run: "start", "noise" (in ρ‖·‖₂), STORM's "drift".
    """
    if theorem.proof.memory is None:
        return {}
    ratio = np.asarray(constants["norm_ratio"], float)
    share = step_shares(theorem, columns, constants)
    measured = {
        "start": (share * columns["start_norm"]).mean(-1),
        "noise": ratio * (share * columns["noise_norm_2"]).mean(-1),
    }
    if "drift" in theorem.proof.memory.in_mean:
        measured["drift"] = (share * columns["drift_norm"]).mean(-1)
    parts = dict(theorem.proof.memory.parts())
    return {name: _constant(parts[name], constants) - value for name, value in measured.items() if name in parts}


def budget(theorem: Theorem, columns: Table, constants: Constants, objective_last: np.ndarray) -> dict[str, np.ndarray]:
    """Where bound^p − measured^p goes (p: the closing rule's power): inequality → share per run, summing to it exactly.

    "telescope" holds Δ − (f(x_0) − f(x_K)); "minimum below average" what the metric gives away; "floor" and "claim"
    what the claim adds to the derived bound. Statistical parts ("start", "noise") are per run: average them over seeds.
    """
    if isinstance(theorem.proof.closing, Recursion):
        return _budget_of_gaps(theorem, theorem.proof.closing, columns, constants)
    if isinstance(theorem.proof.closing, Threshold):
        return _budget_of_threshold(theorem, columns, constants, objective_last)
    derived = theorem.proof.derive()
    power = theorem.proof.closing.power
    rate = _constant(derived.rate, constants)
    steps = columns["gradient_norm"].shape[-1]
    fall = columns["objective"][:, 0] - objective_last
    shares = {i.name: _given_away(i, columns, constants).mean(-1) / rate for i in theorem.proof.step}
    shares["telescope"] = (np.asarray(constants["initial_gap"], float) - fall) / (steps * rate)
    if theorem.proof.memory is not None:
        per_error = _constant(derived.memory_rate, constants) / rate
        share = step_shares(theorem, columns, constants)
        norms = {name: (share * columns[f"{name}_norm"]).mean(-1) for name in ("start", "drift", "noise")}
        parts = {name: _constant(part, constants) for name, part in theorem.proof.memory.parts()}
        ratio = np.asarray(constants["norm_ratio"], float)
        in_norm_2 = ratio * (share * columns["noise_norm_2"]).mean(-1)
        shares["memory triangle"] = per_error * (sum(norms.values()) - (share * columns["error_norm"]).mean(-1))
        for name in ("start", "drift"):
            shares[name] = per_error * (parts.get(name, 0.0) - norms[name])
        shares["norm ratio"] = per_error * (in_norm_2 - norms["noise"])
        shares["noise variance"] = per_error * (parts["noise"] - in_norm_2)
    powered = columns["gradient_norm"] ** power
    if isinstance(theorem.proof.closing, LayeredTelescope) and power == 2:
        weight, _ = theorem.proof.closing.weighted(theorem.proof.step)
        weighted = on_run(OverLayers(weight * LAYER_COLUMNS["layer_gradient_norm"] ** 2), columns, constants)
        shares["Cauchy–Schwarz"] = weighted.mean(-1) / rate - powered.mean(-1)
    if isinstance(theorem.proof.closing, PotentialTelescope):
        for name, share in theorem.proof.closing.ends(theorem.proof.step, columns, constants).items():
            shares[name] = shares.get(name, 0.0) + share / (steps * rate)
    if theorem.metric.over == "minimum":
        shares["minimum below average"] = powered.mean(-1) - powered.min(-1)
    open_bound = sum(_constant(term, constants) for term in derived.contributions.values())
    proved = _constant(derived.value, constants) ** power
    shares["floor"] = proved - open_bound
    shares["claim"] = _constant(theorem.claim, constants) ** power - proved
    runs = columns["gradient_norm"].shape[0]
    return {name: np.broadcast_to(share, (runs,)) for name, share in shares.items() if np.any(np.abs(share) > 0)}


def _budget_of_gaps(
    theorem: Theorem, closing: Recursion, columns: Table, constants: Constants
) -> dict[str, np.ndarray]:
    """`budget` of a bound on the last gap."""
    step = theorem.proof.step
    given = {i.name: _given_away(i, columns, constants) for i in step}
    first, following = (on_run(gap, columns, constants) for gap in (closing.gap, closing.of_step))
    gaps = np.concatenate([first[:, :1], following], -1)
    shares = closing.shares(step, gaps, given, lambda expression: on_run(expression, columns, constants))
    proved = _constant(theorem.proof.derive().value, constants)
    shares["claim"] = np.broadcast_to(_constant(theorem.claim, constants) - proved, gaps.shape[:1])
    return {name: share for name, share in shares.items() if np.any(np.abs(share) > 0)}


def _budget_of_threshold(
    theorem: Theorem, columns: Table, constants: Constants, objective_last: np.ndarray
) -> dict[str, np.ndarray]:
    """`budget` of a bound through φ: shares of φ(bound) − φ(measured), times the slope of its chord."""
    proved, rate = (_constant(e, constants) for e in (theorem.proof.derive().value, theorem.proof.derive().rate))
    phi, least = on_run(PHI, columns, constants), columns["gradient_norm"].min(-1)
    fall = columns["objective"][:, 0] - objective_last
    gap = np.asarray(constants["initial_gap"], float)
    shares = {i.name: _given_away(i, columns, constants).mean(-1) / rate for i in theorem.proof.step}
    shares["telescope"] = (gap - fall) / (phi.shape[-1] * rate)
    shares["minimum below average"] = phi.mean(-1) - phi.min(-1)
    chord = (proved - least) / (gap / (phi.shape[-1] * rate) - phi.min(-1))
    shares = {name: share * chord for name, share in shares.items()}
    shares["claim"] = _constant(theorem.claim, constants) - proved
    return {name: np.broadcast_to(share, least.shape) for name, share in shares.items() if np.any(np.abs(share) > 0)}


def _given_away(inequality: Inequality, columns: Table, constants: Constants) -> np.ndarray:
    """weight · slack at every step (run, step), summed over layers where the inequality is one of each layer."""
    given = on_run(inequality.weight * inequality.slack, columns, constants)
    return given.sum(-1) if inequality.by_layer else given


def _constant(expression: sp.Expr, constants: Constants) -> np.ndarray:
    return evaluate.value(expression, {n: np.asarray(v, float) for n, v in constants.items()})
