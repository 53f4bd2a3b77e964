"""The problems, balls, oracles and momenta that a specification names."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import torch

from experiments.oracles import specs
from experiments.own_code import SHAPE, source_hash, thing_called
from experiments.problems.base import Problem
from experiments.problems.bigram import Bigram
from experiments.problems.diagonal_quadratic import DiagonalQuadratic
from experiments.problems.digits_network import DigitsNetwork
from experiments.problems.digits_softmax import DigitsSoftmax
from experiments.problems.layered_quadratic import LayeredQuadratic
from experiments.problems.matrix_quadratic import MatrixQuadratic
from experiments.problems.noisy import Noisy
from experiments.problems.ridge import Ridge
from lmo.balls import NormBall, Product
from lmo.checks import check_integer
from lmo.momentum import Ema, HeavyBall, Momentum, Nesterov, NoMomentum, Storm
from lmo.names import unknown_name
from lmo.oracles import Exact, Oracle, PerLayer, Perturbed, Quantised, Rounded, Stale
from lmo.oracles.errors import catalogue as error_models

MOMENTA: dict[str, Momentum] = {
    "none": NoMomentum(),
    "ema": Ema(),
    "ema-zero": Ema("zero"),
    "nesterov": Nesterov(),
    "nesterov-zero": Nesterov("zero"),
    "heavy-ball": HeavyBall(),
    "storm": Storm(),
}
Size = tuple[int, ...]
_error_models = functools.cache(error_models)


class DoesNotFit(ValueError):
    """Two entries of a grid that do not go together: their runs are left out, and this says why."""


def _quadratic(size: Size) -> Problem:
    return DiagonalQuadratic(torch.linspace(0.05, 1.0, size[0], dtype=torch.float64), torch.ones(size[0]))


def _isotropic(size: Size) -> Problem:
    """‖x‖²/(2n) from (1, …, 1): L = 1 in ℓ∞, Δ = ½, the table of paper_notes.md, S1."""
    return DiagonalQuadratic(
        torch.full(size, 1 / size[0], dtype=torch.float64), torch.ones(size), f"‖x‖²/{2 * size[0]}"
    )


def _matrix_quadratic(size: Size) -> Problem:
    if size[0] == size[1]:
        return MatrixQuadratic.of_the_table(size[0])
    source = torch.Generator().manual_seed(5)
    left, right, start = (
        torch.randn(*shape, generator=source, dtype=torch.float64)
        for shape in ((size[0], size[0]), (size[1], size[1]), size)
    )
    return MatrixQuadratic(left @ left.T / size[0] ** 2, right @ right.T / size[1] ** 2, 2 * start)


def _ridge(size: Size) -> Problem:
    for problem in Ridge.shipped():
        if problem.shape == size:
            return problem
    source, entries = torch.Generator().manual_seed(11), functools.reduce(int.__mul__, size)
    directions = torch.randn(2 * entries, *size, generator=source, dtype=torch.float64) / entries**0.5
    start = 1.5 * torch.randn(size, generator=source, dtype=torch.float64)
    return Ridge(torch.full((2 * entries,), 0.5 / entries), directions, start)


PROBLEMS: dict[str, tuple[Callable[[Size], Problem], Size, tuple[int, ...]]] = {  # make, default size, dimensions
    "quadratic": (_quadratic, (8,), (1,)),
    "isotropic": (_isotropic, (20,), (1,)),
    "matrix-quadratic": (_matrix_quadratic, (4, 6), (2,)),
    "ridge": (_ridge, (6,), (1, 2)),
    "layered-quadratic": (lambda size: LayeredQuadratic.shipped()[0], (), ()),
    "bigram": (lambda size: Bigram(batch_size=size[0] or None), (0,), (1,)),
    "digits": (lambda size: DigitsSoftmax(batch_size=size[0] or None), (0,), (1,)),
    "digits-network": (lambda size: DigitsNetwork(batch_size=size[0] or None), (0,), (1,)),
}


def problem_called(text: str) -> Problem:
    """`NAME` or `NAME:SIZE`: `quadratic:100`, `matrix-quadratic:12x12`, `ridge:4x5`, `digits:64` (a batch of 64).

    Or one of the user's own: `file.py:name` or `module:name`, a `Problem` or a function that makes one.
    """
    return _own_problem(text, source_hash(text)) if own_problem(text) else _shipped_problem(text)


@functools.lru_cache(maxsize=64)
def _shipped_problem(text: str) -> Problem:
    name, colon, size = text.partition(":")
    if name not in PROBLEMS:
        raise unknown_name("problem", name, PROBLEMS)
    make, default, dimensions = PROBLEMS[name]
    if not colon:
        return make(default)
    parts = size.split("x")
    if len(parts) not in dimensions or not all(part.isdecimal() for part in parts):
        example = {0: "no size", 1: f"a number, {name}:64", 2: f"two numbers, {name}:12x16"}
        wanted = " or ".join(example[n] for n in dimensions or (0,))
        raise ValueError(f"the problem {name!r} takes {wanted}; got {text!r}")
    return make(tuple(check_integer(f"size of {name}", int(part), at_least=1) for part in parts))


@functools.lru_cache(maxsize=64)
def _own_problem(text: str, source: str) -> Problem:
    """Made once for every state of its source."""
    return _own(text, Problem, "a function without arguments that makes one")


def own_problem(text: str) -> bool:
    """Whether `text` names code of the user's."""
    return SHAPE.fullmatch(text) is not None and text.partition(":")[0] not in PROBLEMS


