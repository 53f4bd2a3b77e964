"""Oracles by short specs: [gram:]NAME[:COUNT][=NUMBER][/SCALE][@DTYPE]."""

from __future__ import annotations

import dataclasses
import functools
import typing
from typing import Any, NamedTuple

import torch

from lmo.balls import NormBall, Spectral
from lmo.balls import catalogue as balls
from lmo.checks import unknown_name
from lmo.discover import subclasses_in
from lmo.oracles import Exact, GramNewtonSchulz, NewtonSchulz, Oracle, catalogue, scales
from lmo.polynomials import names, schedule
from lmo.polynomials.design import designed

DTYPES = {name: getattr(torch, name) for name in ("float64", "float32", "bfloat16", "float16")}
ALIASES = {"torch": "torch-newton-schulz", "dion": "low-rank"}
OF_EXACT = ("quantised", "rounded")  # these wrap another oracle: the exact one
DESIGNED = "minimax"


class Spec(NamedTuple):
    """The text of a spec and the oracle that it stands for."""

    text: str
    oracle: Oracle


class _Parts(NamedTuple):
    gram: bool
    name: str
    steps: int | None
    number: float | None
    scale: str | None
    dtype: str | None


def parse(text: str) -> Spec:
    """The oracle that a spec stands for.

    NAME is a schedule (`jordan`, `classical-2`, …: `NewtonSchulz`, or `GramNewtonSchulz` after `gram:`), `minimax`
    (designed for [NUMBER, 1], COUNT steps), or an oracle that wraps no other (`exact`, `torch`, `adaptive`, …; `dion:3`
    is `low-rank:3`, `lanczos=0.01` certifies a gap of 0.01), or `OF_EXACT` (`quantised:4`, to 4 bits). COUNT
    and NUMBER are the oracle's first integer and its first real field: `polar-express:8`, `adaptive=0.01`. SCALE is
    what the matrix is divided by (`you/moments`), DTYPE the precision of the iteration (`you@bfloat16`).

    Raises:
        ValueError: what is wrong with the text, and the nearest name.
    """
    parts = _split(text)
    try:
        return Spec(text, _polynomial(parts) or _other(parts))
    except TypeError as error:
        raise ValueError(f"oracle {text!r}: {error}") from None


@functools.cache
def spellable() -> tuple[str, ...]:
    """The names that a spec may have."""
    plain = {name: kind for name, kind in catalogue().items() if dataclasses.is_dataclass(kind)}
    found = [name for name, kind in plain.items() if set(_needed(kind)) <= {"ball", _first(kind, int)}]
    return (*names(), DESIGNED, *found, *OF_EXACT, *ALIASES)


def dtype_called(name: str) -> torch.dtype:
    """The floating-point dtype of that name; `ValueError` with the nearest one for any other."""
    if name not in DTYPES:
        raise unknown_name("dtype", name, DTYPES)
    return DTYPES[name]


def ball_called(text: str, ndim: int) -> NormBall:
    """The ball `NAME` or `NAME=NUMBER` (`lp=3`) on elements of `ndim` dimensions; `ValueError` for any other."""
    name, equals, number = text.partition("=")
    kinds = {n: kind for n, kind in balls().items() if dataclasses.is_dataclass(kind) and not _needed(kind)}
    if name not in kinds:
        raise unknown_name("ball", name, kinds)
    given: dict[str, Any] = {}
    if equals:
        given[_accepting(kinds[name], float, text, "number")] = _number(number, text)
    if "core_ndim" in _fields(kinds[name]):
        given["core_ndim"] = ndim
    ball = kinds[name](**given)
    if ball.core_ndim != ndim:
        raise ValueError(f"the ball `{name}` is one of {ball.core_ndim} dimensions; give a shape of as many sizes")
    return ball


