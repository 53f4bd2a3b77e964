"""`lmo study coupling` on the command line. Heavy imports happen inside."""

from __future__ import annotations

import json
import math
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from experiments.coupling_study.cells import Form
    from experiments.coupling_study.study import Outcome

WORKERS = 2  # where nothing is said
INTERRUPTED = 130  # the exit status of a program that Ctrl-C ended


def coupling(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FORM.toml]", help="A question and lines of your own.", show_default=False)
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Two settings of the notes; under three minutes.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Every combination; days, resumable.")] = False,
    matrices: Annotated[bool, typer.Option("--matrices", help="256×1024 matrices, the size of layers.")] = False,
    calibration: Annotated[
        bool, typer.Option("--calibration", help="Settings of no other form, errors whose effect is known exactly.")
    ] = False,
    only: Annotated[str, typer.Option(help="Settings with this in their label, judged as part of the whole.")] = "",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what is stored below --out.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes on this machine, 2 if left out; 0: this one alone.")
    ] = None,
    scheduler: Annotated[str | None, typer.Option(help="tcp://host:8786, a Dask scheduler to send chunks to.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    out: Annotated[Path, typer.Option(help="Where sweeps, data and the map go.")] = Path("out/coupling-study"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Best step size, alpha and value against the oracle's error: measured, predicted, judged; and a map of it.

    Example: lmo study coupling --quick
    """
    from experiments import cli

    flags = {"quick": quick, "full": full, "matrices": matrices, "calibration": calibration}
    asked = [name for name, given in flags.items() if given]
    if len(asked) + (file is not None) > 1:
        raise ValueError(f"give one of {', '.join(f'--{name}' for name in flags)}, or a file; none is the default form")
    console = cli.errors if as_json else cli.console
    try:
        _run(file or (asked[0] if asked else "default"), only, resume, workers, scheduler, device, out, as_json)
    except KeyboardInterrupt:
        text = "stopped; every finished chunk is stored, --resume goes on from there"
        console.print(text, markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None


def _run(
    which: str | Path, only: str, resume: bool, workers: int | None, scheduler: str | None, device: str, out: Path,
    as_json: bool,
) -> None:  # fmt: skip
    from experiments import cli
    from experiments.coupling_study.progress import Bar
    from experiments.coupling_study.study import study as run
    from experiments.sweeps.workers import check_one
    from lmo.checks import check_device

    check_device(device)
    check_one(workers, scheduler)
    if workers is None:
        workers = 0 if scheduler else WORKERS
    console = cli.errors if as_json else cli.console
    started = time.perf_counter()

    def say(text: str) -> None:
        console.print(f"{time.perf_counter() - started:7.1f} s  {text}", markup=False, highlight=False, soft_wrap=True)

    form, key, left_out = _form(which)
    folder = out / key
    if any(folder.glob("sweeps/*/sweep.json")) and not resume:
        raise ValueError(f"{str(folder)!r} holds sweeps of this form; --resume goes on with them, --out takes another")
    form = form.only(only) if only else form
    shown = folder / "only" / re.sub(r"\W+", "-", only) if only else folder
    for sentence in (form.question, *(f"left out: {why}" for why in left_out)):
        say(sentence)
    say(
        f"{form.name} form: {len(form.settings)} settings, {len(form.lines)} lines, {len(form.arms)} arms, "
        f"about {form.run_steps:.3g} run-steps at most"
    )
    with Bar(console, form) as bar:
        outcome = run(form, folder / "sweeps", say, workers, device, scheduler, bar)
    _tell(outcome, shown, as_json)
    say(f"done, {outcome.run_steps:.3g} run-steps")


def _tell(outcome: Outcome, shown: Path, as_json: bool) -> None:
    """Leaves the data, the map and the JSON in a folder and prints the tables, or the JSON."""
    import figures
    from experiments import cli, store
    from experiments.coupling_study import report

    data = report.coupling_map(outcome)
    store.save(data, shown / "data" / "coupling_map.zarr")
    picture = figures.save("coupling_map", data, shown)
    told = plain({"question": outcome.form.question} | report.summary(outcome))
    text = json.dumps(told, ensure_ascii=False, indent=1)
    (shown / "coupling.json").write_text(text, encoding="utf-8")
    if as_json:
        print(text)
        return
    cli._print_rows(report.table(outcome), as_json=False)
    legend = []
    if exponents := report.exponent_table(outcome):  # none where no error has a size
        cli._print_rows(exponents, as_json=False)
        legend = ["Exponents: measured [interval] (additive; signed model); *: no power law, by lack of fit."]
    for sentence in (*legend, *report.paragraph(outcome), f"{picture}, {shown / 'coupling.json'}"):
        cli.console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _form(which: str | Path) -> tuple[Form, str, tuple[str, ...]]:
    """A shipped form or that of a file, the folder of its results, and what is left out of it.

    A file's is named by its content, too: a changed one has a folder of its own.
    """
    from experiments.coupling_study import form_file
    from experiments.coupling_study.forms import FORMS

    if isinstance(which, str):
        return FORMS[which](), which, ()
    form, left_out = form_file.load(which)
    return form, f"{form.name}-{form_file.content_hash(form)[:12]}", left_out


def plain(value: Any) -> Any:
    """The same with null in place of numbers that JSON does not have."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
