"""`make mutants`: every mutant of every theorem (or of those named), the kill rate, and the survivors with reasons."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

import bounds
from experiments.mutation.engine import Verdict, groups, judge

_PARTS = 6  # of a theorem's mutants, shared out to the processors
KILLED = ("check", "run")


def verdicts(name: str, part: int, parts: int, every: bool, seconds: float) -> list[Verdict]:
    """Those of one part of a theorem's mutants."""
    shared = groups(bounds.theorems[name], every)[part::parts]
    return [judge(mutant, seconds) for group in shared for mutant in group()]


def timed(name: str, part: int, parts: int, every: bool, seconds: float) -> tuple[list[Verdict], float]:
    """`verdicts`, and the processor time that they took."""
    begin = time.process_time()
    return verdicts(name, part, parts, every, seconds), time.process_time() - begin


def rate(found: list[Verdict]) -> float:
    """Killed mutants over all that are not the same and not true as well; 1 where there are none."""
    killed = sum(v.status in KILLED for v in found)
    survived = sum(v.status == "survived" for v in found)
    return killed / (killed + survived) if killed + survived else 1.0


def line(name: str, found: list[Verdict]) -> str:
    """One row of the table."""
    count = Counter(v.status for v in found)
    parts = ", ".join(f"{count[s]} {s}" for s in ("check", "run", "equivalent", "true", "survived") if count[s])
    return f"{name:18} {len(found):6} mutants, {100 * rate(found):.2f} % killed ({parts})"


def main(arguments: list[str]) -> int:
    """The command; 1 if a mutant survived."""
    parser = argparse.ArgumentParser(prog="python -m experiments.mutation", description=__doc__)
    parser.add_argument("names", nargs="*", help="theorems; all if left out")
    parser.add_argument("--own", action="store_true", help="swap symbols for those of the theorem itself alone")
    parser.add_argument("--seconds", type=float, default=5.0, help="of attack on a mutant that passes all checks")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--out", type=Path, default=Path("out/mutants.json"), help="where all verdicts go")
    asked = parser.parse_args(arguments)
    names = [bounds.theorems[name].name for name in asked.names] or list(bounds.theorems)
    begin, spent = time.monotonic(), 0.0
    everything: list[Verdict] = []
    with ProcessPoolExecutor(asked.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = {
            name: [pool.submit(timed, name, i, _PARTS, not asked.own, asked.seconds) for i in range(_PARTS)]
            for name in names
        }
        for name, parts in futures.items():
            done = [part.result() for part in parts]
            found = [v for made, _ in done for v in made]
            everything, spent = everything + found, spent + sum(used for _, used in done)
            print(line(name, found), flush=True)
    print(f"{line('all', everything)} in {time.monotonic() - begin:.0f} s, {spent:.0f} s of processor time")
    for v in everything:
        if v.status not in ("check", "equivalent"):
            print(f"  {v.status}: {v.theorem}, {v.where}: {v.what}: {v.by}")
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps([asdict(v) for v in everything], indent=1, ensure_ascii=False))
    return int(any(v.status == "survived" for v in everything))