def _split(text: str) -> _Parts:
    rest, at, dtype = text.partition("@")
    rest, slash, scale = rest.partition("/")
    rest, equals, number = rest.partition("=")
    words = rest.split(":")
    gram = words[0] == "gram" and len(words) > 1
    name, *counts = words[1:] if gram else words
    if len(counts) > 1 or any(not count.isdecimal() for count in counts):
        raise ValueError(f"oracle {text!r}: after NAME: comes one whole number, for example polar-express:8")
    return _Parts(
        gram, name, int(counts[0]) if counts else None, _number(number, text) if equals else None,
        scale if slash else None, dtype if at else None,
    )  # fmt: skip


def _number(number: str, text: str) -> float:
    try:
        return float(number)
    except ValueError:
        raise ValueError(f"{text!r}: {number!r} is not a number, for example adaptive=0.01") from None


def _polynomial(parts: _Parts) -> Oracle | None:
    """Newton–Schulz on a schedule; None where the name is none of a schedule."""
    text = f"{parts.name}:{parts.steps}"
    kind = GramNewtonSchulz if parts.gram else NewtonSchulz
    if parts.name == DESIGNED:
        if parts.steps is None or parts.number is None:
            raise ValueError(f"`{DESIGNED}` needs steps and the lower end of its interval: {DESIGNED}:5=0.001")
        return kind(designed(parts.number, parts.steps), **_common(kind, parts, text))
    try:
        found = schedule(parts.name)
    except ValueError:
        if parts.gram:
            raise
        return None
    if parts.number is not None:
        raise ValueError(f"the schedule `{parts.name}` takes no number, got ={parts.number:g}")
    return kind(found.name, parts.steps, **_common(kind, parts, text))


def _other(parts: _Parts) -> Oracle:
    name = ALIASES.get(parts.name, parts.name)
    if parts.name not in spellable():
        raise unknown_name("oracle", parts.name, spellable())
    kind = catalogue()[name]
    given = _common(kind, parts, parts.name)
    if "ball" in _needed(kind):
        given["ball"] = Spectral()
    if name in OF_EXACT:
        given["oracle"] = Exact(Spectral())
    if parts.steps is not None:
        given[_accepting(kind, int, parts.name, "count")] = parts.steps
    if parts.number is not None:
        given[_accepting(kind, float, parts.name, "number")] = parts.number
    if set(_needed(kind)) - set(given):
        raise ValueError(f"`{parts.name}` needs a count, for example {parts.name}:8")
    return kind(**given)


def _common(kind: type, parts: _Parts, text: str) -> dict[str, Any]:
    """The fields `scale` and `dtype` of an oracle, where they are given."""
    given: dict[str, Any] = {}
    if parts.dtype is not None:
        given["dtype"] = dtype_called(parts.dtype)
    if parts.scale is not None:
        kinds = subclasses_in(scales, scales.Scale)
        if parts.scale not in kinds:
            raise unknown_name("scale", parts.scale, kinds)
        given["scale"] = kinds[parts.scale]()
    for field in given:
        if field not in _fields(kind):
            raise ValueError(f"the oracle `{text}` takes no {field}")
    return given


def _fields(kind: type) -> dict[str, dataclasses.Field]:
    return {field.name: field for field in dataclasses.fields(kind) if field.init}


def _needed(kind: type) -> list[str]:
    missing = dataclasses.MISSING
    return [n for n, f in _fields(kind).items() if f.default is missing and f.default_factory is missing]


def _first(kind: type, of: type) -> str | None:
    """The first field that holds one number of type `of`."""
    hints = typing.get_type_hints(kind)
    found = (name for name in _fields(kind) if of in (hints[name], *typing.get_args(hints[name])))
    return next((name for name in found if typing.get_origin(hints[name]) is not tuple), None)


def _accepting(kind: type, of: type, text: str, what: str) -> str:
    field = _first(kind, of)
    if field is None:
        raise ValueError(f"`{text}` takes no {what}")
    return field
