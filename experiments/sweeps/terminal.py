"""What `lmo sweep` and `lmo results` show: a progress bar with rate and time left, lists and summaries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from experiments.sweeps.best import CELL, SEARCHED, Comparison
from experiments.sweeps.plan import Chunk, Plan, without_effect
from experiments.sweeps.store import Damaged, Store


class Rate(ProgressColumn):
    """Run-steps per second."""

    def render(self, task: Task) -> Text:
        """Of the last half minute; empty until there is one."""
        return Text(f"{task.speed:.3g} run-steps/s" if task.speed else "", style="progress.data.speed")


class Bar:
    """The progress of `run_sweep` on a terminal; damaged files are reported in any case."""

    def __init__(self, console: Console) -> None:
        self.console = console
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>5.1f} %"), Rate()
        left = TimeRemainingColumn(compact=True)
        self.bar = Progress(*columns, left, TextColumn("left"), console=console, disable=not console.is_terminal)
        self.task = self.bar.add_task("", total=None)

    def __enter__(self) -> Bar:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def started(self, the_plan: Plan, missing: list[Chunk], damaged: list[Damaged]) -> None:
        """Says what is redone and what is left out, and sets the bar to what is there."""
        for one in damaged:
            _say(f"damaged, computed again: {one.path.name}: {one.why}", self.console)
        for why in the_plan.left_out:
            _say(f"left out: {why}", self.console)
        for what in without_effect(the_plan.sweep):
            _say(f"note: {what}", self.console)
        to_do = sum(chunk.run_steps for chunk in missing)
        name = the_plan.sweep.name
        self.bar.update(self.task, description=name, total=the_plan.run_steps, completed=the_plan.run_steps - to_do)

    def done(self, run_steps: int) -> None:
        """Moves the bar on."""
        self.bar.advance(self.task, run_steps)


def row(store: Store, whole: bool = True) -> dict[str, Any]:
    """How much of a sweep is there; `whole`: every file is read and checked."""
    about, scan = store.about, store.scan(whole)
    return {
        "name": store.sweep.name,
        "folder": str(store.folder),
        "device": store.device,
        "runs": about["runs"],
        "run_steps": about["run_steps"],
        "chunks": about["chunks"],
        "finished": len(scan.finished),
        "damaged": len(scan.damaged),
    }


def say_done(summary: dict[str, Any], console: Console) -> None:
    """One sentence at the end of a sweep."""
    redone = f", {summary['redone']} of them in place of damaged ones" if summary["redone"] else ""
    _say(
        f"{summary['finished']} of {summary['chunks']} chunks, {summary['runs']} runs; {summary['computed']} computed "
        f"now{redone}\n{summary['folder']}",
        console,
    )


def show_list(rows: list[dict[str, Any]], out: Path, console: Console) -> None:
    """One line per sweep."""
    if not rows:
        _say(f"there are no results in {str(out)!r}; `lmo sweep FILE.toml` computes some", console)
        return
    _table(
        [
            {
                "folder": Path(one["folder"]).name, "device": one["device"], "runs": one["runs"],
                "run-steps": f"{one['run_steps']:.3g}", "chunks": f"{one['finished']} of {one['chunks']}",
            }
            for one in rows
        ],
        console,
    )  # fmt: skip


def show(summary: dict[str, Any], found: Comparison, console: Console, most: int = 40) -> None:
    """The grid, what is there, the best runs, and what to know before believing them."""
    for key, value in summary["sweep"].items():
        text = (
            ", ".join(f"{v:.6g}" if isinstance(v, float) else str(v) for v in value)
            if isinstance(value, list)
            else value
        )
        _say(f"{key:13} {text}", console)
    for why in summary["left_out"]:
        _say(f"left out      {why}", console)
    for what in summary["without_effect"]:
        _say(f"note          {what}", console)
    damaged = f", {summary['damaged']} damaged (--resume redoes them)" if summary["damaged"] else ""
    _say(f"{'chunks':13} {summary['finished']} of {summary['chunks']}{damaged}, {summary['runs']} runs", console)
    if not found.runs:
        return
    _say(f"{'diverged':13} {found.diverged} of {found.runs} runs\n", console)
    if any(row["mean_gradient_norm"] is not None for row in found.rows):
        _say("smallest mean gradient norm (mean over seeds)", console)
        _table([_cells(row, found.diverged > 0) for row in found.rows[:most]], console)
        if len(found.rows) > most:
            _say(f"… and {len(found.rows) - most} more; `lmo results export` writes all", console)
    for sentence in remarks(found):
        _say(sentence, console)


def remarks(found: Comparison) -> list[str]:
    """What the table of the best does not say by itself, in sentences."""
    said, rows = [], found.rows
    without = sum(row["mean_gradient_norm"] is None for row in rows)
    if found.diverged == found.runs:
        said.append("every run diverged, so there is no best step size or alpha; try smaller step sizes")
    elif without:
        said.append(f"–: {without} of {len(rows)} combinations have no best, some seed diverged at every step size")
    ended = [axis for axis in SEARCHED if any(axis in row["at_end"] for row in rows)]
    if ended:
        said.append(f"*: at an end of its grid, the true best may lie beyond; a wider {' or '.join(ended)} would show")
    if found.incomplete:
        said.append(
            f"{found.incomplete} of {found.points} pairs of step size and alpha lack some of their seeds and are left "
            "out of the comparison; `lmo sweep --resume` computes them"
        )
    return said


def _cells(row: dict[str, Any], some_diverged: bool) -> dict[str, str]:
    """A row of the table as texts: –, where there is no best; *, where it is at an end of its grid."""
    shown = {name: f"{row[name]:.4g}" if isinstance(row[name], float) else str(row[name]) for name in CELL}
    for name in (*SEARCHED, "mean_gradient_norm"):
        mark = "*" if name in row["at_end"] else ""
        shown[name] = "–" if row[name] is None else f"{row[name]:.4g}{mark}"
    return shown | ({"diverged": f"{row['diverged']} of {row['runs']}"} if some_diverged else {})


def _table(rows: list[dict[str, Any]], console: Console) -> None:
    table = Table(box=None, header_style="bold")
    for key in rows[0]:
        table.add_column(key, no_wrap=True, justify="right" if key not in ("folder", "problem") else "left")
    for one in rows:
        table.add_row(*(str(value) for value in one.values()))
    needed = Console(width=10_000).measure(table).maximum
    wide = Console(width=max(console.width, needed), stderr=console.stderr)  # a narrower one would cut numbers
    wide.print(table)


def _say(text: str, console: Console) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
