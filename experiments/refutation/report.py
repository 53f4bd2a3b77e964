"""What `lmo refute` says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bounds.theorem import Theorem
from experiments.refutation import case as cases
from experiments.refutation.case import Case, case_of, case_of_record
from experiments.refutation.minimise import minimise
from experiments.refutation.ratio import shown
from experiments.refutation.replay import replay
from experiments.refutation.search import Search, search
from experiments.refutation.show import show_case
from experiments.refutation.target import Target, target

MINIMISING, LONGEST = 0.3, 20.0  # for a smaller counterexample: this times the search's seconds, at most so many


def run_refute(
    theorem: Theorem, seconds: float, seed: int, out: Path, as_json: bool, console: Console, where: str | None = None
) -> int:
    """Attacks the claim, prints what came out, writes a case; the exit status: 1 if refuted."""
    progress = Console(stderr=True) if as_json else console
    aim = target(theorem, where)
    columns = (TextColumn("{task.description:70.70}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=progress) as bar:
        task = bar.add_task("starting", total=1.0)
        state = search(aim, seconds, seed, lambda what, done: bar.update(task, description=what, completed=done))
        case = case_of_record(state.record, aim) if state.record is not None else None
        if state.violation is not None:
            bar.update(task, description="looking for a smaller counterexample")
            case = smallest(state, min(MINIMISING * seconds, LONGEST))
        bar.update(task, description="done", completed=1.0)
    failed = [check.name for check in theorem.check() if not check.passed] if theorem.label != "claim" else None
    if case is not None:
        cases.save(case, out)
    if as_json:
        print(json.dumps(summary(state, case, failed), ensure_ascii=False, allow_nan=False))
    else:
        _show(state, case, failed, out, console)
    return 1 if case is not None else 0


def smallest(state: Search, seconds: float) -> Case | None:
    """The smallest counterexample as a case that a second implementation agrees on; None where it does not."""
    first = state.violation
    assert first is not None
    for found in (minimise(replace(state, pool=list(state.pool)), seconds), first):
        case = case_of(found, state.target)
        if replay(case).violates:
            return case
    return None


def summary(state: Search, case: Case | None, failed: list[str] | None) -> dict[str, object]:
    """The outcome as plain data."""
    return {
        "claim": state.target.words(),
        "refuted": case is not None,
        "case": None if case is None else vars(case),
        "tightest_ratio": shown(state.tightest),
        "tightest_by_steps": {steps: shown(ratio) for steps, ratio in sorted(state.by_steps.items())},
        "runs": state.runs,
        "attacks": {name: {"runs": e.runs, "tightest_ratio": shown(e.ratio)} for name, e in state.efforts.items()},
        "failed_checks": failed,
    }


def _show(state: Search, case: Case | None, failed: list[str] | None, out: Path, console: Console) -> None:
    said = {"markup": False, "highlight": False, "soft_wrap": True}
    console.print(f"claim: {state.target.words()}", **said)  # type: ignore[arg-type]
    console.print(f"read: {reading(state.target)}", **said)  # type: ignore[arg-type]
    if failed is None:
        console.print("proof: none was given", **said)  # type: ignore[arg-type]
    else:
        verdict = f"lmo check FAILED: {', '.join(failed)}" if failed else "lmo check proves the statement"
        console.print(f"proof: {verdict} (reported apart: no counterexample by itself)", **said)  # type: ignore[arg-type]
    console.print(_table(state))
    if case is None:
        tightest = f"the tightest of {state.runs} runs reached {state.tightest:.6f} of the bound"
        console.print(f"[green]not refuted[/]: {tightest}")
        reached = ", ".join(f"{ratio:.4f} at K = {steps}" for steps, ratio in sorted(state.by_steps.items()))
        console.print(f"by number of steps: {reached}", **said)  # type: ignore[arg-type]
        if state.target.where is not None and state.tightest == 0:
            console.print(f"no run fell into the range {state.target.where.text}: nothing was tried there", **said)  # type: ignore[arg-type]
        return
    console.print("[bold red]REFUTED[/]")
    show_case(case, console)
    console.print(f"written to {out}; `lmo replay {out}` shows it again", **said)  # type: ignore[arg-type]


def reading(aim: Target) -> str:
    """For which parameters and errors the claim was attacked."""
    oracle = {
        "additive": "oracles with ‖d̂ − lmo‖ ≤ δ",
        "pair": "oracles within ε and η",
        "none": "exact oracles (the claim has no error in it)",
    }[aim.errors]
    symbols = {"step_size": "γ", "alpha": "α"}
    free = [symbols[name] for name in aim.free]
    used = {"step_size"} | ({"alpha"} if aim.rules.momentum != "none" else set())
    tuned = [symbols[name] for name in ("step_size", "alpha") if name in used and name not in aim.free]
    words = [f"for all {' and '.join(free)}" if free else "", f"at the tuned {' and '.join(tuned)}" if tuned else ""]
    gradients = "stochastic gradients" if aim.stochastic else "exact gradients"
    more = [gradients, f"norms {', '.join(aim.balls)}" if aim.balls else "networks of several layers"]
    more += ["any schedule of steps"] if aim.rules.step == "scheduled" else []
    more += ["weight decay"] if aim.rules.decay else []
    more += ["x_0 in the ball of radius b/λ"] if aim.rules.inside else []
    return ", ".join([w for w in words if w] + [oracle, *more])


def _table(state: Search) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("attack", no_wrap=True)
    for name in ("runs", "tightest"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, effort in sorted(state.efforts.items(), key=lambda item: -item[1].ratio):
        ratio = shown(effort.ratio)
        table.add_row(name, str(effort.runs), "bound <= 0" if ratio is None else f"{ratio:.6f}")
    return table
