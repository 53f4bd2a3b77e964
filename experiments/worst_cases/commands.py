"""`lmo worst-case`. Heavy imports happen inside."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from experiments.worst_cases.table import Row


def worst_case(
    name: Annotated[str, typer.Argument(help="A theorem by name or label, or your own in a Python file.")],
    constants: Annotated[
        list[str] | None,
        typer.Argument(
            help="key=value: delta, steps, step_size (else tuned), initial_gap, smoothness; ranges like 0:0.9:10."
        ),
    ] = None,
    norm: Annotated[str, typer.Option(help="l2, linf, l1 or spectral.")] = "linf",
    search: Annotated[
        list[str] | None,
        typer.Option(
            help="ascent, constructions, polyhedral, mixed-integer or pep; repeatable. All that fit if left out."
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(help="For every search and row.")] = 2.0,
    seed: Annotated[int, typer.Option(help="Of the pattern search.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """How bad can it get? The worst run known, what searches find, and the theorem's bound, side by side.

    Example: lmo worst-case fixed-step steps=10 delta=0.25:0.75:3 --norm linf
    """
    import bounds
    from experiments import cli
    from experiments.arguments import rows
    from experiments.worst_cases.table import table

    if seed < 0:
        raise ValueError(f"`--seed` must be an integer >= 0, got {seed}")
    made = table(bounds.load(name), norm, rows(constants or []), search or [], seconds, seed)
    if as_json:
        print(json.dumps([row.record() for row in made], ensure_ascii=False))
    else:
        show(made, cli.console)


def show(made: list[Row], console: Console) -> None:
    """The table: every value also as a part of the bound."""
    from rich.table import Table

    shown = Table(box=None, header_style="bold")
    searches = list(dict.fromkeys(name for row in made for name in row.found))
    for column in ("δ", "K", "γ", "run", "of bound", *(c for s in searches for c in (s, "of bound")), "bound", "s"):
        shown.add_column(column, justify="right", no_wrap=True)
    shown.add_column("run of", no_wrap=True)
    for row in made:
        cells = [f"{row.constants['delta']:g}", f"{row.constants['steps']:g}"]
        cells.append(f"{row.constants['step_size']:.5g}" if "step_size" in row.constants else "")
        cells += ["", ""] if row.run is None else [f"{row.run.value:.5g}", f"{row.run.ratio:.3f}"]
        for one in searches:
            cells += [f"{row.found[one].value:.5g}", f"{row.found[one].value / row.bound:.3f}"]
        cells += [f"{row.bound:.5g}", f"{row.seconds:.1f}", row.run.detail if row.run else ""]
        shown.add_row(*cells)
    needed = Console(width=sys.maxsize).measure(shown).maximum
    Console(width=max(console.width, needed)).print(shown)  # a narrower console would cut digits
    says = ["bound: the theorem's claim, above every run."]
    if any(row.run for row in made):
        says.insert(0, "run: attained by an explicit function and oracle, run twice.")
    says += [f"{name}: {case.status}, {case.detail}." for name, case in made[-1].found.items()]
    if any(case.status == "candidate" for row in made for case in row.found.values()):
        says.append("A candidate is the value of a relaxation: neither attained nor proved to be above all runs.")
    for line in says:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
