"""The command `lmo`. Heavy imports (torch, sympy, matplotlib) happen inside the commands that need them."""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from experiments.oracles import commands
from experiments.refutation import commands as refutation
from experiments.study_commands import study
from experiments.sweeps import commands as sweeps
from experiments.worst_cases import commands as worst_cases

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Bounds for methods that step along an inexact linear minimisation oracle: stated, proved, run and judged.",
)
console = Console()
errors = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Constants = Annotated[
    list[str] | None,
    typer.Argument(help="key=value; a range first:last:count gives a table of count rows, a list a,b,c is per layer."),
]


@app.command()
def verify(
    file: Annotated[
        str | None, typer.Argument(help="A theorem by name, or your own in a Python file; all if left out.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer steps, seeds and errors: about a fifth of the time.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Where data, figures and report.html go.")] = Path("out/verify"),
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    as_json: Json = False,
) -> None:
    """Run every theorem in every setting it applies to; exit status 1 if anything is violated.

    Example: lmo verify --quick
    """
    from experiments.terminal import run_verify

    raise typer.Exit(run_verify(file, quick, out, device, as_json, console))


@app.command()
def check(
    name: Annotated[
        str | None, typer.Argument(help="A theorem or a paper by name, or a Python file; all if left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Prove the statements symbolically, and how published ones stand to them; exit status 1 if anything fails.

    Example: lmo check fixed-step
    """
    import bounds

    everything = (*bounds.theorems.values(), *bounds.laws.values(), *bounds.papers.values())
    chosen = [bounds.stated(name)] if name else everything
    results = [(statement, statement.check()) for statement in chosen]
    if as_json:
        print(json.dumps({s.name: [vars(c) for c in checks] for s, checks in results}, ensure_ascii=False))
    else:
        for statement, checks in results:
            console.print(f"[bold]{statement.label}[/] {statement.name}")
            for one in checks:
                mark = "[green]proved[/]" if one.passed else "[red]FAILED[/]"
                console.print(f"  {mark}  {one.name}: ", end="")
                console.print(one.detail, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if all(c.passed for _, checks in results for c in checks) else 1)


@app.command()
def bound(name: str, constants: Constants = None, as_json: Json = False) -> None:
    """The value of a bound.

    Example: lmo bound fixed-step initial_gap=4.5 smoothness=1 steps=400 step_size=0.1 delta=0:0.9:10
    """
    import bounds
    from experiments.arguments import rows

    theorem = bounds.load(name)
    table = [{**row, "bound": _one_number(theorem.bound(**row), name)} for row in rows(constants or [])]
    _print_rows(table, as_json)


def _one_number(value: Any, name: str) -> float:
    """The value at plain constants; `ValueError` for an array, which lists make where there are no layers."""
    if getattr(value, "ndim", 0):
        raise ValueError(f"{name} has no layers for a list a,b,… of numbers; a table is a range first:last:count")
    return float(value)


@app.command()
def tune(name: str, constants: Constants = None, as_json: Json = False) -> None:
    """The step size and alpha that minimise a bound: the exact optimum, and the closed form of its leading terms.

    Example: lmo tune ema initial_gap=0.5 smoothness=1 steps=400 noise_std=0.1 norm_ratio=4.5 delta=0:0.8:3
    """
    import bounds
    from experiments.arguments import rows

    theorem = bounds.load(name)
    table = []
    for row in rows(constants or []):
        tuned = theorem.tune(**row)
        for one in (tuned, tuned.leading) if tuned.leading else (tuned,):
            entry: dict[str, Any] = {**row, "how": one.how}
            if one.step_size is not None:
                entry["step_size"] = one.step_size.tolist()
            if one.alpha is not None:
                entry["alpha"] = _one_number(one.alpha, theorem.name)
            entry |= {which: _one_number(value, theorem.name) for which, value in one.others.items()}
            table.append({**entry, one.value_is: _one_number(one.value, theorem.name)})
    _print_rows(table, as_json)


@app.command()
def coupling(
    name: Annotated[
        str | None, typer.Argument(help="A theorem by name or label, or a Python file; all if left out.")
    ] = None,
    constants: Constants = None,
    as_json: Json = False,
) -> None:
    """Exponents of the tuned step size, alpha and value in the oracle's error, K, σ, L and Δ: closed form and exact.

    Example: lmo coupling ema steps=400 noise_std=0.0894427 norm_ratio=4.472136
    """
    import bounds
    from bounds.coupling import DELTA, USUAL
    from experiments.arguments import rows
    from experiments.coupling import LEGEND, cells, coupled, record

    if name is not None and "=" in name:
        constants, name = [name, *(constants or [])], None
    given = rows(constants or [])
    if len(given) != 1 or any(isinstance(value, list) for value in given[0].values()):
        raise ValueError("`lmo coupling` takes one number per constant, for example steps=400; no ranges or lists")
    chosen = [bounds.load_theorem(name)] if name else list(bounds.theorems.values())
    found = coupled(chosen, given[0])
    if as_json:
        print(json.dumps([record(one) for one in found], ensure_ascii=False))
        return
    if not found:
        raise ValueError(f"{name} has no tuned step size or alpha")
    _print_rows([cells(one) for one in found], as_json=False)
    at = {"delta": DELTA, **USUAL, **given[0]}
    for line in (*LEGEND, "At " + ", ".join(f"{key}={value:g}" for key, value in at.items()) + "."):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


@app.command()
def explain(
    name: Annotated[
        str | None, typer.Argument(help="A theorem by name or label, a paper by name, or a Python file.")
    ] = None,
) -> None:
    """A statement with its assumptions, tuning and proof, or a published one; without a name, the list of both.

    Example: lmo explain hilbert
    """
    import bounds

    if name:
        console.print(bounds.stated(name).explain(), markup=False, highlight=False, soft_wrap=True)
        return
    stated = [*bounds.theorems.values(), *bounds.laws.values()]
    lines = [f"{theorem.label:5} {theorem.name:14} {theorem.says}" for theorem in stated]
    lines += [
        f"{paper.label:5} {paper.name:18} {paper.source.split(',')[0].split(';')[0]}: {paper.standing}"
        for paper in bounds.papers.values()
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


@app.command()
def figures(
    name: Annotated[str | None, typer.Argument(help="One figure; all if left out.")] = None,
    data: Annotated[Path, typer.Option(help="The folder that `lmo verify` wrote.")] = Path("out/verify"),
    out: Annotated[Path, typer.Option(help="Where the PNG files go.")] = Path("out/figures"),
) -> None:
    """Draw the figures again from the data of the last `lmo verify` (--data: of a study), without running anything.

    Example: lmo figures best_step
    """
    import figures as gallery
    from experiments import store

    if name is not None and name not in gallery.names():
        from lmo.checks import unknown_name

        raise unknown_name("figure", name, gallery.names())
    there = [one for one in gallery.names() if (data / "data" / f"{one}.zarr").is_dir()]
    for one in [name] if name else there or gallery.names():
        path = gallery.save(one, store.load(data / "data" / f"{one}.zarr"), out)
        console.print(str(path), highlight=False, soft_wrap=True)


app.command()(commands.oracle)
app.command()(commands.plan)
app.command()(refutation.refute)
app.command()(refutation.replay)
app.command("worst-case")(worst_cases.worst_case)
app.command()(sweeps.sweep)
app.add_typer(sweeps.results, name="results")
app.add_typer(study, name="study")


def _print_rows(table: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(table))
        return
    from rich.table import Table

    shown = Table(box=None, header_style="bold")
    for key in table[0]:
        shown.add_column(key, justify="right", no_wrap=True)
    for row in table:
        shown.add_row(*(_cell(v) for v in row.values()))
    needed = Console(width=sys.maxsize).measure(shown).maximum
    Console(width=max(console.width, needed)).print(shown)  # a narrower console would cut digits


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_cell(v) for v in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _in_words(error: Exception) -> str:
    """Its text; for the system's own errors what failed and where, without the number in front."""
    if isinstance(error, OSError) and str(error).startswith("[Errno ") and error.strerror:
        return error.strerror + (f": {str(error.filename)!r}" if error.filename is not None else "")
    return str(error)


def main() -> None:
    """The entry point: a bad argument prints one sentence and exits with 2; a crash is no verdict, and exits with 3."""
    try:
        app()
    except (ValueError, TypeError, OSError) as error:
        errors.print("error:", style="bold red", end=" ")
        errors.print(_in_words(error), markup=False, highlight=False, soft_wrap=True)
        raise SystemExit(2) from None
    except Exception:
        traceback.print_exc()
        raise SystemExit(3) from None
