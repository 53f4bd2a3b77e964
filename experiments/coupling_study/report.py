"""A finished study as data: the map that the figure draws, the curves over δ, tables for the terminal, a paragraph."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import xarray as xr

from experiments.coupling_study import calibration
from experiments.coupling_study.measured import MEASURES, QUANTITIES, Measured
from experiments.coupling_study.study import Outcome
from experiments.coupling_study.verdicts import MODELS, NO_ROOM, SHIFTS, Verdict
from experiments.statistics.verdict import APPEARS, MORE, OTHER, UNDECIDED, UPPER, VERDICTS


def coupling_map(outcome: Outcome) -> xr.Dataset:
    """What `figures.coupling_map` draws: per line, at its judged arm."""
    lines, names = outcome.form.lines, list(SHIFTS)
    table = np.full((len(lines), len(names), len(MODELS)), "", dtype=object)
    numbers = {name: np.full((len(lines), len(names)), np.nan) for name in ("shift", "low", "high", "resolvable")}
    predicted = np.full(table.shape, np.nan)
    for one in outcome.verdicts:
        at = lines.index(one.line), names.index(one.quantity)
        table[(*at, MODELS.index(one.model))] = one.verdict
        predicted[(*at, MODELS.index(one.model))] = one.predicted
        for name, value in (("shift", one.estimate), ("low", one.low), ("high", one.high)):
            numbers[name][at] = value
        numbers["resolvable"][at] = one.resolvable
    at_line = [outcome.at(line) for line in lines]
    regret = {name: [of.of(of.arms[i], "regret")[k] for of, i in at_line] for k, name in enumerate(_ENDS)}
    errors = {name: ("line", [getattr(of.errors[i], name) for of, i in at_line]) for name in MEASURES}
    dimensions = ("line", "quantity")
    return xr.Dataset(
        {"verdict": ((*dimensions, "model"), table.astype(str)), "predicted": ((*dimensions, "model"), predicted)}
        | {name: (dimensions, values) for name, values in numbers.items()}
        | {name: ("line", values) for name, values in regret.items()}
        | errors,
        {
            "quantity": names, "model": list(MODELS), "setting": ("line", [line.setting.label for line in lines]),
            "error": ("line", [line.error for line in lines]),
            "judged": ("line", [of.arms[i].label for of, i in at_line]),
        },
        {"form": outcome.form.name, "level": outcome.form.level, "together": int(outcome.form.intervals != 1)},
    )  # fmt: skip


BENT = 0.01  # p-value of a straight line below which it is called none
_ENDS = ("regret", "regret_low", "regret_high")


def arm_rows(outcome: Outcome) -> list[dict[str, Any]]:
    """One row an arm: best step size, alpha and value with intervals, measured errors, predictions, regret."""
    return [_row(of, i) for of in outcome.measured for i in range(len(of.arms))]


def _row(of: Measured, i: int) -> dict[str, Any]:
    arm = of.arms[i]
    row: dict[str, Any] = {"setting": of.setting.label, "arm": arm.label}
    for name, quantity in (("step_size", "log_step"), ("alpha", "log_alpha"), ("value", "log_value")):
        row[name], row[f"{name}_low"], row[f"{name}_high"] = (float(np.exp(x)) for x in of.of(arm, quantity))
    row |= of.errors[i]._asdict()
    for model, found in zip(MODELS, (of.additive[i], of.signed[i]), strict=True):
        for name in ("step_size", "alpha", "value"):
            row[f"{model}_{name}"] = None if found is None else getattr(found, name)
    row["regret"], row["regret_low"], row["regret_high"] = (float(np.expm1(x)) for x in of.of(arm, "regret"))
    row["gain_of_additive_advice"], row["gain_of_signed_advice"] = (
        float(-np.expm1(of.of(arm, f"{model}_advice")[0])) for model in MODELS
    )
    return row | {"at_a_limit": bool(of.limit_hit[i].any())}


def verdict_row(one: Verdict) -> dict[str, Any]:
    """One verdict as plain data; ratios, but differences for beta."""
    turn = (lambda x: float(x)) if one.quantity == "beta" else (lambda x: float(np.exp(x)))
    return {
        "setting": one.line.setting.label, "error": one.line.error, "quantity": one.quantity, "model": one.model,
        "measured": turn(one.estimate), "low": turn(one.low), "high": turn(one.high),
        "predicted": None if np.isnan(one.predicted) else turn(one.predicted), "grid_error": one.grid,
        "resolvable": one.resolvable, "seeds": one.seeds, "seeds_needed": one.seeds_needed, "verdict": one.verdict,
        "reason": one.reason,
    }  # fmt: skip


def table(outcome: Outcome) -> list[dict[str, str]]:
    """One row a line, for a terminal: the regret, then what was measured, predicted and judged."""
    rows = []
    for line in outcome.form.lines:
        of, i = outcome.at(line)
        error = of.errors[i]
        row = {"setting": line.setting.label, "error": of.arms[i].label}
        row |= {"δ, δ′": f"{error.delta:.2f}, {error.spread:.2f}", "ε, η": f"{error.epsilon:.2f}, {error.eta:.2f}"}
        mid, low, high = of.of(of.arms[i], "regret")
        ends = ", ".join(f"{100 * np.expm1(end):.1f}" if np.isfinite(end) else "–" for end in (low, high))
        row["regret"] = f"{percent(mid)} [{ends}]"
        mine = {(v.quantity, v.model): v for v in outcome.verdicts if v.line == line}
        for quantity in ("step size", "alpha", "value"):
            if (quantity, "additive") not in mine:
                row |= {quantity: "", f"{quantity}: additive": "", f"{quantity}: signed": ""}
                continue
            one = mine[quantity, "additive"]
            row[quantity] = f"×{np.exp(one.estimate):.2f} [{np.exp(one.low):.2f}, {np.exp(one.high):.2f}]"
            for model in MODELS:
                told = mine[quantity, model]
                says = "–" if np.isnan(told.predicted) else f"×{np.exp(told.predicted):.2f}"
                row[f"{quantity}: {model}"] = f"{says} {SHORT[told.verdict]}"
        row[SEEDS] = _seeds(mine)
        rows.append(row)
    return rows


def _seeds(mine: dict[tuple[str, str], Verdict]) -> str:
    """How many there are, and how many the additive model's shifts ask for; – where none are enough or known."""
    asked = [mine[name, "additive"] for name in ("step size", "alpha", "value") if (name, "additive") in mine]
    needed = ", ".join(str(one.seeds_needed) if one.seeds_needed else "–" for one in asked)
    return f"{asked[0].seeds} ({needed})"


