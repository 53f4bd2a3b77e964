"""`make soundness`: every shipped theorem attacked for minutes; one counterexample is a failure.

What `lmo refute NAME` does for one theorem, for all of them, with another seed each time round.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import bounds
from experiments.refutation.case import Case, case_of, case_of_record, save
from experiments.refutation.search import Search, search
from experiments.refutation.target import Target, target


def attackable() -> tuple[dict[str, Target], dict[str, str]]:
    """The targets that the shipped theorems are, and for the others why no attack knows them."""
    targets: dict[str, Target] = {}
    reasons: dict[str, str] = {}
    for name, theorem in bounds.theorems.items():
        try:
            targets[name] = target(theorem)
        except ValueError as error:
            reasons[name] = str(error)
    return targets, reasons


def attacked(name: str, aim: Target, seconds: float, seed: int, out: Path) -> bool:
    """Attacks one theorem, prints a row, writes a counterexample; whether it stood: runs were made, none above it."""
    state = search(aim, seconds, seed)
    best = "" if state.best is None else f" by {state.best.attack} at K = {state.best.instance.steps}"
    verdict = "REFUTED" if state.refuted else "stands" if state.runs else "NOTHING RAN"
    print(f"{name:18} {verdict}: {state.runs} runs reached {state.tightest:.6f} of the bound{best}", flush=True)
    if state.refuted:
        print(f"  written to {save(_case(state), out / f'{name}.json')}")
    return not state.refuted and state.runs > 0


def _case(state: Search) -> Case:
    if state.record is not None:
        return case_of_record(state.record, state.target)
    assert state.violation is not None
    return case_of(state.violation, state.target)


def main(arguments: list[str]) -> int:
    """The command; 1 if a theorem was refuted."""
    parser = argparse.ArgumentParser(prog="python -m experiments.soundness", description=__doc__)
    parser.add_argument("names", nargs="*", help="theorems; all if left out")
    parser.add_argument("--seconds", type=float, default=600.0, help="of attack on each theorem")
    parser.add_argument("--seed", type=int, default=0, help="of all random choices; another one tries other instances")
    parser.add_argument("--out", type=Path, default=Path("out/soundness"), help="where counterexamples go")
    asked = parser.parse_args(arguments)
    targets, reasons = attackable()
    names = [bounds.theorems[name].name for name in asked.names] or list(bounds.theorems)
    stood = [attacked(n, targets[n], asked.seconds, asked.seed, asked.out) for n in names if n in targets]
    for name in names:
        if name in reasons:
            print(f"{name:18} not attacked: {reasons[name]}")
    return int(not all(stood))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
