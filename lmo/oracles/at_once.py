"""One chain for every spectrum that asks nothing on its way: what `MomentTuned` runs without a first look."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from lmo.oracles.gram import Factor
from lmo.oracles.newton_schulz import higher_part
from lmo.oracles.plans import ERROR, Plan
from lmo.oracles.products import symmetric_product
from lmo.oracles.reach import REACH
from lmo.oracles.recordings import PerStream, matmul_settings, recordable
from lmo.oracles.scales.base import inner, transposed
from lmo.oracles.scales.moments import ROUNDINGS, on_host
from lmo.polynomials import Polynomial
from lmo.polynomials.schedule import divided

SMALLEST = 2.0**-120  # of ‖x xᵀ‖_F: float32 holds it and its inverse; all that are `in_range` are larger
_recordings = PerStream()


class Told(NamedTuple):
    """What is known of a chain's answer when it is done, (n,) each, or a number for one matrix.

    size: ‖x xᵀ‖_F, at least `SMALLEST`, x being m rounded to the dtype of the iteration. length: ‖y‖_F. before: ‖·‖_F²
    of what went into the last step. alignment: ⟨x, −y⟩.
    """

    size: Any
    length: Any
    before: Any
    alignment: Any


def run(m: Tensor, dtype: torch.dtype, plan: Plan) -> tuple[Tensor, Told]:
    """The chain of a plan on m (n, a, b), a ≤ b, launched kernel by kernel: the answer in `dtype`, and `Told`."""
    y, sums = chain(m, dtype, plan)
    return y, Told(*on_host(sums))


def replay(m: Tensor, dtype: torch.dtype, plan: Plan, tail: float) -> Tensor | None:
    """The answer to one matrix (a, b), in its dtype and memory layout, by a recorded chain.

    None: it cannot be recorded or was not asked for before, or its answer is not good enough (`converged`).
    """
    if not recordable(m):
        return None

    def work(given: Tensor) -> tuple[Tensor, ...]:
        tall = given.shape[0] > given.shape[1]
        y, sums = chain((given.mT if tall else given).unsqueeze(0), dtype, plan)
        return (y.mT if tall else y)[0], sums[:, 0]

    kind = (m.shape, dtype, plan.terms, plan.low, *matmul_settings())
    recording = _recordings.on(m).get(kind, work, m, dtype=dtype)
    if recording is None:
        return None
    y, sums = recording(m)
    answer = torch.empty_like(m).copy_(y)  # launched before the host waits
    return answer if converged(Told(*sums.tolist()), min(m.shape), plan, tail, dtype) else None


def in_range(size: Any, rows: int) -> bool:
    """Whether all ‖x‖_F² lie in `REACH`, from `Told.size`: it is between that and its √rows-th part. No for a NaN."""
    low, high = REACH[0] ** 2, REACH[1] ** 2 / rows**0.5
    return low < size < high if isinstance(size, float) else bool(((size > low) & (size < high)).all())


def scale_of(size: Any, dtype: torch.dtype) -> Any:
    """σ̄ = (Σσ⁴)^¼ with room for the rounding of the products."""
    return size**0.5 * room_for(dtype)


def room_for(dtype: torch.dtype) -> float:
    """The factor of σ̄ for products that are rounded to `dtype`."""
    return float((1 + ROUNDINGS * torch.finfo(dtype).eps) ** 0.5)


def converged(told: Told, rows: int, plan: Plan, tail: float, dtype: torch.dtype) -> bool:
    """Whether one answer is finite, its question was in range, and what it may have lost is below `tail`.

    As `moment_tuned.unconverged` estimates it, with plain numbers and ⟨x, −y⟩ for Σσ.
    """
    size, length, before, alignment = told
    if not (in_range(size, rows) and length**2 <= 2 * rows):  # NaN, inf
        return False
    count = min(rows - length**2, 3 * (length**2 - before))
    return max(count, 0.0) * scale_of(size, dtype) * plan.low <= 4 * (1 - ERROR) * tail * alignment


def chain(m: Tensor, dtype: torch.dtype, plan: Plan) -> tuple[Tensor, Tensor]:
    """−p(m/σ̄), σ̄ = `scale_of`, and `Told` as rows (4, n) on the device; for m that are `in_range`.

    Single steps: in half precisions blocks of steps on the Gram matrix, of a plan for steep spectra, cost η. On a GPU
    every kernel counts, the smallest too.
    """
    x = m.to(dtype)
    gram = symmetric_product(x, x)
    size = _norm(gram).detach().clamp(min=SMALLEST)
    by = size.reshape((-1, 1, 1) if len(size) > 1 else ())  # (): keeps the dtype
    y, gram = (x * by.rsqrt()).to(dtype), (gram / by).to(dtype)
    first, *others = plan.polynomials
    before, y = gram, _step(y, gram, divided(first, -room_for(dtype)))
    for polynomial in others:
        before = symmetric_product(y, y)
        y = _step(y, before, polynomial)
    told = (size, _norm(y), _trace(before), -_aligned(x, y))
    return y, torch.stack([one.to(size.dtype) for one in told]).detach()


def _step(x: Tensor, gram: Tensor, polynomial: Polynomial) -> Tensor:
    return Factor(polynomial[0], *higher_part(gram, polynomial)).times(x)


def _norm(x: Tensor) -> Tensor:
    """‖x‖_F per matrix (n,), in float32 or better, by one kernel."""
    return torch.linalg.vector_norm(x, dim=(-2, -1), dtype=torch.promote_types(x.dtype, torch.float32))


def _trace(x: Tensor) -> Tensor:
    """Σ xᵢᵢ per matrix (n,), in float32 or better, by one kernel."""
    return x.diagonal(dim1=-2, dim2=-1).sum(-1, dtype=torch.promote_types(x.dtype, torch.float32))


def _aligned(x: Tensor, y: Tensor) -> Tensor:
    """⟨x, y⟩ per matrix (n,); on a GPU one matrix takes one kernel, and the answer is rounded to the dtype of both."""
    if x.shape[0] > 1 or not x.is_cuda:
        return inner(x, y)
    if transposed(x):
        x, y = x.mT, y.mT
    return torch.dot(x.reshape(-1), y.reshape(-1)).unsqueeze(0)
