"""Where a theorem keeps its formulas, found by walking its dataclasses; and how to put another one there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from bounds.assumptions import RestsOn
from bounds.memory import Memory, Part
from bounds.theorem import Theorem

Path = tuple[Any, ...]  # names of fields, indices of tuples, keys of mappings
_SKIPPED = {"name", "label", "kind", "source", "says", "because", "assumes"}  # words; assumptions have no formulas
WORDS = {  # fields that hold one of a few words
    "over": ("mean", "minimum"),
    "momentum": ("none", "ema", "nesterov", "storm"),
    "step": ("fixed", "scheduled", "layer-fixed", "adaptive", "layer-adaptive", "l0-l1", "open-loop"),
    "decay": (False, True),
    "start": ("first gradient", "zero"),
    "expectation": (False, True),
}


@dataclass(frozen=True)
class Site:
    """One formula (or word) of a theorem."""

    path: Path
    value: Any

    def __str__(self) -> str:
        return ".".join(str(p) for p in self.path)


def sites(thing: Any, path: Path = ()) -> Iterator[Site]:
    """Every formula and every mutable word in a theorem, or in a part of one."""
    if isinstance(thing, sp.Basic):
        yield Site(path, thing)
    elif dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        for field in dataclasses.fields(thing):
            value = getattr(thing, field.name)
            if field.name in WORDS and value in WORDS[field.name]:
                yield Site((*path, field.name), value)
            elif field.name not in _SKIPPED:
                yield from sites(value, (*path, field.name))
    elif isinstance(thing, tuple):
        for i, value in enumerate(thing):
            yield from sites(value, (*path, i))
    elif isinstance(thing, Mapping):
        for key, value in thing.items():
            yield from sites(sp.sympify(value), (*path, key))
    elif isinstance(thing, int) and not isinstance(thing, bool):
        yield Site(path, thing)


def put(thing: Any, path: Path, value: Any) -> Any:
    """The theorem with another value at a path."""
    if not path:
        return value
    first, rest = path[0], path[1:]
    if isinstance(thing, tuple):
        return tuple(put(v, rest, value) if i == first else v for i, v in enumerate(thing))
    if isinstance(thing, Mapping):
        return {k: put(v, rest, value) if k == first else v for k, v in thing.items()}
    return replace(thing, **{first: put(getattr(thing, first), rest, value)})


def without(theorem: Theorem, i: int) -> Theorem:
    """The theorem without its assumption i."""
    return replace(theorem, assumes=theorem.assumes[:i] + theorem.assumes[i + 1 :])


@dataclass(frozen=True)
class ChangedMemory(Memory):
    """A memory of which one part is something else."""

    inside: Memory
    part: str
    formula: sp.Expr

    def parts(self) -> tuple[Part, ...]:
        return tuple((name, self.formula if name == self.part else value) for name, value in self.inside.parts())

    def rests_on(self, part: str) -> RestsOn | None:
        return self.inside.rests_on(part)

    def proof(self) -> tuple[tuple[str, sp.Expr], ...]:
        return self.inside.proof()


def with_part(theorem: Theorem, part: str, formula: sp.Expr) -> Theorem:
    """A wrong part of the momentum error, and the claim that then follows: the chain adds up, so the sums must tell."""
    assert theorem.proof.memory is not None
    proof = replace(theorem.proof, memory=ChangedMemory(theorem.proof.memory, part, formula))
    return replace(theorem, proof=proof, claim=proof.derive().value, tuned_value=None, limits=())
