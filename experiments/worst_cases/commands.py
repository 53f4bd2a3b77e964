"""`lmo worst-case`. Heavy imports happen inside."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from experiments.worst_cases.table import Row

ROUNDING = 1e-9  # by which a run may be above a bound that it attains


def worst_case(
    name: Annotated[str, typer.Argument(help="A theorem by name or label, or your own in a Python file.")],
    constants: Annotated[
        list[str] | None,
        typer.Argument(
            help="key=value: delta, steps, smoothness, initial_gap, step_size (else tuned); for Frank–Wolfe "
            "weight_decay in place of these two; ranges like 0:0.9:10."
        ),
    ] = None,
    norm: Annotated[str, typer.Option(help="l2, linf, l1, l3, spectral, nuclear, max-row or max-column.")] = "linf",
    search: Annotated[
        list[str] | None,
        typer.Option(
            help="ascent, constructions, polyhedral, mixed-integer (up to 3 steps) or pep; repeatable. All that fit, "
            "without mixed-integer, if left out."
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(help="For every search and row.")] = 2.0,
    seed: Annotated[int, typer.Option(help="Of the pattern search.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """How bad can it get? The worst run known, what searches find, and the theorem's bound, side by side.

    Exit status 1 if a run is above the bound.

    Example: lmo worst-case fixed-step steps=10 delta=0.25:0.75:3 --norm linf
    """
    import bounds
    from experiments import cli
    from experiments.arguments import rows
    from experiments.worst_cases.table import table

    if seed < 0:
        raise ValueError(f"`--seed` must be an integer >= 0, got {seed}")
    made = table(bounds.load_theorem(name), norm, rows(constants or []), search or [], seconds, seed)
    if as_json:
        print(json.dumps([row.record() for row in made], ensure_ascii=False))
    else:
        show(made, cli.console)
    raise typer.Exit(1 if any(_violates(row) for row in made) else 0)


def _violates(row: Row) -> bool:
    return row.run is not None and row.run.value > (1 + ROUNDING) * row.bound


def _columns(made: list[Row]) -> list[tuple[str, list[str]]]:
    """Heading and cells of the columns that have something to say."""
    columns = [("δ", [f"{row.constants['delta']:g}" for row in made])]
    columns.append(("K", [f"{row.constants['steps']:g}" for row in made]))

    def add(name: str, values: list[float | None]) -> bool:
        said = any(value is not None for value in values)
        if said:
            columns.append((name, ["" if v is None else f"{v:.5g}" for v in values]))
        return said

    def add_with_part(name: str, values: list[float | None]) -> None:
        if add(name, values):
            parts = ["" if v is None else f"{v / row.bound:.3f}" for v, row in zip(values, made, strict=True)]
            columns.append(("of bound", parts))

    add("γ", [row.constants.get("step_size") for row in made])
    add_with_part("run", [None if row.run is None else row.run.value for row in made])
    for name in dict.fromkeys(name for row in made for name in row.found):
        add_with_part(f"{name} reached", [row.found[name].reached for row in made])
        add_with_part(name, [row.found[name].value for row in made])
    columns += [("bound", [f"{row.bound:.5g}" for row in made]), ("s", [f"{row.seconds:.1f}" for row in made])]
    run_of = [row.run.detail if row.run else "" for row in made]
    return [*columns, ("run of", run_of)] if any(run_of) else columns


def show(made: list[Row], console: Console) -> None:
    """The table: every value also as a part of the bound."""
    from rich.table import Table

    shown = Table(box=None, header_style="bold")
    columns = _columns(made)
    for heading, _ in columns:
        shown.add_column(heading, justify="left" if heading == "run of" else "right", no_wrap=True)
    for cells in zip(*(cells for _, cells in columns), strict=True):
        shown.add_row(*cells)
    needed = Console(width=sys.maxsize).measure(shown).maximum
    Console(width=max(console.width, needed)).print(shown)  # a narrower console would cut digits
    says = [
        "bound: the theorem's claim, BELOW A RUN: it is false, or does not hold in this norm."
        if any(map(_violates, made))
        else "bound: the theorem's claim, above every run here."
    ]
    if any(row.run for row in made):
        says.insert(0, "run: attained by an explicit function and oracle, run twice.")
    says += [f"{name}: {case.status}, {case.detail}." for name, case in made[-1].found.items()]
    if any(case.reached is not None for row in made for case in row.found.values()):
        says.append("reached: what some function and oracle attain, proved without running them.")
    if any(case.status == "candidate" and case.reached is None for row in made for case in row.found.values()):
        says.append("A candidate is the value of a relaxation: neither attained nor proved to be above all runs.")
    for line in says:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
