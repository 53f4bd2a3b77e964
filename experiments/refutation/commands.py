"""`lmo refute` and `lmo replay`. Heavy imports happen inside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from bounds.theorem import Theorem

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of sentences.")]


def refute(
    name: Annotated[
        str | None, typer.Argument(help="A theorem by name or label, or your own in a Python file.")
    ] = None,
    bound: Annotated[str | None, typer.Option(help="A bound as a formula in place of a theorem.")] = None,
    setting: Annotated[
        str | None, typer.Option(help="With --bound: the theorem whose method, assumptions and metric it is about.")
    ] = None,
    step_size: Annotated[
        str | None, typer.Option(help="With --bound: the γ at which it is claimed, if the bound has none.")
    ] = None,
    alpha: Annotated[str | None, typer.Option(help="With --bound: the same for α.")] = None,
    where: Annotated[
        str | None,
        typer.Option(help='The range in which it is claimed: comparisons joined by commas, as "delta < 1/2, K >= 10".'),
    ] = None,
    seconds: Annotated[
        float,
        typer.Option(help="How long to try. Shrinking and rerunning a counterexample may take half as long again."),
    ] = 60.0,
    seed: Annotated[int, typer.Option(help="Of all random choices; another one tries other instances.")] = 0,
    out: Annotated[Path, typer.Option(help="Where a counterexample is written.")] = Path("out/refute/case.json"),
    as_json: Json = False,
) -> None:
    """Attack a claimed bound; exit status 1 and a replayable counterexample if it is refuted.

    Example: lmo refute --bound "sqrt(2*L*Delta/K)*(1+delta)" --setting fixed-step --seconds 10
    """
    from experiments.refutation.report import run_refute

    if not 0 < seconds < 1e6:
        raise ValueError(f"`--seconds` must be a number above 0 (and below a million), got {seconds:g}")
    if seed < 0:
        raise ValueError(f"`--seed` must be an integer >= 0, got {seed}")
    raise typer.Exit(
        run_refute(_theorem(name, bound, setting, step_size, alpha), seconds, seed, out, as_json, _console(), where)
    )


def _theorem(
    name: str | None, bound: str | None, setting: str | None, step_size: str | None, alpha: str | None
) -> Theorem:
    import bounds
    from experiments.refutation.target import claimed

    if (name is None) == (bound is None):
        raise ValueError("give either a theorem (a name or a file) or --bound FORMULA with --setting NAME")
    if bound is None:
        if setting or step_size or alpha:
            raise ValueError("--setting, --step-size and --alpha go with --bound; a theorem brings its own")
        return bounds.load_theorem(str(name))
    if setting is None:
        raise ValueError(f"--bound needs --setting, one of {', '.join(bounds.theorems)}")
    return claimed(bound, setting, step_size, alpha)


def replay(
    case: Annotated[Path, typer.Argument(help="A case that `lmo refute` wrote.")],
    as_json: Json = False,
) -> None:
    """Run a counterexample again, by a second implementation; exit status 1 while it still violates its bound.

    Example: lmo replay out/refute/case.json
    """
    from experiments.refutation import case as cases
    from experiments.refutation.replay import replay as again
    from experiments.refutation.show import show_case, show_replay

    one = cases.load(case)
    seen = again(one)
    if as_json:
        print(json.dumps({**vars(seen), "ratio": seen.ratio, "violates": seen.violates}, ensure_ascii=False))
    else:
        show_case(one, _console())
        show_replay(one, seen, _console())
    raise typer.Exit(1 if seen.violates else 0)


def _console() -> Console:
    from experiments import cli

    return cli.console
