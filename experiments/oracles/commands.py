"""`lmo oracle` and `lmo plan` on the command line. Heavy imports happen inside."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from experiments.oracles.sources import Matrix

SHAPE, SMALL = "128x512", "6x8"
SOURCES = ("gaussian", "power-law=1.0")
ORACLES = ("torch", "jordan", "you", "polar-express", "moment-tuned", "adaptive=0.01", "exact")

Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SOURCE",
        help="A real matrix (.npy), every floating-point matrix of a checkpoint (.pt, .pth, .safetensors), or a "
        "spectrum: gaussian, power-law=1.0, spiked=0.01, geometric=1e-6, low-rank=8.",
    ),
]
Shape = Annotated[str | None, typer.Option(help=f"Of the spectra, {SHAPE}; of the questions to --callable, {SMALL}.")]
Seed = Annotated[int, typer.Option(help="Of the spectra.")]
Only = Annotated[str | None, typer.Option(help="A pattern for the names of tensors, for example '*.mlp.*'.")]
Dtype = Annotated[str | None, typer.Option(help="float64, float32, bfloat16 or float16; as stored if left out.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def oracle(
    sources: Sources = None,
    oracles: Annotated[
        list[str] | None,
        typer.Option(
            "--oracle",
            help="NAME, NAME:STEPS, NAME=TARGET, NAME@DTYPE, NAME/SCALE, gram:NAME; for example polar-express:8, "
            "you@bfloat16, adaptive=0.01, dion:8, quantised:4. Repeatable.",
        ),
    ] = None,
    shape: Shape = None,
    seed: Seed = 0,
    only: Only = None,
    dtype: Dtype = None,
    repeats: Annotated[int, typer.Option(min=1, help="Answers timed.")] = 5,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    out: Annotated[Path, typer.Option(help="Where the figure and its data go.")] = Path("out/oracle"),
    figure: Annotated[bool, typer.Option(help="Write the figure and its data.")] = True,
    function: Annotated[
        str | None,
        typer.Option(
            "--callable",
            metavar="MODULE:FUNCTION",
            help="Run the contract on a function m → d instead, also FILE.py:FUNCTION, or torch.optim for torch's own.",
        ),
    ] = None,
    ball: Annotated[str | None, typer.Option(help="Whose LMO --callable should be; spectral if left out.")] = None,
    batched: Annotated[bool, typer.Option("--batched", help="--callable takes batch dimensions, first.")] = False,
    inexact: Annotated[bool, typer.Option("--inexact", help="--callable may be off by any δ, ε, η.")] = False,
    as_json: Json = False,
) -> None:
    """δ, ε, η of oracles on matrices, measured and certified, with their cost; or the contract on your own function.

    Exit status 1 if an oracle gives no answer, or a law of the contract is broken.

    Example: lmo oracle gaussian power-law=1.0 --shape 48x96 --oracle jordan --oracle adaptive=0.01 --oracle exact
    """
    from experiments import cli

    if function is not None:
        if sources or oracles or only:
            raise ValueError("--callable is asked its own questions; leave out sources, --oracle and --only")
        from experiments.oracles import contract

        asked = sizes(shape or SMALL)
        name = ball or "spectral"
        raise typer.Exit(
            contract.run(function, name, asked, dtype or "float64", batched, inexact, as_json, cli.console)
        )
    if ball or batched or inexact:
        raise ValueError("--ball, --batched and --inexact are for --callable")
    from experiments.oracles import measured, report, specs

    check_device(device)
    chosen = [specs.parse(text) for text in dict.fromkeys(oracles or ORACLES)]
    matrices = load(sources, shape, seed, only, dtype)
    if figure:
        check_folder(out)
    with progress(len(matrices) * len(chosen), as_json) as tick:
        rows = measured.rows(matrices, chosen, repeats, device, tick)
    if as_json:
        print(report.as_json(rows))
    else:
        report.show(rows, cli.console)
    if figure:
        path = report.write(rows, out)
        if not as_json:
            cli.console.print(f"\n{path}", highlight=False, soft_wrap=True)
    raise typer.Exit(1 if any(row.failed for row in rows) else 0)


def plan(
    sources: Sources = None,
    target: Annotated[float, typer.Option(help="The largest ε that the oracle may have.")] = 0.01,
    eta: Annotated[
        float | None, typer.Option(help="The largest η: any ε is had by a longer answer; as the target if left out.")
    ] = None,
    shape: Shape = None,
    seed: Seed = 0,
    only: Only = None,
    dtype: Dtype = None,
    time: Annotated[bool, typer.Option("--time", help="Take the time of every chosen oracle's answer.")] = False,
    as_json: Json = False,
) -> None:
    """The cheapest oracle per matrix that certifies ε ≤ target: schedules, designed ones, Gram forms, adaptive, exact.

    Example: lmo plan power-law=1.0 --shape 48x96 --target 0.01
    """
    from experiments import cli
    from experiments.oracles import plan as planner
    from experiments.oracles import plan_report

    matrices = load(sources, shape, seed, only, dtype)
    with progress(len(matrices), as_json) as tick:
        choices = planner.plan(matrices, target, eta, repeats=5 if time else 0, tick=tick)
    if as_json:
        print(plan_report.as_json(choices))
    else:
        plan_report.show(choices, target, target if eta is None else eta, cli.console)


def load(sources: list[str] | None, shape: str | None, seed: int, only: str | None, dtype: str | None) -> list[Matrix]:
    """The matrices that the arguments ask for; the default is two spectra."""
    from experiments.oracles import specs
    from experiments.oracles.sources import Matrix, read

    wanted = None if dtype is None else specs.dtype_called(dtype)
    rows, *rest = sizes(shape or SHAPE)
    if len(rest) != 1:
        raise ValueError(f"`--shape` of a matrix has two sizes, for example {SHAPE}; got {shape!r}")
    found = read(list(dict.fromkeys(sources or SOURCES)), (rows, rest[0]), seed, only)
    return [Matrix(name, tensor.to(wanted or tensor.dtype)) for name, tensor in found]


def sizes(text: str) -> tuple[int, ...]:
    """512x2048 as numbers; `ValueError` unless all are integers ≥ 1."""
    words = text.lower().split("x")
    if not all(word.isdecimal() and int(word) >= 1 for word in words):
        raise ValueError(f"`--shape` must be sizes >= 1 with x between them, for example {SHAPE}; got {text!r}")
    return tuple(int(word) for word in words)


def check_device(device: str) -> None:
    """`ValueError` unless it is there."""
    import torch

    if device not in ("cpu", "cuda") or (device == "cuda" and not torch.cuda.is_available()):
        raise ValueError(f"`--device` must be cpu, or cuda on a machine that has one; got {device!r}")


@contextlib.contextmanager
def progress(total: int, as_json: bool) -> Iterator[Callable[[str], None]]:
    """A bar on a terminal, gone when the work is done; `tick(what comes next)` moves it on."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from experiments import cli

    columns = TextColumn("{task.description:60.60}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    shown = cli.errors if as_json else cli.console
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as bar:
        task = bar.add_task("", total=total, completed=-1)
        yield lambda what: bar.update(task, description=what, advance=1)


def check_folder(out: Path) -> None:
    """`ValueError` unless `out` is a folder to write to, or could be made: asked before anything is computed."""
    there = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise ValueError(
            f"`--out` {str(out)!r} cannot be written to: {str(there)!r} is no folder, or not ours to write"
        )
