"""One chain for every spectrum that asks nothing on its way: what `MomentTuned` runs without a first look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lmo.oracles.gram import WIDE, blocks_of, gram_factor
from lmo.oracles.plans import ERROR, Plan, room_for, with_range
from lmo.oracles.products import symmetric_product, unfollowed, wide_gram
from lmo.oracles.reach import REACH
from lmo.oracles.recordings import PerStream, matmul_settings, recordable
from lmo.oracles.scales.base import inner, transposed
from lmo.oracles.scales.moments import on_host
from lmo.polynomials.schedule import divided

SMALLEST = 2.0**-120  # of ‖x xᵀ‖_F: float32 holds it and its inverse; all that are `in_range` are larger
SLOPE = 128.0  # the slope at 0 of a block of the Gram form in float16: 4u^-½
LONGEST = 3  # steps of a block: with four, nothing mends its rounding (η 0.18 at 80 rows)
_recordings = PerStream()


class Told(NamedTuple):
    """What is known of a chain's answer when it is done, (n,) each, or a number for one matrix.

    size: ‖x xᵀ‖_F, at least `SMALLEST`, x being m as it was rounded. length: ‖y‖_F. before: ‖·‖_F² of what went into
    the last step. alignment: ⟨x, −y⟩/√size.
    """

    size: Any
    length: Any
    before: Any
    alignment: Any

    @classmethod
    def of(cls, numbers: Any) -> Told:
        """From what `chain` tells."""
        size, length, before, product = numbers
        return cls(size, length, before, -product)


def run(m: Tensor, dtype: torch.dtype, plan: Plan) -> tuple[Tensor, Told]:
    """The chain of a plan on m (n, a, b), a ≤ b, launched kernel by kernel: the answer in `dtype`, and `Told`."""
    y, sums = chain(m, dtype, plan)
    return y, Told.of(on_host(sums))


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
    recording = _recordings.on(m).get(kind, work, m, dtype=with_range(dtype))
    if recording is None:
        return None
    y, sums = recording(m)
    answer = torch.empty_like(m).copy_(y)  # launched before the host waits
    return answer if converged(Told.of(sums.tolist()), min(m.shape), plan, tail, dtype) else None


def in_range(size: Any, rows: int) -> bool:
    """Whether all ‖x‖_F² lie in `REACH`, from `Told.size`: it is between that and its √rows-th part. No for a NaN."""
    low, high = REACH[0] ** 2, REACH[1] ** 2 / rows**0.5
    return low < size < high if isinstance(size, float) else bool(((size > low) & (size < high)).all())


def converged(told: Told, rows: int, plan: Plan, tail: float, dtype: torch.dtype) -> bool:
    """Whether one answer is finite, its question was in range, and what it may have lost is below `tail`.

    As `moment_tuned.unconverged` estimates it, with plain numbers and ⟨x, −y⟩ for Σσ.
    """
    size, length, before, alignment = told
    if not (in_range(size, rows) and length**2 <= 2 * rows):  # NaN, inf
        return False
    count = min(rows - length**2, 3 * (length**2 - before))
    return max(count, 0.0) * room_for(dtype) * plan.low <= 4 * (1 - ERROR) * tail * alignment


def chain(m: Tensor, dtype: torch.dtype, plan: Plan) -> tuple[Tensor, Tensor]:
    """−p(m/σ̄), σ̄ = (Σσ⁴)^¼·`room_for`, and `Told` as rows (4, n) on the device, the last one with the other sign.

    For m that are `in_range`. Single steps: in bfloat16 blocks of steps on the Gram matrix, of a plan for steep
    spectra, cost η. float16 has the digits for them, and not the range for m: there m is rounded to bfloat16 and
    divided by σ̄ before anything is rounded to float16. On a GPU every kernel counts, the smallest too.
    """
    half = dtype == torch.float16
    x = m.to(with_range(dtype))
    gram = wide_gram(x) if half else symmetric_product(x, x)
    size = _norm(gram).detach().clamp(min=SMALLEST)
    x, gram = _by(torch.mul, x, size.rsqrt(), dtype), _by(torch.div, gram, size, dtype)
    first, *others = plan.polynomials
    steps = (divided(first, -room_for(dtype)), *others)
    y, before = x, gram
    in_blocks = half and x.shape[-1] >= WIDE * x.shape[-2]
    for block in blocks_of(steps, SLOPE if in_blocks else 0.0, LONGEST):
        factor, before = gram_factor(gram if y is x else symmetric_product(y, y), block)
        y = factor.times(y)
    told = (size, _norm(y), _trace(before), _aligned(x, y))
    return y, torch.stack([one.to(size.dtype) for one in told]).detach()


def _by(operation: Callable[..., Tensor], x: Tensor, factor: Tensor, dtype: torch.dtype) -> Tensor:
    """x times or over its factor, (n,), rounded to `dtype` once; on a GPU by one kernel, unless autograd follows."""
    by = factor.reshape(-1, 1, 1)
    if x.dtype == dtype:
        return operation(x, by if len(by) > 1 else by.reshape(())).to(dtype)  # a number (): keeps the dtype
    if x.is_cuda and unfollowed(x):
        return operation(x, by, out=torch.empty_like(x, dtype=dtype))
    return operation(x, by).to(dtype)


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
