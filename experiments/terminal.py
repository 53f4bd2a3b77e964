"""What `lmo verify` shows in a terminal: a live progress bar, the verdict table, the paragraph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from experiments.verdict import Verdict, summarise

if TYPE_CHECKING:
    from bounds.check import Check
    from bounds.theorem import Theorem

TABLE_WIDTH = 132


def run_verify(file: str | None, quick: bool, out: Path, device: str, as_json: bool, console: Console) -> int:
    """Runs `lmo verify`; the exit status: 1 if anything is violated or not reproduced."""
    import torch

    import bounds

    if device not in ("cpu", "cuda") or (device == "cuda" and not torch.cuda.is_available()):
        raise ValueError(f"`--device` must be cpu, or cuda on a machine that has one; got {device!r}")
    from experiments import verify

    shown = Console(stderr=True) if as_json else console
    theorem = bounds.load(file) if file else None
    if file in bounds.laws:
        assert theorem is not None
        raise ValueError(
            f"{theorem.name} is a {theorem.kind}: no run of one method tests it; `lmo check {theorem.name}`"
        )
    out.mkdir(parents=True, exist_ok=True)  # before anything is run: it may be a file, or not ours to write
    failed_checks = _failed_checks(theorem) if theorem is not None else []
    for failed in failed_checks:
        shown.print(f"[red]lmo check FAILED[/]  {failed.name}: ", end="")
        shown.print(failed.detail, markup=False, highlight=False, soft_wrap=True)
    bar = Progress(
        TextColumn("{task.description:60.60}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), console=shown
    )
    with bar:
        task = bar.add_task("starting", total=1.0)

        def tick(what: str, done: float) -> None:
            bar.update(task, description=what, completed=done)

        if theorem is None:
            outcome = verify.verify(quick, device, tick)
        else:
            outcome = verify.verify_theorem(theorem, quick, device, tick)
        bar.update(task, description="writing the report", completed=0.98)
        report = _write(outcome, theorem is None, out)
        bar.update(task, description="done", completed=1.0)
    verdicts = outcome.table.verdicts
    if as_json:
        print(json.dumps([v.record() for v in verdicts], ensure_ascii=False))
    else:
        wide = Console(width=max(console.width, TABLE_WIDTH))  # a narrower terminal would cut names and numbers
        wide.print(_table(verdicts))
        _print_failures(verdicts, console)
        if theorem is None:
            console.print()
            console.print(verify.paragraph(outcome), soft_wrap=True, highlight=False, markup=False)
        console.print(f"\n{report}", highlight=False, soft_wrap=True)
    return 1 if outcome.failed or failed_checks else 0


def _failed_checks(theorem: Theorem) -> list[Check]:
    """The symbolic checks that a statement does not pass."""
    return [check for check in theorem.check() if not check.passed]


def _write(outcome: object, whole: bool, out: Path) -> Path:
    from experiments import verify

    assert isinstance(outcome, verify.Outcome)
    if whole:
        return verify.write(outcome, out)
    out.mkdir(parents=True, exist_ok=True)
    verify.write_verdicts(outcome.table.verdicts, out)
    return out / "verdicts.csv"


def _table(verdicts: list[Verdict]) -> Table:
    table = Table(title="Verdicts by theorem and oracle", title_justify="left", header_style="bold", box=None)
    table.add_column("theorem", no_wrap=True)
    table.add_column("oracle", no_wrap=True)
    for name in ("settings", "verdict", "vacuous", "measured", "±", "bound", "ratio"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("loosest inequality", no_wrap=True)
    for row in summarise(verdicts):
        best: Verdict = row["tightest"]
        table.add_row(
            row["theorem"],
            row["oracle"].replace("newton-schulz", "NS"),
            str(row["cells"]),
            _outcome(row),
            str(row["vacuous"] or ""),
            f"{best.measured:.3g}",
            f"{best.uncertainty:.1g}" if best.uncertainty else "",
            f"{best.bound:.3g}",
            f"{best.ratio:.3f}",
            row["loosest"],
        )
    table.caption = (
        "measured, ±, bound, ratio: the tightest setting of each row; vacuous: no better than smoothness alone"
    )
    table.caption_justify = "left"
    return table


def _outcome(row: dict[str, Any]) -> str:
    if row["violated"]:
        return f"[bold red]{row['violated']} VIOLATED[/]"
    return f"[yellow]{row['undecided']} undecided[/]" if row["undecided"] else "[green]holds[/]"


def _print_failures(verdicts: list[Verdict], console: Console, most: int = 12) -> None:
    bad = [v for v in verdicts if v.status in ("violated", "undecided")]
    for v in bad[:most]:
        where = f"{v.status}: {v.theorem}, {v.problem}, {v.ball}, {v.oracle}, δ = {v.delta:g}: {v.reason}"
        console.print(
            where, style="red" if v.status == "violated" else "yellow", highlight=False, soft_wrap=True, markup=False
        )
    if len(bad) > most:
        console.print(f"… and {len(bad) - most} more in verdicts.csv", highlight=False)
