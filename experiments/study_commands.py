"""`lmo study`: one question at a time, at full size. Heavy imports happen inside."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from experiments.coupling_study.commands import coupling

if TYPE_CHECKING:
    import xarray as xr

    from experiments.studies.base import Result

OUT = Path("out/studies")

study = typer.Typer(
    no_args_is_help=True, help="One question at a time, at full size.\n\nExample: lmo study regime --quick"
)
study.command()(coupling)


@study.command()
def regime(
    quick: Annotated[bool, typer.Option("--quick", help="Fewer steps, cells and seeds, no search: seconds.")] = False,
    out: Annotated[Path, typer.Option(help="Where the data and the figure go.")] = OUT,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """From which noise and horizon on does α* grow with the oracle's error as S1 says, and on which problem at all?

    Example: lmo study regime --quick
    """
    import figures
    from experiments import cli, store
    from experiments.studies import regime as question

    if out.exists() and not out.is_dir():
        raise ValueError(f"{str(out)!r} is a file; `--out` must be a folder")
    with (cli.errors if as_json else cli.console).status("regime") as line:
        made = question.study(question.QUICK if quick else question.Scale(), lambda what, done: line.update(what))
    data = store.save(made.data["regime"], out / "data" / "regime.zarr")
    picture = figures.save("regime", made.data["regime"], out / "figures")
    if as_json:
        print(json.dumps(record(made), ensure_ascii=False))
    else:
        show(made)
        for path in (data, picture):
            cli.console.print(str(path), highlight=False, soft_wrap=True)
    raise typer.Exit(0 if made.passed else 1)


def record(made: Result) -> dict[str, Any]:
    """The tables and findings as plain data."""
    return {"tables": dict(tables(made.data["regime"])), "findings": [asdict(finding) for finding in made.findings]}


def tables(data: xr.Dataset) -> list[tuple[str, list[dict[str, str]]]]:
    """Title and rows of every table that `lmo study regime` prints."""
    noise, steps, delta = (data.attrs[name] for name in ("noise", "steps", "delta"))
    first = [
        {"n": f"{n:g}"} | {f"within {part:.0%}": f"{k:.2g}" for part, k in zip(data["part"].values, row, strict=True)}
        for n, row in zip(data["row"].values, data["first_steps"].values, strict=True)
    ]
    made = [
        ("S1: from which K on α*'s exponent stays within so much of 1/2; n = ρσ/√(LΔ)", first),
        ("Built problem, right where it slides and too long where it hovers", _cells(data, "built", "cell")),
        (f"Built problem, every error at n = {noise:g}, K = {steps}", _errors(data)),
        ("Usual problem (20 equal coordinates, Gaussian noise), mixed errors", _cells(data, "usual", "usual")),
    ]
    rows = zip(data["objective"].values, data["found"].values, data["instance"].values, strict=True)
    found = [{"largest": str(what), **_exponents(one), "instance": str(words)} for what, one, words in rows]
    if found:
        made.append(("Search at n = 0.5, K = 250, run again on fresh seeds", found))
    return [(f"{title}; exponents in 1+δ, δ from 0 to {delta:g}", rows) for title, rows in made]


def _cells(data: xr.Dataset, name: str, at: str) -> list[dict[str, str]]:
    """Exponents by (n, K) at the last δ."""
    values = data[name] if name == "built" else data[name].isel(delta=-1)
    columns = (data[f"{at}_noise"], data[f"{at}_steps"], values, data[f"{name}_regret"])
    return [
        {"n": f"{n:g}", "K": f"{k}", **_exponents(one), "regret": _percent(lost)}
        for n, k, one, lost in zip(*(column.values for column in columns), strict=True)
    ]


def _errors(data: xr.Dataset) -> list[dict[str, str]]:
    """Exponents by error, with the tuning of the exact oracle first."""
    columns = (data["error"], data["error_logs"].isel(delta_from_0=-1), data["exponent"].isel(delta=-1),
               data["error_regret"])  # fmt: skip
    rows = [
        {"error": str(name), "best α, γ, value": _numbers(best), **_exponents(one), "regret": _percent(lost)}
        for name, best, one, lost in zip(*(column.values for column in columns), strict=True)
    ]
    exact = {"error": "none", "best α, γ, value": _numbers(data["error_logs"].values[0, 0])}
    return [{**dict.fromkeys(rows[0], ""), **exact}, *rows]


def show(made: Result) -> None:
    """The tables and the findings, on the console."""
    from experiments import cli

    for title, rows in tables(made.data["regime"]):
        cli.console.print(title, style="bold", markup=False, highlight=False, soft_wrap=True)
        cli._print_rows(rows, as_json=False)
        cli.console.print()
    for finding in made.findings:
        mark = f"[green]{finding.kind}[/]" if finding.agrees else "[red]DOES NOT[/]"
        cli.console.print(f"{mark}  ", end="")
        text = f"{finding.statement}: {finding.measured:.3f}, expected {finding.expected:.3f}"
        cli.console.print(text, markup=False, highlight=False, soft_wrap=True)


def _exponents(one: Any) -> dict[str, str]:
    """α*, γ*, value of (end, quantity): estimate and interval."""
    heads = ("α*", "γ*", "value")
    return {head: f"{one[0, i]:.2f} [{one[1, i]:.2f}, {one[2, i]:.2f}]" for i, head in enumerate(heads)}


def _numbers(logs: Any) -> str:
    return ", ".join(f"{number:.4g}" for number in map(math.exp, logs))


def _percent(part: float) -> str:
    return f"{part:.1%}" if part == part else "–"
