"""The main job: every study, its verdicts, its figures, and one plain paragraph of what came out."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import xarray as xr

from bounds.theorem import Theorem
from experiments import store
from experiments.oracles.report import usual
from experiments.studies import (
    coupling,
    deterministic_table,
    geometry,
    kim_oh,
    lower_bounds,
    oracle_lessons,
    proofs,
    regime,
    theorems,
    worst_cases,
)
from experiments.studies.base import Finding, Result, Tick, silent
from experiments.verdict import Verdict


@dataclass
class Outcome:
    """Everything that `lmo verify` found."""

    table: theorems.Table
    studies: list[Result] = field(default_factory=list)
    drawings: dict[str, xr.Dataset] = field(default_factory=dict)  # figure name → what it draws

    @property
    def findings(self) -> list[Finding]:
        """The findings of all studies."""
        return [finding for study in self.studies for finding in study.findings]

    @property
    def failed(self) -> bool:
        """Whether a bound was violated or a finding did not come out."""
        return any(v.status == "violated" for v in self.table.verdicts) or not all(f.agrees for f in self.findings)


# how long each part takes, as fractions of the whole, for the progress bar
_PARTS = {
    "theorems": 0.70,
    "table": 0.05,
    "bounds": 0.06,
    "worst": 0.03,
    "coupling": 0.03,
    "regime": 0.02,
    "lessons": 0.04,
    "kim-oh": 0.03,
    "pictures": 0.04,
}


def verify(quick: bool = False, device: str = "cpu", tick: Tick = silent) -> Outcome:
    """Runs the theorem table and the studies; `quick` runs fewer steps, seeds, δ and a shorter lower bound."""
    scale = theorems.QUICK if quick else theorems.FULL
    table = theorems.run_table(scale=scale, tick=_part(tick, "theorems"), device=device)
    outcome = Outcome(table)
    deltas = (0.5,) if quick else (0.1, 0.25, 0.5, 0.75, 0.9)
    outcome.studies.append(deterministic_table.study(deltas, _part(tick, "table"), device))
    outcome.studies.append(
        lower_bounds.study((0.0, 0.5), _part(tick, "bounds"), device)
        if quick
        else lower_bounds.study(tick=_part(tick, "bounds"), device=device)
    )
    outcome.studies.append(coupling.study(_part(tick, "coupling")))
    outcome.studies.append(regime.study(regime.QUICK, _part(tick, "regime")))  # all of it: `lmo study regime`
    outcome.studies.append(
        worst_cases.study((0.0, 0.5), _part(tick, "worst"), device, 400, 4)
        if quick
        else worst_cases.study(tick=_part(tick, "worst"), device=device)
    )
    outcome.studies.append(oracle_lessons.study(_part(tick, "lessons")))
    outcome.studies.append(kim_oh.study(2 if quick else 8, _part(tick, "kim-oh")))
    outcome.drawings = {
        "convergence": proofs.convergence(table.examples),
        "slack_budget": proofs.slack_budget(table.examples),
        "ball": geometry.planes(),
        "oracle_pareto": usual(),
    }
    for study in outcome.studies:
        outcome.drawings |= {figure: study.data[data] for figure, data in study.figures.items()}
    return outcome


def verify_theorem(theorem: Theorem, quick: bool = False, device: str = "cpu", tick: Tick = silent) -> Outcome:
    """The theorem table for one statement alone, a user's own, on every shipped setting that it applies to."""
    scale = theorems.QUICK if quick else theorems.FULL
    return Outcome(theorems.run_table([theorem], scale=scale, tick=tick, device=device))


def _part(tick: Tick, name: str) -> Tick:
    names = list(_PARTS)
    before = sum(_PARTS[n] for n in names[: names.index(name)])
    return lambda what, done: tick(what, before + _PARTS[name] * done)