def own_oracle(text: str) -> bool:
    """Whether `text` names code of the user's."""
    return SHAPE.fullmatch(text) is not None and text.partition(":")[0] not in (*_oracle_names(), "gram")


def _own(text: str, kind: type, otherwise: str, *given: Any) -> Any:
    """What the user's code names, made if it is a function."""
    thing = thing_called(text)
    if not isinstance(thing, kind) and callable(thing):
        thing = thing(*given)
    if not isinstance(thing, kind):
        raise ValueError(f"{text!r} must be a {kind.__name__}, or {otherwise}; got {type(thing).__name__}")
    return thing


def with_noise(problem: Problem, std: float) -> Problem:
    """`problem` with Gaussian noise of E‖ξ‖₂² = std² on top; itself for 0. `DoesNotFit` where it cannot be added."""
    if std == 0:
        return problem
    if problem.noise_std is not None or isinstance(problem.core_ndim, tuple):
        raise DoesNotFit(f"noise > 0 is added to single tensors with exact gradients, not to {problem.name!r}")
    return Noisy(problem, std)


def ball_called(text: str, problem: Problem) -> NormBall:
    """A ball by name (`l-inf`, `lp=3`, `spectral`) for this problem; for problems of layers, `product` by number.

    Raises:
        DoesNotFit: a ball for elements of another kind. ValueError: no such ball.
    """
    if isinstance(problem.core_ndim, tuple):
        fitting = {f"product:{i + 1}": ball for i, ball in enumerate(problem.balls())} | {"product": problem.balls()[0]}
        if text in fitting:
            return fitting[text]
        if text.startswith("product"):
            raise unknown_name("ball", text, fitting)
    elif text.partition(":")[0] == "product":
        raise DoesNotFit(f"the ball {text!r} is for problems of layers, {problem.name!r} has one")
    ndim = problem.core_ndim if isinstance(problem.core_ndim, int) else 2
    try:
        ball = specs.ball_called(text, ndim)
    except ValueError as error:
        if "is one of" not in str(error):
            raise
        raise DoesNotFit(f"the ball {text!r} is not one of {ndim} dimension(s), which {problem.name!r} has") from None
    if isinstance(problem.core_ndim, tuple):
        raise DoesNotFit(f"the ball {text!r} is for one layer, {problem.name!r} has {len(problem.core_ndim)}")
    return ball


def takes_delta(oracle: str) -> bool:
    """Whether the oracle of that name is a controlled error, whose size is the axis `delta`."""
    return oracle in _error_models()