def exponent_rows(outcome: Outcome) -> list[dict[str, Any]]:
    """One row a line or scaling and quantity: the exponent in its axis by regression, and those of the models."""
    return [
        {
            "setting": one.along.setting.label, "error": one.along.error, "axis": one.along.axis[0],
            "points": list(one.along.axis[1]), "quantity": one.quantity,
            "exponent": one.exponent, "low": one.low, "high": one.high, "lack_of_fit": one.lack_of_fit,
            "additive": one.additive, "signed": one.signed,
        }
        for one in outcome.exponents
    ]  # fmt: skip


def exponent_table(outcome: Outcome) -> list[dict[str, str]]:
    """The same, one row a line, for a terminal: measured with interval (additive; signed); * where it is no power."""
    rows: dict[Any, dict[str, str]] = {}
    for one in outcome.exponents:
        axis, points = one.along.axis
        start = {"exponents of": one.along.setting.label, "error": one.along.error, "in": axis}
        row = rows.setdefault(one.along, start | {"over": f"{points[0]:.3g} … {points[-1]:.3g}"})
        models = "; ".join("–" if np.isnan(x) else f"{x:.2f}" for x in (one.additive, one.signed))
        bent = "*" if one.lack_of_fit < BENT else ""
        row[one.quantity] = f"{one.exponent:.2f}{bent} [{one.low:.2f}, {one.high:.2f}] ({models})"
    names = dict.fromkeys(name for row in rows.values() for name in row)
    return [{name: row.get(name, "") for name in names} for row in rows.values()]


SHORT = {APPEARS: "appears", UPPER: "bound only", MORE: "more", OTHER: "other way", UNDECIDED: "undecided"}
SEEDS = "seeds (additive shifts ask for)"


