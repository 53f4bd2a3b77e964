"""Polar factors and singular vectors by products, for a GPU: its SVDs of more than 32 rows are done one by one."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from lmo.balls.base import to_unit_peak
from lmo.polynomials import Polynomial

ROWS = 32  # up to which batches of SVDs are done at once
LOW, STEPS = 1e-8, 15  # so many quintics for [LOW, 1] leave 1e-3 to two classical ones
CUSHION = 0.1  # without one, steps send some large σ near 0, where rounding turns their singular vectors
MARGIN = 0.01  # without one, rounding errors at the upper end grow from step to step
CLASSICAL: Polynomial = (15 / 8, -10 / 8, 3 / 8)
ORTHONORMAL = 2.0**-46  # ‖yyᵀ − I‖_F/√a up to which y is a polar factor


def products_pay(x: Tensor) -> bool:
    """Whether an SVD of x (…, a, b) is better done by products: on a GPU, without autograd."""
    return x.is_cuda and min(x.shape[-2:]) > ROWS and not (x.requires_grad and torch.is_grad_enabled())


def polar_factor(x: Tensor) -> tuple[Tensor, Tensor]:
    """(y, whole) for x (…, a, b) in float32 or float64: y = UVᵀ where `whole` (…) says so, else of no use; in float64.

    Minimax quintics for σ/‖x xᵀ‖_F^½ in [LOW, 1], then two classical ones. They keep singular vectors and are positive
    on (0, 1], so y is the polar factor once its shorter side is orthonormal. That is looked at, and so is the rank: the
    singular values of x yᵀ have to be above the cut of `spectral.above_rank_cut`, taken of ‖x xᵀ‖_F^½ for σ₁. Not
    whole: of lower rank, or with a condition number above about 10⁸. In float64 throughout: products in float32 follow
    the precision that is set for training.
    """
    tall, batch = x.shape[-2] > x.shape[-1], x.shape[:-2]
    cut = max(x.shape[-2:]) * torch.finfo(x.dtype).eps
    y = to_unit_peak((x.mT if tall else x).double(), 2)
    y = y.reshape(-1, *y.shape[-2:])
    gram = y @ y.mT
    size = torch.linalg.vector_norm(gram, dim=(-2, -1), keepdim=True).sqrt()
    x = y = y / torch.where(size > 0, size, 1)
    for constant, linear, quadratic in steps():
        gram = y @ y.mT
        y = torch.baddbmm(y, torch.baddbmm(gram, gram, gram, beta=linear, alpha=quadratic), y, beta=constant)
    off = torch.linalg.vector_norm(_shifted(y @ y.mT, 1), dim=(-2, -1))
    full = torch.linalg.cholesky_ex(_shifted(x @ y.mT, cut)).info == 0
    whole = (full & (off <= ORTHONORMAL * x.shape[-2] ** 0.5)).reshape(batch)
    y = y.reshape(*batch, *y.shape[-2:])
    return (y.mT if tall else y), whole


def _shifted(x: Tensor, by: float) -> Tensor:
    """The symmetric part of x − by·I."""
    x = (x + x.mT) / 2
    x.diagonal(dim1=-2, dim2=-1).sub_(by)
    return x


def thin_svd(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """U (…, a, p), σ (…, p) decreasing, V (…, b, p): x = yh, h = PΣPᵀ gives U = P, V = yᵀP for a ≤ b (Higham).

    By an SVD where the polar factor is not to be had.
    """
    if x.shape[-2] > x.shape[-1]:
        v, s, u = thin_svd(x.mT)
        return u, s, v
    y, whole = polar_factor(x)
    if not bool(whole.any()):
        return _factored(x)
    values, vectors = torch.linalg.eigh(_shifted(x.double() @ y.mT, 0))
    u, s, v = (part.to(x.dtype) for part in (vectors.flip(-1), values.flip(-1), y.mT @ vectors.flip(-1)))
    if not bool(whole.all()):
        u[~whole], s[~whole], v[~whole] = _factored(x[~whole])
    return u, s, v


def nuclear_norm(x: Tensor) -> Tensor:
    """Σσ (…) of x (…, a, b): ⟨x, y⟩ with the polar factor y, or by an SVD."""
    y, whole = polar_factor(x)
    value = (x.double() * y).sum((-2, -1)).to(x.dtype)
    if not bool(whole.all()):
        value[~whole] = torch.linalg.svdvals(x[~whole]).sum(-1)
    return value


def largest_singular_value(x: Tensor) -> Tensor:
    """σ_max (…) of x (…, a, b), from the Gram matrix in float64: squaring costs the small singular values only."""
    wide = (x.mT if x.shape[-2] > x.shape[-1] else x).double()
    peak, y = wide.abs().amax(dim=(-2, -1)), to_unit_peak(wide, 2)
    return (torch.linalg.eigvalsh(y @ y.mT)[..., -1].clamp(min=0).sqrt() * peak).to(x.dtype)


def _factored(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    u, s, vh = torch.linalg.svd(x, full_matrices=False)
    return u, s, vh.mT


@functools.cache
def steps() -> tuple[Polynomial, ...]:
    """The chain of `polar_factor`."""
    from lmo.polynomials.design import designed  # loads what balls alone do not need

    return (*designed(LOW, STEPS, cushion=CUSHION, margin=MARGIN).table, CLASSICAL, CLASSICAL)
