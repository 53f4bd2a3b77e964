"""The polar factor of many small matrices: few matrix products, and a proof of δ for every answer."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from lmo.balls.base import safe_divide
from lmo.balls.spectral import above_rank_cut
from lmo.checks import check_number
from lmo.oracles.base import Oracle, Promise
from lmo.oracles.polar_oracle import PolarOracle
from lmo.oracles.polar_proof import distance_bound
from lmo.oracles.rounding import UNIT
from lmo.oracles.small_batches import Product, in_chunks
from lmo.polynomials import Polynomial
from lmo.polynomials.certify import Certificate, certify
from lmo.polynomials.design import minimax

TERMS = 5  # coefficients of a step: degree 9 takes 4 products, degree 5 takes 3
STEPS = (2, 3, 4)  # of degree 9, after one Newton step
SHARE = 1 / 64  # of δ that the design of these steps leaves: the proof sees the sum over all directions
SMALLEST = 2.0**-40
SINGLE = 2.0**-24  # the δ·s_min from which all steps but the first are done in float32
LEAST = 2.0**-44  # the smallest δ·s_min: below, rounding in float64 is in the way


@dataclass(frozen=True)
class Polar(PolarOracle):
    """d̂ with δ ≤ `delta`, ‖d̂ − lmo(m)‖ in the ball's norm; made for large batches of small matrices in float64.

    s_min = 0: holds for every matrix, and is proved for each answer (`polar_proof.distance_bound`, rounding included;
    paper_notes.md, "Proving a polar factor"). One Newton step X ← (ζX + X⁻ᵀ/ζ)/2, ζ² = ‖X⁻¹‖_F/‖X‖_F, brings the
    singular values to [1, (√κ + 1/√κ)/2], κ = ‖X‖_F‖X⁻¹‖_F (Higham, Functions of Matrices, §8.6); two to four minimax
    polynomials of degree 9 bring those to 1. What has too large a κ for this, or is not proved, is answered by an SVD,
    with zeros on the null space. Matrices that are not square are reduced by QR first.

    s_min > 0: holds where σ_min ≥ s_min‖m‖_F, by design: minimax quintics for [s_min, 1]. Not checked. Smaller singular
    values go to [0, 1 + delta], so δ ≤ 1 always. In float32 from the second step on where δ·s_min allows that.

    The answer is rounded to the dtype of m, which comes on top, and carries no gradient. Speed:
    `python benchmarks/small_matrices.py`.

    Args:
        delta: δ, in [2⁻⁴⁰, 1). s_min: in [0, 1); δ·s_min at least 2⁻⁴⁴ unless it is 0.
        ball: `Spectral()`, `RmsToRms()` or `Scaled` of those.
    """

    delta: float = 1e-9
    s_min: float = 0.0
    name: ClassVar[str] = "polar"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("delta", self.delta, at_least=SMALLEST, below=1.0)
        check_number("s_min", self.s_min, at_least=0.0, below=1.0)
        if self.s_min and self.delta * self.s_min < LEAST:
            raise ValueError(
                f"`delta` must be at least {LEAST / self.s_min:.2g} for s_min = {self.s_min:g}: rounding in float64 "
                f"costs about 2⁻⁵³/s_min; got {self.delta:g}"
            )

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return [(cls(), (3, 4)), (cls(), (6, 2)), (cls(1e-6), (4, 4)), (cls(1e-4, 1e-3), (4, 4))]

    def promise(self) -> Promise:
        return Promise(1.0, 1.0, self.delta) if self.s_min else Promise(self.delta, self.delta, self.delta)

    def certify(self, s_min: float, s_max: float = 1.0) -> Certificate:
        """Proved δ, ε, η in exact arithmetic while every σ/‖M‖_F lies in [s_min, s_max]; `delta` where s_min = 0."""
        if self.s_min:
            return certify(quintics(self.s_min, self.delta / 2), s_min, s_max)
        return Certificate(self.delta, self.delta, self.delta, 1 - self.delta, 1 + self.delta, "a proof per answer")

    def _polar(self, x: Tensor) -> Tensor:
        x = x.detach().double()
        if not self.s_min:
            return proved(x, self.delta)
        steps = quintics(self.s_min, self.delta / 2)
        dtype = torch.float32 if self.delta * self.s_min >= SINGLE else torch.float64
        answer = torch.empty_like(x)

        def work(product: Product, rows: Tensor) -> None:
            answer[rows] = by_design(steps, dtype, product, x[rows])

        in_chunks(work, x, torch.arange(len(x), device=x.device))
        return answer


def by_design(steps: tuple[Polynomial, ...], dtype: torch.dtype, product: Product, x: Tensor) -> Tensor:
    """p(x/‖x‖_F) in float64 for x (n, a, b): the first step in float64, the others in `dtype`."""
    y = safe_divide(x, torch.linalg.vector_norm(x, dim=(-2, -1), keepdim=True))
    y = step(product, y, steps[0]).to(dtype)
    return run(steps[1:], product, y).double()


def proved(x: Tensor, delta: float) -> Tensor:
    """The polar factors of x (n, a, b), a ≤ b, in float64, each proved to have δ ≤ `delta` or from an SVD."""
    basis, square = (None, x) if x.shape[-1] == x.shape[-2] else wide(x)
    answer, y, every = torch.empty_like(x), torch.empty_like(square), torch.arange(len(x), device=x.device)
    ratio, floor, bound = (torch.full_like(x[:, 0, 0], torch.inf) for _ in range(3))

    def begin(product: Product, rows: Tensor) -> None:
        y[rows], ratio[rows], floor[rows] = newton(square[rows])

    def end(steps: tuple[Polynomial, ...], product: Product, rows: Tensor) -> None:
        found = run(steps, product, y[rows])
        answer[rows] = found = found if basis is None else product(found, basis[rows])
        bound[rows] = distance_bound(x[rows], found, 0.9 * floor[rows], product)

    def give_up(product: Product, rows: Tensor) -> None:
        answer[rows] = by_svd(x[rows])

    in_chunks(begin, square, every)
    noise = x.shape[-1] * x.shape[-2] ** 0.5 * UNIT  # of the proof, for ‖x‖_F = 1
    left = floor > 2 * noise / delta  # those for which there is hope
    for count in STEPS:
        design = nonics(count, SHARE * delta)
        near = left & (ratio < 1 / design.low)
        in_chunks(functools.partial(end, design.steps), x, every[near])
        left = left & ~near
    in_chunks(give_up, x, every[~(bound <= delta)])
    return answer


def wide(x: Tensor) -> tuple[Tensor, Tensor]:
    """B (n, a, b) with orthonormal rows and R (n, a, a) with x = RB."""
    q, r = torch.linalg.qr(x.mT)
    return q.mT, r.mT


def newton(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(y, r, l): y (n, a, a) with the polar factor of x and σ(y) in [1/r, 1]; l ≤ σ_min(x)/‖x‖_F, to rounding.

    Where x is singular, r is not finite or l = 0.
    """
    inverse = torch.linalg.inv_ex(x).inverse.mT
    size, other = (torch.linalg.vector_norm(part, dim=(-2, -1)) for part in (x, inverse))
    kappa, scale = size * other, (other / size).sqrt()
    ratio = (kappa.sqrt() + kappa.rsqrt()) / 2
    y = x * (scale / (2 * ratio)).reshape(-1, 1, 1)
    y.addcmul_(inverse, (0.5 / (scale * ratio)).reshape(-1, 1, 1))
    return y, ratio, kappa.reciprocal()


