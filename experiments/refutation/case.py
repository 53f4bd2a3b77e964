"""Counterexamples as JSON: everything that is needed to see one again, the claim included."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import bounds
from bounds.assumptions import Describes, StartInside
from bounds.symbols import alpha, gamma
from experiments.expressions import parse, write
from experiments.refutation.adapted import ADAPTED
from experiments.refutation.candidates import Candidates, defaults
from experiments.refutation.constants import numbers_of
from experiments.refutation.problem_case import PROBLEM
from experiments.refutation.programme_case import PROGRAMME
from experiments.refutation.quantities import PLAIN, expression_of
from experiments.refutation.ranges import read_range
from experiments.refutation.ratio import shown
from experiments.refutation.search import Found
from experiments.refutation.target import BALLS, Target
from experiments.refutation.worst_case import WORST
from lmo.names import unknown_name

SMALL = "small instance"
KINDS = (SMALL, PROBLEM, WORST, PROGRAMME, ADAPTED)


@dataclass(frozen=True)
class Case:
    """A counterexample: the claim (texts and rules), the instance (lists), what was measured."""

    claim: dict[str, Any]
    instance: dict[str, Any]
    constants: dict[str, float]
    measured: float
    uncertainty: float
    bound: float
    ratio: float | None  # None of a bound that is not positive
    exact: bool
    runs: int
    seed: int
    attack: str
    kind: str = SMALL


def case_of(found: Found, target: Target) -> Case:
    """The case that a finding is."""
    c, scored = found.instance, found.scored
    instance: dict[str, Any] = {"ball": c.ball, "steps": c.steps}
    instance |= {name: _plain(array[0]) for name, array in c.arrays().items()}
    constants = {name: float(value[0]) for name, value in numbers_of(c, target).items()}
    numbers = (float(x[0]) for x in (scored.measured, scored.uncertainty, scored.bound))
    measured, uncertainty, bound = numbers
    return Case(
        claim_of(target), instance, constants, measured, uncertainty, bound, shown(found.ratio), scored.exact,
        1 if scored.exact else found.runs, found.seed, found.attack,
    )  # fmt: skip


def case_of_record(record: dict[str, Any], target: Target) -> Case:
    """The case that an attack's record is (`Attack.attempt`)."""
    kept = {name: value for name, value in record.items() if name != "violates"}
    return Case(claim=claim_of(target), **kept | {"ratio": shown(record["ratio"])})


def claim_of(target: Target) -> dict[str, Any]:
    """The claim as plain data; `target_of` reads it back."""
    theorem = target.theorem
    tuning = {str(symbol): write(value) for symbol, value in theorem.tuning.items()}
    return {
        "name": theorem.name,
        "bound": write(theorem.claim),
        "tuning": {code: tuning[name] for code, name in (("step_size", "gamma"), ("alpha", "alpha")) if name in tuning},
        "free": list(target.free),
        "expectation": theorem.expectation,
        "stochastic": target.stochastic,
        "errors": target.errors,
        **({} if target.where is None else {"where": target.where.text}),
        **vars(target.rules),
    }


def target_of(claim: dict[str, Any]) -> Target:
    """The target that a case was about, without its assumptions: what runs a case again needs no more."""
    like = bounds.theorems["fixed-step"]
    symbols = {"step_size": gamma, "alpha": alpha}
    theorem = replace(
        like,
        name=claim["name"],
        label=claim["name"],
        claim=parse(claim["bound"]),
        tuning={symbols[name]: parse(text) for name, text in claim["tuning"].items()},
        method=Describes(claim["momentum"], claim["start"], claim["step"], bool(claim.get("decay"))),
        metric=replace(like.metric, over=claim["over"], of_step=expression_of(claim.get("of_step", PLAIN))),
        expectation=claim["expectation"],
        assumes=(StartInside(),) if claim.get("inside") else (),
    )
    aim = Target(theorem, claim["errors"], BALLS, claim["stochastic"])
    return replace(aim, where=read_range(claim["where"], aim.constants)) if claim.get("where") else aim


def _plain(value: np.ndarray) -> Any:
    """Lists of numbers; ∞ and NaN, which JSON lacks, as None."""
    if value.ndim:
        return [_plain(v) for v in value]
    if value.dtype.kind != "f":
        return int(value)
    return float(value) if math.isfinite(value) else None


def save(case: Case, path: Path) -> Path:
    """Writes the case; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(vars(case), indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return path


def load(path: Path) -> Case:
    """The case in a file; `ValueError` where it is none."""
    if not Path(path).is_file():
        raise ValueError(f"there is no file {str(path)!r}; give a case that `lmo refute` wrote")
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        case = Case(**data)
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError) as error:
        raise ValueError(f"{path} is not a case that `lmo refute` wrote: {error}") from None
    if case.kind not in KINDS:
        raise unknown_name("kind of case", str(case.kind), KINDS)
    return case


def instance_of(case: Case) -> Candidates:
    """The instance of a case, as arrays with N = 1."""
    fill = {"slope": math.inf, "wrong": math.nan}
    try:
        arrays = defaults(1, len(case.instance["start"]))  # cases from before there was more lack it
        for name, value in case.instance.items():
            if name not in ("ball", "steps"):
                filled = _filled(value, fill.get(name))
                arrays[name] = np.array([filled], dtype=int if name == "period" else float)
        return Candidates(case.instance["ball"], int(case.instance["steps"]), **arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the instance of the case is damaged: {error}") from None


def _filled(value: Any, fill: float | None) -> Any:
    if isinstance(value, list):
        return [_filled(v, fill) for v in value]
    return fill if value is None else value