def paragraph(outcome: Outcome) -> str:
    """What was confirmed, what is only an upper bound and what points the other way, in plain words."""
    verdicts = outcome.table.verdicts
    count = Counter(v.status for v in verdicts)
    bounded = [v for v in verdicts if v.status == "holds"]
    tightest = max(bounded, key=lambda v: v.ratio)
    estimated = sum(v.constants == "estimate" for v in verdicts)
    lines = [
        f"{len(verdicts)} settings of {len({v.theorem for v in verdicts})} theorems were run: "
        f"{count['holds']} hold, {count['vacuous']} hold but say no more than smoothness alone, "
        f"{count['undecided']} are undecided, {count['violated']} are violated."
        + (f" In {estimated} settings a constant is only an estimate." if estimated else ""),
        f"The tightest reached {100 * tightest.ratio:.1f} % of its bound "
        f"({tightest.theorem}, {tightest.ball}, {tightest.problem}).",
    ]
    by_kind: dict[str, list[Finding]] = {}
    for finding in outcome.findings:
        if "over that at δ = 0" in finding.statement:
            by_kind.setdefault(finding.kind, []).append(finding)
    says = {
        "confirmed": "The predicted coupling of step size and oracle error "
        "(a less precise oracle wants a smaller step) is confirmed for",
        "only an upper bound": "It is only an upper bound, with no shift seen, for",
        "points the other way": "It points the other way (the best step grows) for",
    }
    for kind, sentence in says.items():
        if by_kind.get(kind):
            shown = ", ".join(
                f"{f.statement.split(':')[0]} (×{f.measured:.2f}, predicted ×{f.expected:.2f})" for f in by_kind[kind]
            )
            lines.append(f"{sentence}: {shown}.")
    tight = next((f for f in outcome.findings if f.statement.startswith("tight instance")), None)
    if tight:
        lines.append(
            f"Without error D1 is attained (to {tight.measured:.5f} of its value); with error the factor (1+δ)/(1−δ) "
            "is an upper bound of which the staircase was made to pay part: "
            + ", ".join(_share(f) for f in outcome.findings if f.statement.startswith("staircase, δ = 0."))
            + ". All of it cannot be paid (D1-A); how much more is open."
        )
    lines += _lessons(outcome.findings)
    wrong = [f for f in outcome.findings if not f.agrees]
    if wrong:
        lines.append(
            "NOT reproduced: "
            + "; ".join(f"{f.statement}: {f.measured:.5g}, expected {f.expected:.5g}" for f in wrong)
            + "."
        )
    return " ".join(lines)


def _lessons(findings: list[Finding]) -> list[str]:
    """One sentence on the errors of the oracles in use."""
    ships = next((f for f in findings if f.statement.startswith("5 steps on [0.01, 1]")), None)
    chi = next((f for f in findings if "= 0.001, κ = 2, q = 5" in f.statement), None)
    lost = next((f for f in findings if f.statement.startswith("classical-2, q = 5")), None)
    if ships is None or chi is None or lost is None:
        return []
    return [
        f"Of the oracles in use, the one that ships with torch has {ships.measured:.1f} times the smallest δ (five "
        "steps, singular values from 0.01). But δ is the wrong number where singular values decay: five Newton–Schulz "
        f"steps have 1/(1 − δ) = {chi.measured:.0f} at a smallest singular value of 10⁻³‖m‖_F, while no spectrum makes "
        f"them lose more than a factor {lost.expected:.2f} of alignment."
    ]


def _share(finding: Finding) -> str:
    delta = float(finding.statement.split("δ = ")[1].split(":")[0])
    return f"{finding.measured:.2f} of {(1 + delta) / (1 - delta):.2f} at δ = {delta:g}"


def write(outcome: Outcome, folder: Path) -> Path:
    """Writes data, figures, cases and the report into `folder`; returns the path of the report."""
    from experiments.report import render

    folder.mkdir(parents=True, exist_ok=True)
    write_verdicts(outcome.table.verdicts, folder)
    (folder / "findings.json").write_text(
        json.dumps([asdict(f) for f in outcome.findings], indent=1, ensure_ascii=False)
    )
    for i, case in enumerate(outcome.table.cases):
        (folder / "cases").mkdir(exist_ok=True)
        (folder / "cases" / f"{i:03d}.json").write_text(json.dumps(case, indent=1, ensure_ascii=False))
    for name, dataset in outcome.drawings.items():
        store.save(dataset, folder / "data" / f"{name}.zarr")
    for name, example in outcome.table.examples.items():
        store.save(example, folder / "data" / f"trajectory-{name}.zarr")
    report = folder / "report.html"
    report.write_text(render(outcome, folder / "figures"), encoding="utf-8")
    return report


def write_verdicts(verdicts: Iterable[Verdict], folder: Path) -> None:
    """verdicts.json and verdicts.csv."""
    records: list[dict[str, Any]] = [v.record() for v in verdicts]
    (folder / "verdicts.json").write_text(json.dumps(records, indent=1, ensure_ascii=False))
    with open(folder / "verdicts.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(records[0]) if records else ["theorem"])
        writer.writeheader()
        writer.writerows(records)
