"""A counterexample, and what came out when it was run again, in a few lines."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from experiments.refutation.adapted import ADAPTED
from experiments.refutation.case import SMALL, Case
from experiments.refutation.problem_case import PROBLEM
from experiments.refutation.programme_case import PROGRAMME
from experiments.refutation.ratio import words_of
from experiments.refutation.replay import Replay
from experiments.refutation.worst_case import WORST

_MOST_STEPS = 8  # gradient norms that are printed


def show_case(case: Case, console: Console) -> None:
    """The instance and its numbers, in a few lines."""
    words = {SMALL: _small, PROBLEM: _problem, WORST: _worst, PROGRAMME: _programme, ADAPTED: _adapted}[case.kind]
    where = f"  where {case.claim['where']}" if case.claim.get("where") else ""
    lines = [f"  {case.claim['bound']}{where}", *words(case.instance)]
    lines.append("  " + ", ".join(f"{name} = {_number(value)}" for name, value in case.constants.items()))
    how = "exactly" if case.exact else f"± {case.uncertainty:.2g} ({case.runs} runs)"
    lines.append(
        f"  measured {case.measured:.9g} {how}, bound {case.bound:.9g}: {words_of(case.measured, case.bound, 9)}"
    )
    if case.bound <= 0:
        lines.append(
            "  The claim has no positive bound there. If it is made for fewer constants, attack it among those"
        )
        lines[-1] += ' alone, with --where, as in --where "delta < 1/2".'
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _problem(one: dict[str, Any]) -> list[str]:
    if "coupling" in one:
        return _layered(one)
    matrix = len(one["shape"]) == 2
    right = f" and {_list(one['right'])} on the right" if matrix else ""
    noise = "" if one["noise_std"] is None else f", noise {one['noise_std']:g}"
    return [
        f"  quadratic on {'×'.join(map(str, one['shape']))}, curvatures {_list(one['left'])}{right}",
        f"  x_0 = {one['start']}",
        f"  {one['ball']} norm, oracle {one['oracle']} with δ = {one['delta']:g}, K = {one['steps']}{noise}",
    ]


def _worst(one: dict[str, Any]) -> list[str]:
    found = one["found"]
    what = found["kind"] if "kind" in found else f"piecewise quadratic in {len(found['start'])} coordinate(s)"
    scale = "" if one["scale"] == 1 else f", all answers {one['scale']:g} times as long"
    return [
        f"  {what} (paper_notes.md, Lower bounds; `lmo worst-case`), {one['norm']} norm",
        f"  its adversary's answers within δ = {one['delta']:g}{scale}, K = {one['steps']}",
    ]


def _programme(one: dict[str, Any]) -> list[str]:
    count, dimensions = len(one["heights"]), len(one["start"])
    answers = "exact answers" if one["answers"] is None else "answers as found"
    return [
        f"  convex function through {count} points in {dimensions} dimension(s), from a semidefinite programme, ℓ2",
        f"  x_0 = {_list(one['start'])}, {answers}, K = {one['steps']}",
    ]


def _adapted(one: dict[str, Any]) -> list[str]:
    answers = f"answers {one['low']:g} long where they go down, {one['high']:g} where they go up"
    return [
        f"  Huber function of one coordinate, {one['copies']:g} of them alike, curvature {one['curvature']:g}, "
        f"slopes cut at ±{one['slope']:g}",
        f"  x_0 = {one['start']:g}, K = {one['steps']}, {answers}",
        f"  noise that reads the momentum (experiments/regime/unlucky.py), deviation {one['noise_std']:g} in each",
    ]


def _layered(one: dict[str, Any]) -> list[str]:
    return [
        f"  f = Σ a_ij⟨X_i, X_j⟩/2 on {len(one['coupling'])} layer(s), a = {'; '.join(map(_list, one['coupling']))}",
        f"  x_0 = {one['start']}",
        f"  {one['ball']} norm, oracle {one['oracle']} with δ = {one['delta']:g}, K = {one['steps']}",
    ]


def _small(one: dict[str, Any]) -> list[str]:
    lines = []
    lines.append(
        f"  f = Σ h(x_j), curvatures {_list(one['curvature'])}, slopes cut at {_list(one['slope'], '∞')}, {one['ball']}"
    )
    lines.append(f"  x_0 = {_list(one['start'])}, K = {one['steps']}, γ = {one['step_size']:g}, α = {one['alpha']:g}")
    lines += _further(one)
    rows = one["answers"][: one["period"]]
    lines.append(
        f"  answers {'; '.join(_list(row) for row in rows[:_MOST_STEPS])}{' …' if len(rows) > _MOST_STEPS else ''}"
    )
    if any(one["spread"]) or any(one["first_spread"]):
        lines.append(
            f"  noise of standard deviation {_list(one['spread'])} (odds of bad luck {one['odds']:g}), "
            f"at first {_list(one['first_spread'])} ({one['first_odds']:g})"
        )
    return lines


def _further(one: dict[str, Any]) -> list[str]:
    """What most instances have none of."""
    schedule, lines = one.get("schedule", [1.0]), []
    if any(one.get("centre", [])) or one.get("weight_decay"):
        lines.append(f"  least at {_list(one['centre'])}, weight decay λ = {one['weight_decay']:g}")
    if one.get("bend"):
        lines.append(f"  slopes rise twice as fast after each distance 1/L1 = {1 / one['bend']:g}")
    if set(schedule) != {1.0}:
        more = " …" if len(schedule) > _MOST_STEPS else ""
        lines.append(f"  steps γ times {_list(schedule[:_MOST_STEPS])}{more}")
    if one.get("relative"):
        lines.append(f"  noise besides in proportion to the gradient, {one['relative']:g} times it")
    return lines


def _number(value: float | list[float]) -> str:
    return _list(value) if isinstance(value, list) else f"{value:g}"  # type: ignore[arg-type]


def _list(values: list[float | None], none: str = "–") -> str:
    return "(" + ", ".join(none if v is None else f"{v:.6g}" for v in values) + ")"


def show_replay(case: Case, seen: Replay, console: Console) -> None:
    """What came out again, and whether the case is fair."""
    norms = ", ".join(f"{v:.6g}" for v in seen.norms[:_MOST_STEPS])
    more = " …" if len(seen.norms) > _MOST_STEPS else ""
    lucky = "" if case.exact else " (without bad luck)"
    lines = [f"again: ‖∇f(x_k)‖_* = {norms}{more}{lucky}"] if seen.norms else []
    compared = f"bound {seen.bound:.9g}, {words_of(seen.measured, seen.bound, 9)}"
    lines.append(f"again: measured {seen.measured:.9g} ± {seen.uncertainty:.2g}, {compared}")
    lines += [f"NOT FAIR: {reason}" for reason in seen.broken]
    lines.append("it violates the bound" if seen.violates else "it does not violate the bound")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
