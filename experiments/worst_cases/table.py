"""The table of `lmo worst-case`: for every row of constants what was run, what was searched and what is proved."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bounds.theorem import Theorem
from experiments.worst_cases import attacks
from experiments.worst_cases.base import (
    NORMS,
    Attack,
    Case,
    Tick,
    bound_at,
    completed,
    deterministic,
    replay,
    silent,
)
from lmo.checks import check_number, unknown_name


@dataclass(frozen=True)
class Row:
    """One row: `run` is the largest metric of a run of an explicit function, computed twice (`replay`); `found` what
    the searches found, by their names; `bound` the theorem's claim. seconds: for all of it.
    """

    norm: str
    constants: Mapping[str, float]
    run: Case | None
    found: Mapping[str, Case]
    bound: float
    seconds: float

    def record(self) -> dict[str, Any]:
        """As plain data."""
        searched = {
            name: {
                "value": case.value,
                "status": case.status,
                "ratio": case.value / self.bound,
                "detail": case.detail,
                "reached": case.reached,
            }
            for name, case in self.found.items()
        }
        run = None if self.run is None else {"value": self.run.value, "ratio": self.run.ratio, "by": self.run.detail}
        fixed = {"norm": self.norm, **self.constants}
        return fixed | {"run": run, "searched": searched, "bound": self.bound, "seconds": round(self.seconds, 2)}


def chosen(theorem: Theorem, norm: str, methods: Sequence[str]) -> list[Attack]:
    """The searches that are asked for, or all that fit; `ValueError` where an asked one does not fit, or none does."""
    if norm not in NORMS:
        raise unknown_name("norm", norm, NORMS)
    known = attacks()
    refusals = {name: attack.refuses(theorem, norm) for name, attack in known.items()}
    why = deterministic(theorem)
    if why and None not in refusals.values():
        elsewhere = [n for n in NORMS if any(attack.refuses(theorem, n) is None for attack in known.values())]
        hint = f" (there is one in {', '.join(elsewhere)})" if elsewhere else ""
        raise ValueError(f"there is no search for the worst case of {theorem.name!r} in {norm}: {why}{hint}")
    for name in methods:
        if name not in known:
            raise unknown_name("search", name, known)
        if refusals[name]:
            raise ValueError(f"the search {name!r} cannot be asked about {theorem.name!r} in {norm}: {refusals[name]}")
    usual = [name for name in known if name != "mixed-integer"]  # which takes three steps at most
    fitting = [known[name] for name in (methods or usual) if refusals[name] is None]
    if not fitting:
        reasons = "; ".join(f"{name}: {refused}" for name, refused in refusals.items())
        raise ValueError(f"no search fits {theorem.name!r} in {norm} ({reasons})")
    return fitting


def table(
    theorem: Theorem,
    norm: str,
    rows: Sequence[Mapping[str, float]],
    methods: Sequence[str] = (),
    budget_seconds: float = 2.0,
    seed: int = 0,
    tick: Tick = silent,
) -> list[Row]:
    """One `Row` per dict of constants; every search gets `budget_seconds` for each."""
    check_number("seconds", budget_seconds, above=0.0)
    searches = chosen(theorem, norm, methods)
    full = [completed(theorem, constants) for constants in rows]  # a bad constant is refused before anything is run
    return [_row(theorem, norm, one, searches, budget_seconds, seed, tick) for one in full]


def _row(
    theorem: Theorem,
    norm: str,
    constants: Mapping[str, float],
    searches: Sequence[Attack],
    seconds: float,
    seed: int,
    tick: Tick,
) -> Row:
    began = time.monotonic()
    cases = {one.name: one.search(theorem, norm, constants, seconds, seed, tick) for one in searches}
    runs = [cases.pop(name) for name, case in list(cases.items()) if case.status == "run"]  # explicit functions
    run = max(runs, key=lambda case: case.value, default=None)
    if run is not None and run.value > 0:
        again = replay(run.record(), theorem)
        if abs(again.value - run.value) > 1e-9 * run.value:
            raise RuntimeError(f"the run of {run.attack} ({run.detail}) gave {run.value:g}, then {again.value:g}")
    return Row(norm, constants, run, cases, bound_at(theorem, constants), time.monotonic() - began)
