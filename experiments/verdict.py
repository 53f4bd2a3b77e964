"""Measured against predicted: holds, violated, undecided, vacuous or not applicable, with uncertainty and reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student

from bounds import certificate
from bounds.theorem import Theorem

TABLE_ERROR = 1e-6  # the chance that any cell of a table is called violated by the noise of its seeds
SLACK = 1e-9  # measured may exceed bound by this much of it: rounding
ROUNDING = 1e-15  # … and by this much of what is known without it: a gap of 0 is measured as a difference
STATUSES = ("violated", "undecided", "holds", "vacuous", "not applicable")


@dataclass(frozen=True)
class Verdict:
    """One cell of the table.

    measured, uncertainty: the metric (mean over seeds) and the half-width of its simultaneous confidence interval; 0
        for deterministic runs. bound: the claim at this cell's constants. ratio: measured / bound.
    loosest, share: the inequality of the proof that gives away most, and its part of bound^p − measured^p.
    promised: whether ε, η were promised by the oracle or measured on the run. constants: how L and Δ are known.
    """

    theorem: str
    problem: str
    ball: str
    oracle: str
    delta: float
    status: str
    measured: float
    uncertainty: float
    bound: float
    ratio: float
    loosest: str
    share: float
    seeds: int
    promised: bool
    constants: str
    reason: str = ""

    def record(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def half_width(samples: np.ndarray, cells: int) -> float:
    """Half-width of the confidence interval of the mean at error TABLE_ERROR shared over `cells` cells (Student)."""
    if samples.size < 2:
        return 0.0
    quantile = float(student.ppf(1 - TABLE_ERROR / (2 * cells), samples.size - 1))
    return quantile * float(samples.std(ddof=1)) / np.sqrt(samples.size)


def judge(
    theorem: Theorem,
    columns: Mapping[str, np.ndarray],
    constants: Mapping[str, Any],
    objective_last: np.ndarray,
    *,
    about: Mapping[str, Any],
    cells: int,
    constants_are: str,
    promised: bool,
) -> Verdict:
    """The verdict on the runs of one cell (columns (run, step); runs differ only in their seed)."""
    samples = theorem.metric.of(certificate.on_run(theorem.metric.of_step, columns, constants))
    bound = float(theorem.bound(**{n: constants[n] for n in theorem.constants}))
    measured = float(samples.mean()) if theorem.expectation else float(samples.max())
    width = half_width(samples, cells) if theorem.expectation else 0.0
    shares = certificate.budget(theorem, columns, constants, objective_last)
    means = {name: float(share.mean()) for name, share in shares.items()}
    loosest = max(means, key=lambda n: means[n]) if means else "none"
    total = sum(means.values())
    broken = _broken(theorem, columns, constants) or _broken_in_expectation(theorem, columns, constants, cells)
    trivial = _trivial(theorem, constants)
    status, reason = _status(measured, width, bound, trivial, broken, estimated=constants_are == "estimate")
    share = means[loosest] / total if total > 0 else 0.0
    return Verdict(
        theorem=theorem.name,
        **{key: about[key] for key in ("problem", "ball", "oracle")},
        delta=float(about["delta"]),
        status=status,
        measured=measured,
        uncertainty=width,
        bound=bound,
        ratio=measured / max(bound, ROUNDING * trivial[0]),
        loosest=loosest,
        share=share,
        seeds=int(samples.size),
        promised=promised,
        constants=constants_are,
        reason=reason,
    )


def _trivial(theorem: Theorem, constants: Mapping[str, Any]) -> tuple[float, str]:
    """What is known of the metric without the statement, and in words."""
    if theorem.metric.over == "last":
        gap = float(constants.get("ball_gap", constants["initial_gap"]))
        return gap, f"the gap is {gap:.4g} at the start"
    value = float(np.sqrt(2 * np.sum(constants["smoothness"]) * constants["initial_gap"]))  # Σ: a product of layers
    if "iterate_bound" in theorem.constants:  # ‖∇f‖_* + (λ/c)⟨∇f, x⟩ ≤ (1 + λX/c)‖∇f‖_*
        value *= 1 + constants["weight_decay"] * constants["iterate_bound"] / (1 - constants["epsilon"])
    elif theorem.method.decay:  # ⟨∇f, x⟩ + (c/λ)‖∇f‖_* ≤ ((b + c)/λ)‖∇f‖_*
        value *= (2 + constants["eta"] - constants["epsilon"]) / constants["weight_decay"]
    return value, f"smoothness alone keeps the gradient below √(2LΔ) = {value:.4g}"


def _status(
    measured: float, width: float, bound: float, trivial: tuple[float, str], broken: str | None, *, estimated: bool
) -> tuple[str, str]:
    """The status of a cell and its reason; `broken` says which inequality of the proof fails; `trivial`: `_trivial`."""
    status, reason = "holds", ""
    allowed = bound * (1 + SLACK) + ROUNDING * trivial[0]
    if measured - width > allowed:
        status, reason = "violated", f"measured {measured:.6g} ± {width:.2g} is above the bound {bound:.6g}"
    elif broken is not None:
        status = "violated"
    elif measured > allowed:
        status, reason = "undecided", "above the bound, but within the noise of the seeds"
    elif bound >= trivial[0]:
        status, reason = "vacuous", trivial[1]
    if broken is not None:
        reason = f"{broken}; {reason}" if reason else broken
    if status == "violated" and estimated:
        return "undecided", f"an estimated constant was too small, or the claim is wrong: {reason}"
    return status, reason


def _broken(theorem: Theorem, columns: Mapping[str, np.ndarray], constants: Mapping[str, Any]) -> str | None:
    """The first inequality that fails on a single step of a run; None where none does."""
    found = certificate.first_violation(theorem, columns, constants)
    if found is None:
        return None
    return f"`{found.inequality}` fails at step {found.step} of run {found.run} by {-found.slack:.3g}"


def _broken_in_expectation(
    theorem: Theorem, columns: Mapping[str, np.ndarray], constants: Mapping[str, Any], cells: int
) -> str | None:
    """The first statistical inequality whose slack is negative beyond the noise of the seeds; None where none is."""
    for name, slack in certificate.expected_slacks(theorem, columns, constants).items():
        scale = certificate.ROUNDING * (1 + float(np.abs(slack).max()))
        if float(slack.mean()) + half_width(slack, cells) < -scale:
            return f"`{name}` fails in expectation by {-float(slack.mean()):.3g}"
    return None


def summarise(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """One row per (theorem, oracle): counts by status, the tightest cell, the inequality that is loosest most often."""
    groups: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault((verdict.theorem, verdict.oracle), []).append(verdict)
    rows = []
    order = list(dict.fromkeys(v.theorem for v in verdicts))
    for (theorem, oracle), cells in sorted(groups.items(), key=lambda item: order.index(item[0][0])):
        tightest = max(cells, key=lambda v: v.ratio)
        names = [v.loosest for v in cells]
        rows.append(
            {
                "theorem": theorem,
                "oracle": oracle,
                "cells": len(cells),
                **{status: sum(v.status == status for v in cells) for status in STATUSES[:4]},
                "tightest": tightest,
                "loosest": max(sorted(set(names)), key=names.count),
            }
        )
    return rows
