"""The contract of balls and oracles as checks that anyone can run on their own: a ball, an oracle, a function m → d.

`check_ball`, `check_oracle` and `check_callable` raise `ContractError` with one line per broken law; `run_checks` gives
the same as a list. The laws are the functions of `of_answers.py` and `of_balls.py`, found there by their names.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch

from lmo.balls import NormBall
from lmo.checks import unknown_name
from lmo.elements import Element, batch_shape
from lmo.oracles import Oracle, Promise
from lmo.randomness import Draw
from lmo.testing import of_answers, of_balls
from lmo.testing.subject import ContractError as ContractError
from lmo.testing.subject import Subject as Subject

EXACT = Promise(0.0, 0.0, 0.0)
FLIPPED = "; the sign is flipped throughout: the laws that follow are asked of −f"
_PROMISED = ("feasible", "aligned", "distance")  # laws about a promise, left out where there is none


class Check(NamedTuple):
    """One law and what came of it; `message` begins with the law, and is empty where it holds."""

    law: str
    passed: bool
    message: str


def _laws_of(module: ModuleType) -> dict[str, Callable[[Subject], None]]:
    functions = inspect.getmembers(module, inspect.isfunction)
    own = [f for name, f in functions if f.__module__ == module.__name__ and not name.startswith("_")]
    return {f.__name__: f for f in sorted(own, key=lambda f: f.__code__.co_firstlineno)}


CALLABLE_LAWS = _laws_of(of_answers)
ORACLE_LAWS = {name: law for name, law in CALLABLE_LAWS.items() if name != "odd"}  # a drawn error does not turn with m
BALL_LAWS = CALLABLE_LAWS | _laws_of(of_balls)


def check_ball(ball: NormBall, shape: tuple, *, seed: int = 0, exempt: Collection[str] = ()) -> None:
    """Every law of `NormBall` for one ball on elements of one core shape (a tuple of shapes for `Product`).

    Args:
        ball: the ball.
        shape: core shape of its elements, without batch.
        seed: of the random questions.
        exempt: names of laws (keys of `BALL_LAWS`) to leave out.

    Raises:
        ContractError: some law is broken; one line per law.
        ValueError: `exempt` names no law.
    """
    _raise_for(ball, run_checks(ball, shape, seed=seed, exempt=exempt))


def check_oracle(oracle: Oracle, shape: tuple, *, seed: int = 0, exempt: Collection[str] = ()) -> None:
    """Every law of `Oracle`, its promise among them, for one oracle on elements of one core shape.

    Oracles that need randomness are given `Draw` with one seed per run. Arguments and errors as for `check_ball`, with
    the laws `ORACLE_LAWS`.
    """
    _raise_for(oracle, run_checks(oracle, shape, seed=seed, exempt=exempt))


def check_callable(function: Callable[[Any], Any], ball: NormBall, shape: tuple, **options: Any) -> None:
    """Whether a plain function m → d is the LMO of `ball`, or an inexact one within a promise.

    Args:
        function: takes a tensor of core shape `shape` (a tuple of tensors for `Product`), returns the direction.
        ball: the ball whose LMO it should be.
        shape: core shape, without batch.
        options: those of `run_checks`: promise, tolerance, dtype, batched, seed, exempt.

    Raises:
        ContractError: some law of `CALLABLE_LAWS` is broken; one line per law.
        ValueError: `exempt` names no law.
    """
    _raise_for(function, run_checks(function, shape, ball=ball, **options))


def run_checks(
    thing: NormBall | Oracle | Callable[[Any], Any],
    shape: tuple,
    *,
    ball: NormBall | None = None,
    promise: Promise | None = EXACT,
    tolerance: float = 1e-6,
    dtype: torch.dtype = torch.float64,
    batched: bool = False,
    seed: int = 0,
    exempt: Collection[str] = (),
    only: Collection[str] | None = None,
) -> list[Check]:
    """The laws of a ball, an oracle or a function, each with its outcome, nothing raised for a broken one.

    Args:
        thing: a `NormBall`, an `Oracle`, or a function m → d, which also needs `ball`.
        shape: core shape of the elements, without batch.
        ball, promise, tolerance, dtype, batched: for functions: whose LMO it should be; the errors it may make (None:
            any); the rounding it may make; the dtype it is asked in; whether it takes batches.
        seed: of the random questions.
        exempt: names of laws to leave out.
        only: the laws to run; all by default. After `shape` or `finite` is broken, the rest is not asked. Where `sign`
            is broken on every question, the laws after it are asked of −f, so that what else is broken is seen.

    Raises:
        ValueError: a name in `exempt` or `only` is no law of this kind.
        TypeError: a function without `ball`.
    """
    if isinstance(thing, NormBall):
        laws, subject = BALL_LAWS, Subject(lambda m, run: thing.lmo(m), thing, shape, EXACT, seed)
    elif isinstance(thing, Oracle):
        laws, subject = ORACLE_LAWS, Subject(_with_draw(thing), thing.ball, shape, thing.promise(), seed)
    elif isinstance(ball, NormBall):
        laws = CALLABLE_LAWS
        subject = Subject(lambda m, run: thing(m), ball, shape, promise, seed, tolerance, (dtype,), batched)
    else:
        raise TypeError(f"a function needs `ball`, the NormBall whose LMO it should be; got {ball!r}")
    for name in (*exempt, *(only or ())):
        if name not in laws:
            raise unknown_name("law", name, laws)
    skipped = {*exempt, *(_PROMISED if subject.promise is None else ())}
    checks = []
    for name in (name for name in laws if name not in skipped and (only is None or name in only)):
        checks.append(_check(name, laws[name], subject))
        if name in ("shape", "finite") and not checks[-1].passed:
            break
        if name == "sign" and not checks[-1].passed and _flipped(subject):
            checks[-1], subject = checks[-1]._replace(message=checks[-1].message + FLIPPED), subject.turned()
    return checks


def _flipped(subject: Subject) -> bool:
    try:
        return subject.flipped
    except Exception:  # the law has said how it fails
        return False


def _with_draw(oracle: Oracle) -> Callable[[Any, int], Any]:
    def answer(m: Element, run: int) -> Element:
        runs = batch_shape(m, oracle.ball.core_ndim)
        return oracle(m, None, Draw(np.arange(int(np.prod(runs))).reshape(runs) if runs else run, 0))[0]

    return answer


def _check(name: str, law: Callable[[Subject], None], subject: Subject) -> Check:
    try:
        law(subject)
    except ContractError as broken:
        return Check(name, False, f"{name}: {broken}")
    except Exception as error:  # what is tested may fail in any way: its error is the finding
        return Check(name, False, f"{name}: raised {type(error).__name__}: {error}")
    return Check(name, True, "")


def _raise_for(thing: Any, checks: list[Check]) -> None:
    broken = [check.message for check in checks if not check.passed]
    if broken:
        raise ContractError("\n".join([f"{thing} breaks {len(broken)} of {len(checks)} laws", *broken]))