def oracle_called(text: str, ball: NormBall, delta: Any = 0.0) -> Oracle:
    """An oracle for a ball.

    `exact`; a controlled error (`shrink`, `inflate`, `mixed`, `random`, `worst`) of size `delta`, a number or a tensor
    with one per run; `stale:K` (asked every K steps); or a spec of `lmo oracle`, with the ball put in: `rounded` (to
    bfloat16), `quantised:4`, `lanczos=0.01`, and for matrices `jordan:3`, `polar-express:8@bfloat16`, `low-rank:4`. Or
    one of the user's own: `file.py:name` or `module:name`, an `Oracle` or a function of the ball that makes one.

    Where layers are joined by a maximum, what does not answer for all of them at once answers for each (`PerLayer`): a
    spec for the layers whose ball it is for, the others exactly. The user's own are asked about all layers at once.

    Raises:
        DoesNotFit: an oracle that does not answer for this ball. ValueError: no such oracle.
    """
    if own_oracle(text):
        return _for_ball(_own(text, Oracle, "a function of the ball that makes one", ball), ball, text)
    models = _error_models()
    name, _, count = text.partition(":")
    if text in models:
        model = models[text](delta)
        if model.needs_parts() and not ball.has_parts:
            if joined := _by_a_maximum(ball):
                return PerLayer([oracle_called(text, layer, delta) for layer in joined.balls], joined.radii)
            raise DoesNotFit(
                f"the error {text!r} scales an answer part by part (its entries, singular values or rows), which the "
                f"ball {ball.name!r} does not offer; l-inf, spectral and max-row do"
            )
        return Perturbed(Exact(ball), model)
    if text == "exact":
        return Exact(ball)
    if name == "stale":
        if not count.isdecimal() or int(count) < 1:
            raise ValueError(f"`stale` takes every how many steps it is asked, for example stale:5; got {text!r}")
        return Stale(Exact(ball), int(count))
    known = _oracle_names()
    if name.partition("=")[0].partition("/")[0].partition("@")[0] not in [*known, "gram"]:
        raise unknown_name("oracle", text, known)
    oracle = specs.parse(text).oracle
    try:
        return _for_ball(oracle, ball, text)
    except DoesNotFit:
        joined = _by_a_maximum(ball)
        answers = [_or_exact(oracle, layer, text) for layer in joined.balls] if joined else []
        if joined is None or all(isinstance(answer, Exact) for answer in answers):
            raise
        return PerLayer(answers, joined.radii)


def check_fit(problem: str, ball: str, oracle: str, noise: float, delta: float = 0.0) -> None:
    """Builds everything once, so that what is wrong shows before anything is run; `DoesNotFit`, or `ValueError`."""
    made = problem_called(problem)
    answers = oracle_called(oracle, ball_called(ball, made), delta)
    with_noise(made, noise)
    try:
        answers.check_shape(made.shape)
    except ValueError as error:
        raise DoesNotFit(f"the oracle {oracle!r} does not answer for {problem!r}: {error}") from None


def _by_a_maximum(ball: NormBall) -> Product | None:
    """The ball, if it joins layers by a maximum."""
    return ball if isinstance(ball, Product) and ball.combine == "max" else None


def _or_exact(oracle: Any, ball: NormBall, text: str) -> Oracle:
    try:
        return _for_ball(oracle, ball, text)
    except DoesNotFit:
        return Exact(ball)


@functools.cache
def _oracle_names() -> tuple[str, ...]:
    return (*error_models(), "stale", *specs.spellable())


def _for_ball(oracle: Any, ball: NormBall, text: str) -> Oracle:
    if oracle.ball == ball:
        return oracle
    if isinstance(oracle, Quantised | Rounded) and isinstance(oracle.oracle, Exact):
        return dataclasses.replace(oracle, oracle=Exact(ball))
    if "ball" in getattr(oracle, "__dataclass_fields__", {}):  # the user's own need not be a dataclass
        try:
            return dataclasses.replace(oracle, ball=ball)
        except (TypeError, ValueError):
            raise DoesNotFit(f"the oracle {text!r} does not answer for the ball {ball.name!r}") from None
    raise DoesNotFit(f"the oracle {text!r} is for the ball {oracle.ball.name!r}, not {ball.name!r}")
