"""The polar factor of many small matrices: few matrix products, and a proof of δ for every answer."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from lmo.balls.spectral import by_svd
from lmo.checks import check_number
from lmo.oracles.base import Oracle, Promise
from lmo.oracles.polar_oracle import PolarOracle
from lmo.oracles.polar_proof import distance_bound
from lmo.oracles.rounding import UNIT
from lmo.oracles.small_batches import Arithmetic, in_chunks
from lmo.polynomials import Polynomial
from lmo.polynomials.certify import Certificate, certify
from lmo.polynomials.design import minimax

TERMS = 5  # coefficients of a step: degree 9 takes 4 products, degree 5 takes 3
CUT = 16.0  # of p·eps·λ₁: eigenvalues of xxᵀ up to there are noise
STEPS = (2, 3, 4)  # of degree 9, after one Newton step
SHARE = 1 / 64  # of δ that the design of these steps leaves: the proof sees the sum over all directions
SMALLEST = 2.0**-40
SINGLE = 2.0**-24  # the δ·s_min from which all steps but the first are done in float32
EIGEN = (128, 1.25)  # rows, columns over rows from which an eigendecomposition beats Newton's step and the others
LEAST = 2.0**-44  # the smallest δ·s_min: below, rounding in float64 is in the way


@dataclass(frozen=True)
class Polar(PolarOracle):
    """d̂ with δ ≤ `delta`, ‖d̂ − lmo(m)‖ in the ball's norm; made for large batches of small matrices in float64.

    s_min = 0: proved for each answer of an iteration (`polar_proof.distance_bound`, rounding included; paper_notes.md,
    "Proving a polar factor"). One Newton step X ← (ζX + X⁻ᵀ/ζ)/2, ζ² = ‖X⁻¹‖_F/‖X‖_F, brings the
    singular values to [1, (√κ + 1/√κ)/2], κ = ‖X‖_F‖X⁻¹‖_F (Higham, Functions of Matrices, §8.6); two to four minimax
    polynomials of degree 9 bring those to 1. Matrices that are not square are reduced by QR first; large wide ones go
    by the eigenvectors of xxᵀ instead. What has too large a κ for this, or is not proved, is answered by an SVD, with
    zeros on the null space: exact as `Exact` is, for a matrix within rounding of m. Its distance from the answer to m
    itself is about 2⁻⁵³κ, above delta where κ ≥ 2⁵³·delta and the rank is full, and not known to the oracle.

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

        def work(how: Arithmetic, rows: Tensor) -> None:
            how.put(answer, rows, by_design(steps, dtype, how, how.take(x, rows)))

        in_chunks(work, x, torch.arange(len(x), device=x.device))
        return answer


def by_design(steps: tuple[Polynomial, ...], dtype: torch.dtype, how: Arithmetic, x: Any) -> Any:
    """p(x/‖x‖_F) in float64 for x (n, a, b): the first step in float64, the others in `dtype`."""
    size = how.norm(x)
    y = step(how, how.scaled(x, torch.where(size > 0, size, 1).reciprocal()), steps[0])
    return how.cast(run(steps[1:], how, how.cast(y, dtype)), torch.float64)


def proved(x: Tensor, delta: float) -> Tensor:
    """The polar factors of x (n, a, b), a ≤ b, in float64, each proved to have δ ≤ `delta`, or from an SVD."""
    rows, columns = x.shape[-2:]
    if rows > EIGEN[0] and columns >= EIGEN[1] * rows:
        answer, floor = by_eigen(x)
        bad = ~(distance_bound(x, answer, 0.9 * floor) <= delta)
        if bad.any():
            answer[bad] = by_svd(x[bad])
        return answer
    return by_iteration(x, delta)


def by_iteration(x: Tensor, delta: float) -> Tensor:
    """The same by Newton's step and polynomials, in chunks."""
    basis, square = (None, x) if x.shape[-1] == x.shape[-2] else wide(x)
    answer, y, every = torch.empty_like(x), torch.empty_like(square), torch.arange(len(x), device=x.device)
    ratio, floor, bound = (torch.full_like(x[:, 0, 0], torch.inf) for _ in range(3))

    def begin(how: Arithmetic, rows: Tensor) -> None:
        found, ratio[rows], floor[rows] = newton(how, how.take(square, rows))
        how.put(y, rows, found)

    def end(steps: tuple[Polynomial, ...], how: Arithmetic, rows: Tensor) -> None:
        found = run(steps, how, how.take(y, rows))
        found = found if basis is None else how.product(found, how.take(basis, rows))
        bound[rows] = distance_bound(how.take(x, rows), found, 0.9 * floor[rows], how)
        how.put(answer, rows, found)

    def give_up(how: Arithmetic, rows: Tensor) -> None:
        how.put(answer, rows, how.each(by_svd, how.take(x, rows)))

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


def newton(how: Arithmetic, x: Any) -> tuple[Any, Tensor, Tensor]:
    """(y, r, l): y (n, a, a) with the polar factor of x and σ(y) in [1/r, 1]; l ≤ σ_min(x)/‖x‖_F, to rounding.

    Where x is singular, r is not finite or l = 0.
    """
    inverse = how.each(transposed_inverse, x)
    size, other = how.norm(x), how.norm(inverse)
    kappa, scale = size * other, (other / size).sqrt()
    ratio = (kappa.sqrt() + kappa.rsqrt()) / 2
    y = how.scaled(x, scale / (2 * ratio))
    y += how.scaled(inverse, 0.5 / (scale * ratio))
    return y, ratio, kappa.reciprocal()


def transposed_inverse(x: Tensor) -> Tensor:
    """x⁻ᵀ, contiguous as LAPACK leaves it; anything where x is singular."""
    return torch.linalg.inv_ex(x).inverse.mT


def run(steps: tuple[Polynomial, ...], how: Arithmetic, y: Any) -> Any:
    """All steps on y (n, a, b)."""
    for polynomial in steps:
        y = step(how, y, polynomial)
    return y


def by_eigen(x: Tensor) -> tuple[Tensor, Tensor]:
    """(xxᵀ)^−½x for x (n, a, b), and σ_min/‖x‖_F (n,), 0 where rounding in xxᵀ hides it; shorter where it is 0."""
    values, vectors = torch.linalg.eigh(x @ x.mT)
    kept = values > CUT * x.shape[-2] * torch.finfo(x.dtype).eps * values[..., -1:]
    roots = torch.where(kept, torch.where(kept, values, 1).rsqrt(), 0)
    size = torch.linalg.vector_norm(x, dim=(-2, -1))
    floor = values[..., 0].clamp(min=0).sqrt() / torch.where(size > 0, size, 1)
    return (vectors * roots.unsqueeze(-2)) @ (vectors.mT @ x), torch.where(kept.all(-1), floor, 0)


def step(how: Arithmetic, x: Any, polynomial: Polynomial) -> Any:
    """c₀x + c₁(xxᵀ)x + … for x (n, a, b); 2, 3 and 5 coefficients take 2, 3 and 4 products."""
    constant, linear, *rest = polynomial
    gram = how.product(x, x.mT)
    if rest:
        factor = square = how.product(gram, gram)
        if len(rest) == 1:
            factor *= rest[0]
        else:
            inner = gram * rest[1]
            inner += square * rest[2]
            factor = how.product(square, how.shift(inner, rest[0]))
        gram *= linear
        factor += gram
    else:
        factor = gram
        factor *= linear
    return how.product(how.shift(factor, constant), x)


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
