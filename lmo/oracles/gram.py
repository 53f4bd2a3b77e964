"""Newton–Schulz on the Gram matrix: all but two products are square."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from torch import Tensor

from lmo.oracles.base import Oracle
from lmo.oracles.newton_schulz import PolynomialOracle, higher_part
from lmo.oracles.products import combine, product, symmetric_product
from lmo.oracles.scales import Schatten4
from lmo.oracles.scales.base import transposed
from lmo.polynomials import Polynomial

WIDE = 1.5  # columns over rows from which the Gram form pays


class Factor(NamedTuple):
    """(scalar + weight·matrix)·x = p(x). The scalar is apart: in the diagonal, rounded, it would swamp what it cancels.

    The weight is apart to save a pass over the matrix.
    """

    scalar: float
    weight: float
    matrix: Tensor

    def times(self, x: Tensor) -> Tensor:
        """p(x), accumulated before it is rounded, in the memory layout of x (mixed layouts make later passes slow)."""
        if transposed(x):
            return product(x.mT, self.matrix.mT, add=x.mT, beta=self.scalar, alpha=self.weight).mT
        return product(self.matrix, x, add=x, beta=self.scalar, alpha=self.weight)


def gram_factor(
    gram: Tensor, polynomials: tuple[Polynomial, ...], square: Tensor | None = None
) -> tuple[Factor, Tensor]:
    """The factor of p = p_n ∘ … ∘ p_1 from `gram` = x xᵀ (n, a, a) alone, and the Gram matrix before the last step.

    Per step, with z = c₁r + c₂r² + …: q ← q(c₀ + z), r ← (c₀ + z)r(c₀ + z). square: the first r², where known.
    In low precision r loses the small singular values after a few steps: with slope S = Π c₀ at 0 its rounding error
    grows like S² times the unit roundoff.
    """
    scalar, weight, q = 1.0, 1.0, None
    for i, polynomial in enumerate(polynomials):
        first, (w, z) = polynomial[0], higher_part(gram, polynomial, square)
        if q is None:
            q, weight = z, w
        else:
            beta, both = combine(first * weight, q, scalar * w, z)
            q, weight = symmetric_product(q, z, add=both, beta=beta, alpha=weight * w), 1.0
        scalar *= first
        if i + 1 < len(polynomials):
            half = symmetric_product(gram, z, add=gram, beta=first, alpha=w)
            gram, square = symmetric_product(z, half.mT, add=half, beta=first, alpha=w), None  # (c₀ + z)r(c₀ + z)
    assert q is not None
    return Factor(scalar, weight, q), gram


def blocks_of(polynomials: tuple[Polynomial, ...], most: float, longest: int = 99) -> list[tuple[Polynomial, ...]]:
    """Runs of steps for `gram_factor`: of one to `longest`, while their slope at 0 is at most `most`."""
    found, slope = [polynomials[:1]], abs(polynomials[0][0])
    for polynomial in polynomials[1:]:
        slope *= abs(polynomial[0])
        if slope > most or len(found[-1]) == longest:
            found, slope = [*found, ()], abs(polynomial[0])
        found[-1] += (polynomial,)
    return found


@dataclass(frozen=True)
class GramNewtonSchulz(PolynomialOracle):
    """The same function as `NewtonSchulz`, by a recursion on x xᵀ: cheaper for a ≪ b, and less stable.

    restarts: after how many steps x ← qx is formed and the recursion starts afresh, e.g. (2,) (Dao et al.,
        gram-newton-schulz: 2 of 5). Without one, bfloat16 blows up on decaying spectra.

    Cost with b = κa, in products of a³: κ + 4 a step (3 for the first, 2 for the last of a block) + κ per block.
    """

    restarts: tuple[int, ...] = (2,)
    name: ClassVar[str] = "gram-newton-schulz"

    def __post_init__(self) -> None:
        super().__post_init__()
        good = all(isinstance(r, int) and not isinstance(r, bool) and r >= 1 for r in self.restarts)
        if not good or list(self.restarts) != sorted(set(self.restarts)):
            raise ValueError(f"`restarts` must be increasing step numbers >= 1, got {self.restarts!r}")

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return [(cls(), (3, 4)), (cls("you", scale=Schatten4(), restarts=()), (4, 2))]

    def _polar(self, x: Tensor) -> Tensor:
        x, gram = self.scale(x)
        steps = self.polynomials
        ends = [0, *(r for r in self.restarts if r < len(steps)), len(steps)]
        for start, end in itertools.pairwise(ends):
            if end > start:
                factor, _ = gram_factor(symmetric_product(x, x) if gram is None else gram, steps[start:end])
                x = factor.times(x)
                gram = None
        return x