def run(steps: tuple[Polynomial, ...], product: Product, y: Tensor) -> Tensor:
    """All steps on y (n, a, b)."""
    for polynomial in steps:
        y = step(product, y, polynomial)
    return y


def by_svd(x: Tensor) -> Tensor:
    """UVᵀ for x (n, a, b), 0 on the null space."""
    u, s, vh = torch.linalg.svd(x, full_matrices=False)
    return (u * above_rank_cut(s, x.shape).to(s.dtype).unsqueeze(-2)) @ vh


def step(product: Product, x: Tensor, polynomial: Polynomial) -> Tensor:
    """c₀x + c₁(xxᵀ)x + … for x (n, a, b); 2, 3 and 5 coefficients take 2, 3 and 4 products."""
    constant, linear, *rest = polynomial
    gram = product(x, x.mT)
    if not rest:
        factor = gram.mul_(linear)
    elif len(rest) == 1:
        factor = product(gram, gram).mul_(rest[0]).add_(gram, alpha=linear)
    else:
        square = product(gram, gram)
        inner = (rest[1] * gram).add_(square, alpha=rest[2])
        inner.diagonal(dim1=-2, dim2=-1).add_(rest[0])
        factor = product(square, inner).add_(gram, alpha=linear)
    factor.diagonal(dim1=-2, dim2=-1).add_(constant)
    return product(factor, x)


class Design(NamedTuple):
    """Polynomials that bring [low, 1] to 1."""

    low: float
    steps: tuple[Polynomial, ...]


def greedy(low: float, terms: tuple[int, ...]) -> tuple[tuple[Polynomial, ...], float]:
    """Minimax steps with so many coefficients each for [low, 1], and the error they leave; 1 where none is found."""
    bottom, top, error, found = low, 1.0, 1.0, []
    for count in terms:
        try:
            polynomial, error = minimax(bottom, top, count)
        except ValueError:  # the exchange does not settle for such a low in float64
            return (), 1.0
        found.append(polynomial)
        bottom, top = 1 - error, 1 + error
    return tuple(found), error


@functools.cache
def lowest(error: float) -> float:
    """The least low for which one step of degree 9 on [low, 1] leaves at most `error`."""
    low, high = 1e-3, 0.999
    for _ in range(18):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if greedy(middle, (TERMS,))[1] > error else (low, middle)
    return high


@functools.cache
def nonics(steps: int, error: float) -> Design:
    """The steps of degree 9 that reach furthest down while they leave about `error`: what the last one takes, the one
    before has to leave."""
    low = lowest(error)
    for _ in range(steps - 1):
        low = lowest((1 - low) / (1 + low))
    return Design(low, greedy(low, (TERMS,) * steps)[0])


@functools.cache
def quintics(low: float, error: float) -> tuple[Polynomial, ...]:
    """Quintics, and a last step of the least of degree 3, 5 and 9, that bring [low, 1] within `error` of 1."""
    before = 0
    while True:
        for last in (2, 3, TERMS):
            found, left = greedy(low, (3,) * before + (last,))
            if left <= error:
                return found
        before += 1
