"""`lmo sweep` and `lmo results` on the command line. Heavy imports happen inside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

OUT = Path("out/sweeps")
INTERRUPTED = 130  # the exit status of a program that Ctrl-C ended

Out = Annotated[Path, typer.Option(help="Where the results of sweeps are, one folder each.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of sentences.")]
Which = Annotated[str, typer.Argument(metavar="SWEEP", help="A name or a folder that `lmo results list` shows.")]

results = typer.Typer(
    no_args_is_help=True, help="What sweeps have computed: list, show, export.\n\nExample: lmo results list"
)


def sweep(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="The grid.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on: compute only what is not stored.")] = False,
    workers: Annotated[int, typer.Option(min=0, help="Processes on this machine (needs dask); 0: this one.")] = 0,
    scheduler: Annotated[str | None, typer.Option(help="tcp://host:8786, a Dask scheduler to send chunks to.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    out: Out = OUT,
    as_json: Json = False,
) -> None:
    """Run every combination of a grid, store results as they come; Ctrl-C and kill lose at most the chunks in work.

    Example: lmo sweep my.toml --resume --workers 2
    """
    from experiments import cli

    console = cli.errors if as_json else cli.console
    try:
        _sweep(file, resume, workers, scheduler, device, out, as_json)
    except KeyboardInterrupt:
        text = "stopped; every finished chunk is stored, --resume goes on from there"
        console.print(text, markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None


def _sweep(
    file: Path, resume: bool, workers: int, scheduler: str | None, device: str, out: Path, as_json: bool
) -> None:  # fmt: skip
    from experiments import cli
    from experiments.sweeps import engine, terminal
    from experiments.sweeps.specification import load
    from experiments.sweeps.workers import check_one, on_workers

    check_one(workers, scheduler)
    grid = load(file)
    compute: engine.Compute = engine.here
    if workers or scheduler:
        compute = on_workers(workers=workers, scheduler=scheduler)
    console = cli.errors if as_json else cli.console
    with terminal.Bar(console) as bar:
        outcome = engine.run_sweep(grid, out, resume=resume, device=device, compute=compute, progress=bar)
    row = terminal.row(outcome.store) | {"computed": outcome.computed, "redone": len(outcome.damaged)}
    for folder in outcome.store.before_changes():
        text = f"the source of {', '.join(outcome.store.sources)} has changed since {folder} was computed; that stays"
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    if as_json:
        print(json.dumps(row, ensure_ascii=False))
    else:
        terminal.say_done(row, console)


@results.command("list")
def list_results(out: Out = OUT, as_json: Json = False) -> None:
    """Every sweep that has results, with how much of it is there.

    Example: lmo results list
    """
    from experiments import cli
    from experiments.sweeps import terminal

    rows, faults = [], []
    for folder in folders(out):
        try:
            rows.append(terminal.row(_open(folder), whole=False))
        except ValueError as error:
            faults.append(str(error))
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
    else:
        terminal.show_list(rows, out, cli.console)
    for fault in faults:
        cli.errors.print(f"damaged: {fault}", markup=False, highlight=False, soft_wrap=True)


@results.command()
def show(which: Which, out: Out = OUT, as_json: Json = False) -> None:
    """The grid of a sweep, what is there of it (every file is checked), and the best runs by problem, ball and oracle.

    Steps and alphas are compared where all their seeds are there. A * marks a best one at an end of its grid.

    Example: lmo results show my-sweep
    """
    from experiments import cli
    from experiments.sweeps import terminal
    from experiments.sweeps.best import compare
    from experiments.sweeps.plan import without_effect

    store = find(which, out)
    summary = terminal.row(store) | {"sweep": store.sweep.table, "left_out": store.about.get("left_out", [])}
    summary["without_effect"] = list(without_effect(store.sweep))
    found = compare(store)
    if as_json:
        counts = {"stored_runs": found.runs, "diverged": found.diverged}
        counts |= {"points": found.points, "incomplete_points": found.incomplete}
        print(json.dumps(summary | counts | {"best": found.rows}, ensure_ascii=False))
    else:
        terminal.show(summary, found, cli.console)


@results.command()
def export(
    which: Which,
    to: Annotated[Path, typer.Argument(metavar="FILE", help="FILE.nc, FILE.parquet or FILE.csv.")],
    partial: Annotated[bool, typer.Option("--partial", help="What is there of an unfinished sweep.")] = False,
    table: Annotated[str, typer.Option(help="Of a study: verdicts, arms or exponents.")] = "verdicts",
    out: Out = OUT,
) -> None:
    """Write the results as NetCDF, Parquet or CSV: one row a run, labels and all; or a table of a study's folder.

    Example: lmo results export my-sweep runs.csv; lmo results export out/coupling-study/quick arms.csv --table arms
    """
    from experiments import cli
    from experiments.coupling_study import tables
    from experiments.sweeps.collect import check_format, collect
    from experiments.sweeps.collect import export as write

    check_format(to)
    if tables.holds_study(Path(which)):
        told = tables.load(Path(which), table)
        text = f"{write(told, to)}: {told.sizes['row']} {table}"
        cli.console.print(text, highlight=False, soft_wrap=True, markup=False)
        return
    dataset = collect(find(which, out), partial)
    path = write(dataset, to)
    cli.console.print(f"{path}: {dataset.sizes['run']} runs", highlight=False, soft_wrap=True, markup=False)


def folders(out: Path) -> list[Path]:
    """The folders below `out` that hold a sweep."""
    return sorted(path.parent for path in out.glob("*/sweep.json"))


def find(which: str, out: Path) -> Any:
    """The store of that folder, folder name or sweep name; `ValueError` with the nearest name, or if two have it."""
    from lmo.names import unknown_name

    if (Path(which) / "sweep.json").is_file():
        return _open(Path(which))
    there = {folder.name: folder for folder in folders(out)}
    if which in there:
        return _open(there[which])
    matching = [name for name in there if name.rpartition("-")[0] == which]
    if len(matching) == 1:
        return _open(there[matching[0]])
    if matching:
        raise ValueError(f"{which!r} is the name of {len(matching)} specifications: {', '.join(matching)}; give one")
    if not there:
        raise ValueError(f"there are no results in {str(out)!r}; `lmo sweep FILE.toml` computes some")
    raise unknown_name("sweep", which, there)


def _open(folder: Path) -> Any:
    from experiments.sweeps.store import Store

    return Store.open(folder)
