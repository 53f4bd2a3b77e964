"""The search for a leading singular pair with a certified gap: cheap ways first, each with its bound on λ₁ = σ₁²."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lmo.oracles import gap
from lmo.oracles.gap import Pair, pair_from
from lmo.oracles.krylov import Krylov
from lmo.oracles.products import symmetric_product
from lmo.oracles.rounding import UNIT, frobenius, gamma

EVERY = 8  # steps between two looks at the Ritz values
PRODUCTS = 96  # steps with x itself, after which a random start has to give way to the proof
MOST = 400  # steps with the Gram matrix, after which its eigendecomposition takes over
CONVERGED = 0.1  # of the target: the estimated error at which a bound is tried
STRIP = 512  # terms of one dot product behind a random start: its bound is sensitive to the rounding of the products
RANDOM = "random start"


class Found(NamedTuple):
    """Pairs, their certified ε (n,) before they are rounded below float64, and what that rests on."""

    pair: Pair
    epsilon: Tensor
    how: str


def certified(x: Tensor, start: Tensor, target: float, failure: float) -> Found:
    """The leading pair of one matrix x (1, a, b) ≠ 0, a ≤ b, float64, by a Krylov run from `start` (a,).

    failure: 0, or the probability with which `start`, uniform in direction, may mislead the bound.
    """
    x = x.detach()
    size = frobenius(x)
    run = Krylov(gram_times_in_strips if failure else gram_times, x[0], start)
    found = _by_vectors(x, size, run, target, failure)
    if found is None:
        gram = symmetric_product(x, x)
        run.apply, run.matrix = torch.mv, gram[0]
        found = _by_gram(x, size, gram, run, target)
        if found is None:
            found = by_eigendecomposition(x, gram, target)
    return found


def by_eigendecomposition(x: Tensor, gram: Tensor, target: float) -> Found:
    """The leading pairs of x (n, a, b), none of them 0, from the eigenvectors of `gram` = xxᵀ; proved by Cholesky."""
    size = frobenius(x)
    pair = pair_from(x, torch.linalg.eigh(gram).eigenvectors[..., -1], size)
    epsilon = _epsilon(pair, gap.by_cholesky(x, gram, _limit(pair, target), size))
    if not bool((epsilon <= target).all()):
        raise ArithmeticError(f"no proof of the gap {target:g} for {x.shape[-2]}×{x.shape[-1]}; ask for a larger one")
    return Found(pair, epsilon, "eigendecomposition and Cholesky")


def _limit(pair: Pair, target: float) -> Tensor:
    """The λ₁ up to which the gap of `pair` is at most `target`."""
    return (pair.lower / (1 - target)) ** 2 * (1 - 64 * UNIT)


def _epsilon(pair: Pair, bound: Tensor) -> Tensor:
    """ε of `pair` if λ₁ ≤ bound."""
    return (1 - pair.lower / bound.sqrt() + 4 * UNIT).clamp(min=0)


def _by_vectors(x: Tensor, size: Tensor, run: Krylov, target: float, failure: float) -> Found | None:
    """With products of x and vectors alone; None where they do not certify `target`."""
    trace = float(size) ** 2
    while run.steps < PRODUCTS:
        run.extend(EVERY)
        ritz = run.ritz()
        decaying = 2 * ritz.theta > trace
        if not decaying and not failure:
            return None
        if ritz.error > CONVERGED * target * ritz.theta:
            continue
        pair = pair_from(x, run.vector(ritz).unsqueeze(0), size)
        if decaying and bool((epsilon := _epsilon(pair, gap.by_trace(x, pair.u, size))) <= target):
            return Found(pair, epsilon, "trace")
        if failure and bool((epsilon := _epsilon(pair, _by_start(x, size, run, pair, target, failure))) <= target):
            return Found(pair, epsilon, RANDOM)
    return None


def _by_start(x: Tensor, size: Tensor, run: Krylov, pair: Pair, target: float, failure: float) -> Tensor:
    """`gap.by_random_start`: x(xᵀq) in strips is off by (γ_a′ + γ_b′)‖x‖_F σ₁, the rest of a step by 16 units of λ₁."""
    rows, columns = x.shape[-2:]
    limit, least = float(_limit(pair, target)), gap.least_coordinate(rows, failure)
    terms = gamma(_terms(rows)) + gamma(_terms(columns))
    error = terms * float(size) * math.sqrt(limit) * (1 + 1e-9) + 16 * UNIT * limit
    return pair.lower.new_full((1,), gap.by_random_start(*run.coefficients(), limit, least, error))


def gram_times(x: Tensor, q: Tensor) -> Tensor:
    """x xᵀq for x (a, b), q (a,)."""
    return torch.mv(x, torch.mv(x.mT, q))


def gram_times_in_strips(x: Tensor, q: Tensor) -> Tensor:
    """The same, each dot product as a sum of sums over `STRIP` terms."""
    return _in_strips(x, _in_strips(x.mT, q))


def _in_strips(x: Tensor, q: Tensor) -> Tensor:
    """x q for x (a, b), q (b,), each dot product as a sum of sums over `STRIP` terms."""
    return _strips_at_once(x, q) if x.is_cuda else _strip_by_strip(x, q)


def _strip_by_strip(x: Tensor, q: Tensor) -> Tensor:
    """Each strip by itself: a kernel that adds to what is there may add product by product."""
    (first, *others), (begin, *rest) = x.split(STRIP, dim=1), q.split(STRIP)
    out = torch.mv(first, begin)
    for part, of in zip(others, rest, strict=True):
        out += torch.mv(part, of)
    return out


def _strips_at_once(x: Tensor, q: Tensor) -> Tensor:
    """In few kernels."""
    whole = x.shape[1] // STRIP
    if whole < 2:
        return _strip_by_strip(x, q)
    end = whole * STRIP
    parts = x[:, :end].unflatten(1, (whole, STRIP)).movedim(1, 0)
    out = torch.bmm(parts, q[:end].reshape(whole, STRIP, 1)).sum(0).squeeze(-1)
    return out if end == x.shape[1] else out + torch.mv(x[:, end:], q[end:])


def _terms(columns: int) -> int:
    """The k of the γ_k that bounds the rounding of `_in_strips`: a strip, and one addition for each."""
    return min(columns, STRIP) + math.ceil(columns / STRIP)


def _by_gram(x: Tensor, size: Tensor, gram: Tensor, run: Krylov, target: float) -> Found | None:
    """With `gram` = xxᵀ; None where the run has not converged, or to a pair that is not the leading one."""
    while run.steps < MOST:
        ritz = run.ritz()
        if ritz.error <= CONVERGED * target * ritz.theta:
            break
        run.extend(EVERY)
    else:
        return None
    pair = pair_from(x, run.vector(ritz).unsqueeze(0), size)
    if 2 * ritz.theta**2 > float(frobenius(gram)) ** 2:
        epsilon = _epsilon(pair, gap.by_gram_norm(x, gram, pair.u, size))
        if bool(epsilon <= target):
            return Found(pair, epsilon, "trace of the square")
    epsilon = _epsilon(pair, gap.by_cholesky(x, gram, _limit(pair, target), size))
    return Found(pair, epsilon, "Cholesky") if bool(epsilon <= target) else None
