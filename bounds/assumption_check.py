"""The check that a statement assumes what its proof rests on, and declares every constant that its claim has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from bounds import evaluate
from bounds.assumptions import BoundedBelow, RestsOn, StartInside, StaysWithin
from bounds.checking import Check
from bounds.symbols import COLUMNS, CONSTANTS
from bounds.theorem import Theorem

NAME = "assumptions"
_GAPS = {COLUMNS["gap"], COLUMNS["next_gap"]}  # which speak of inf f
_ERRORS = {"epsilon", "eta", "delta"}  # an additive δ is ε = η = δ, so whoever bounds one has all three


def check_assumptions(theorem: Theorem) -> Check:
    """Every part of the proof rests on what is assumed, or on what follows from it; every constant is declared."""
    problems = []
    used: list[type[Any]] = []
    for who, needed in ingredients(theorem):
        if needed is None:
            problems.append(
                f"{who} does not say what it rests on, so it is not proved: give it rests_on=(…), the classes of the "
                "assumptions that it needs, or () if it holds always"
            )
            continue
        used += needed
        missing = [kind for kind in needed if not assumed(theorem, kind)]
        problems += [f"{who} rests on {_said(kind)}, which the statement does not assume" for kind in missing]
    left = undeclared(theorem)
    if left:
        said = ", ".join(f"{name} ({CONSTANTS[name].meaning})" for name in left)
        problems.append(f"the claim, its tuning or its step has {said}, which neither an assumption nor the method has")
    if problems:
        return Check(NAME, False, "; ".join(problems))
    names = {type(a).__name__: any(isinstance(a, kind) for kind in used) for a in theorem.assumes}
    rests, idle = (", ".join(name for name, needed in names.items() if needed is which) for which in (True, False))
    return Check(NAME, True, f"the proof rests on {rests or 'none'}" + (f"; it does not use {idle}" if idle else ""))


def ingredients(theorem: Theorem) -> Iterator[tuple[str, RestsOn | None]]:
    """The parts of the proof, in words, with the assumptions that each rests on; None where it says nothing of them."""
    for i in theorem.proof.step:
        yield f"inequality `{i.name}`", i.rests_on
    memory = theorem.proof.memory
    for name, _ in memory.parts() if memory else ():
        needed = memory.rests_on(name) if memory else None
        if name == "drift" and needed is not None and theorem.method.decay:  # a step d̂ − λx is as long as x lets it be
            needed = (*needed, StaysWithin if theorem.method.step == "scheduled" else StartInside)
        yield f"part `{name}` of the momentum error", needed
    closing = theorem.proof.closing
    yield f"the closing rule {type(closing).__name__}", getattr(closing, "rests_on", None)
    if theorem.metric.of_step.free_symbols & _GAPS:
        yield "the metric", (BoundedBelow,)


def assumed(theorem: Theorem, kind: type[Any]) -> bool:
    """Whether the statement assumes this, or a subclass of it, which says more."""
    return any(isinstance(a, kind) for a in theorem.assumes)


def undeclared(theorem: Theorem) -> list[str]:
    """Constants of the claim, its tuning or its step that neither an assumption nor the method declares: code names."""
    parts = [theorem.claim, theorem.step, *theorem.tuning.values()]
    parts += [] if theorem.step_at_most is None else [theorem.step_at_most]
    has = declared(theorem)
    return [name for name in evaluate.code_names(sp.Tuple(*parts)) if name not in has]


def declared(theorem: Theorem) -> set[str]:
    """The code names of the constants that the assumptions and the method bring."""
    method = theorem.method
    names = {name for a in theorem.assumes for name in a.needs} | {"steps", "step_size"}
    names |= _ERRORS if names & _ERRORS else set()
    names |= {"alpha"} if method.momentum != "none" else set()
    names |= {"variation", "peak"} if method.step == "scheduled" else set()
    return names | ({"weight_decay"} if method.decay else set())


def _said(kind: type[Any]) -> str:
    """The assumption's class and words; the class alone where it cannot be made without arguments."""
    try:
        return f"{kind.__name__} ({kind().words()})"
    except (TypeError, AttributeError):
        return kind.__name__