def paragraph(outcome: Outcome) -> list[str]:
    """Sentences: regret, each verdict's count, both readings of momentum, what was resolvable, what intervals claim."""
    said = [_lost(outcome)]
    for quantity in ("step size", "alpha", "value"):
        for model in MODELS:
            counts = Counter(v.verdict for v in outcome.verdicts if (v.quantity, v.model) == (quantity, model))
            if counts:
                listed = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS)
                said.append(f"{quantity}, {model} model: {listed} (of {sum(counts.values())}).")
    said += _readings(outcome)
    additive = [v for v in outcome.verdicts if v.model == "additive" and np.isfinite(v.predicted)]
    short = [v for v in additive if not v.resolvable <= abs(v.predicted)]
    said.append(
        f"In {len(short)} of {len(additive)} predicted shifts the study cannot, by its pilot (by its intervals, where "
        "that saw a flat optimum) and its grid, tell that size from none: there it can call neither a presence nor an "
        "absence."
    )
    said.append(calibration.sentence(calibration.checks(outcome.measured), outcome.level))
    return [*said, _claimed(outcome)]


def _claimed(outcome: Outcome) -> str:
    """What the intervals claim."""
    form = outcome.form
    if form.intervals == 1:
        return f"Intervals: each holds at {100 * form.level:g} % by itself, not all together."
    return (
        f"Intervals: the {form.family} of the shifts that are judged, the regrets and the exponents are made to hold "
        f"together at {100 * form.level:g} % (Bonferroni, each {outcome.level:.6f}; noise by a bootstrap over seeds, "
        "the grid's error on top); those of single arms in the JSON have the same level and are not counted."
    )


def summary(outcome: Outcome) -> dict[str, Any]:
    """Everything of a study as plain data: what `coupling.json` holds."""
    return {
        "form": outcome.form.name, "level_of_each_interval": outcome.level, "run_steps": outcome.run_steps,
        "verdicts": [verdict_row(v) for v in outcome.verdicts], "arms": arm_rows(outcome),
        "exponents": exponent_rows(outcome), "calibration": calibration_rows(outcome), "paragraph": paragraph(outcome),
    }  # fmt: skip


def calibration_rows(outcome: Outcome) -> list[dict[str, Any]]:
    """One row a shift whose truth is known; logarithms. miss: in units of its interval."""
    return [
        {
            "setting": one.arm.setting.label, "arm": one.arm.label, "quantity": one.quantity, "estimate": one.estimate,
            "low": one.low, "high": one.high, "truth": one.truth, "miss": one.miss,
        }
        for one in calibration.checks(outcome.measured)
    ]  # fmt: skip


def _lost(outcome: Outcome) -> str:
    """What a user loses who keeps the tuning of an exact oracle: the headline."""
    worst = max(outcome.form.lines, key=lambda line: _regret(outcome, line))
    of, i = outcome.at(worst)
    lost = [_regret(outcome, line) for line in outcome.form.lines]
    return (
        f"Keeping the tuning of an exact oracle costs {percent(float(np.median(lost)))} of the value in the median "
        f"line, at most {percent(max(lost))} ({of.arms[i].label}; {worst.setting.label})."
    )


def percent(regret: float) -> str:
    """A regret in logarithms as a part of the value; all of it where the run itself is lost."""
    return f"{100 * np.expm1(regret):.1f} %" if np.isfinite(regret) else "all"


def _regret(outcome: Outcome, line: Any) -> float:
    of, i = outcome.at(line)
    value = of.intervals.estimate[i, QUANTITIES.index("regret")]
    return float(value) if np.isfinite(value) else float("inf")


def _readings(outcome: Outcome) -> list[str]:
    """“A less precise oracle asks for a larger momentum parameter”, with the parameter read as α and as β = 1 − α."""
    shifts = [v for v in outcome.verdicts if v.quantity == "alpha" and v.model == "additive"]
    if not shifts:
        return []
    grows = sum(v.low > 0 and v.estimate >= v.resolvable for v in shifts)
    falls = sum(v.high < 0 and -v.estimate >= v.resolvable for v in shifts)
    ended = sum(v.reason == NO_ROOM for v in shifts)
    room = f" {ended} are undecided as the exact oracle's best α is 1, and no larger one can appear." if ended else ""
    return [
        "“A larger momentum parameter for a less precise oracle”: read as α (less memory) the runs support it in "
        f"{grows} of {len(shifts)} lines; read as β = 1 − α (more memory), in {falls}; in "
        f"{len(shifts) - grows - falls} no shift is resolved.{room}"
    ]
