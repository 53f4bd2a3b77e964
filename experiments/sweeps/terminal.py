"""What `lmo sweep` and `lmo results` show: a progress bar with rate and time left, lists and summaries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from experiments.sweeps.collect import collect
from experiments.sweeps.plan import Chunk, Plan
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


def best(store: Store) -> list[dict[str, Any]]:
    """The step size and alpha of the smallest mean gradient norm over seeds, for every other combination of labels."""
    dataset = collect(store, partial=True)
    frame: Any = dataset.to_dataframe()
    cell = ["problem", "ball", "oracle", "momentum", "noise", "steps", "delta"]
    means = frame.groupby([*cell, "step_size", "alpha"], as_index=False, sort=False)["mean_gradient_norm"].mean()
    means = means[np.isfinite(means["mean_gradient_norm"])]
    rows = means.loc[means.groupby(cell, sort=False)["mean_gradient_norm"].idxmin()]
    return rows.to_dict("records")


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


def show(summary: dict[str, Any], rows: list[dict[str, Any]], console: Console, most: int = 40) -> None:
    """The grid, what is there, and the best runs."""
    for key, value in summary["sweep"].items():
        text = (
            ", ".join(f"{v:.6g}" if isinstance(v, float) else str(v) for v in value)
            if isinstance(value, list)
            else value
        )
        _say(f"{key:13} {text}", console)
    for why in summary["left_out"]:
        _say(f"left out      {why}", console)
    damaged = f", {summary['damaged']} damaged (--resume redoes them)" if summary["damaged"] else ""
    _say(f"{'chunks':13} {summary['finished']} of {summary['chunks']}{damaged}, {summary['runs']} runs\n", console)
    if rows:
        _say("smallest mean gradient norm (mean over seeds)", console)
        shown = [{k: f"{v:.4g}" if isinstance(v, float) else v for k, v in one.items()} for one in rows[:most]]
        _table(shown, console)
        if len(rows) > most:
            _say(f"… and {len(rows) - most} more; `lmo results export` writes all", console)


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
