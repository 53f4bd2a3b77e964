"""Newton–Schulz that looks at the spectrum: as few designed steps as its trace moments ask for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lmo.balls import NormBall, Spectral
from lmo.checks import check_dtype, check_form, check_number, check_tensor
from lmo.oracles.base import Harm, Oracle
from lmo.oracles.gram import gram_factor
from lmo.oracles.plans import ERROR, PLANS, Plan, further, plan_for_all, plans_for
from lmo.oracles.polar_oracle import check_spectral
from lmo.oracles.products import symmetric_product
from lmo.oracles.reach import in_range, in_reach
from lmo.oracles.recordings import MOST_ENTRIES, PerStream, matmul_settings, recordable
from lmo.oracles.scales.base import inner, pair_sums, squares, trace
from lmo.oracles.scales.moments import ROUNDINGS, Moments, least_nuclear, on_host
from lmo.polynomials import Polynomial
from lmo.polynomials.schedule import divided
from lmo.randomness import Draw

MOST = 6  # steps
WIDE = 1.5  # columns over rows from which the Gram form pays
FLAT = 0.04  # lower ends of the plans for spectra so flat that the moments bound Σσ well
SLOPE = 3.0  # the slope at 0 of a block of the Gram form, over u^-½: its rounding error grows like the slope squared
_recordings = PerStream()


@dataclass(frozen=True)
class MomentTuned(Oracle):
    """d̂ = −radius · p(M/σ̄): scale, number of steps and form chosen for each matrix from its trace moments.

    σ̄ ≥ σ_max is proved by Σσ², …, Σσ⁸ (`MomentBound`; the two products behind them are those of the first step). A plan
    of designed steps brings all σ ≥ lσ̄ within E = 0.125 of 1, certified, so η ≤ E before rounding; what is below loses
    at most Σσ(1 − p) ≤ N·lσ̄/(4(1 − E)), N of them. The plan is the cheapest that, on a power law with the same decay
    (`plans_for`), has a smaller ε than the five steps of torch.optim.Muon; where their answer is longer too, it may be
    made longer by 5 % (η ≤ 0.1813 then), which lowers ε by as much; what it may have lost is estimated from the
    answer (N from ‖d̂‖_F², Σσ from the moments or ⟨M, d̂⟩), and steps are added while that exceeds `tail`. A stopping
    rule, not a proof of ε: `Adaptive` proves. Gradients through it take σ̄ and the plan for constants. Source:
    paper_notes.md, "Choosing by the spectrum".

    Without that first look the plan is the shortest that is enough on every power law, σ̄ = (Σσ⁸)^⅛, and the answer is
    looked at as before. On a GPU a look takes longer than the products that it saves, and a chain that asks nothing is
    launched at once, for a single matrix as a recorded graph.

    Args:
        look_first: whether the spectrum is looked at first; None: except on a GPU, for matrices of at most 2²⁴ entries.
        tail: the ε allowed to singular values that have not converged.
        dtype: precision of the iteration; None: that of the input. `fastest_dtype()` says which one is fastest.
        ball: `Spectral()`, `RmsToRms()` or `Scaled` of those.
    """

    tail: float = 0.1
    dtype: torch.dtype | None = None
    ball: NormBall = field(default_factory=Spectral)
    look_first: bool | None = None
    name: ClassVar[str] = "moment-tuned"

    def __post_init__(self) -> None:
        check_number("tail", self.tail, above=0.0)
        check_dtype(self.dtype)
        check_spectral(self)

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return [(cls(), (3, 4)), (cls(), (6, 2)), (cls(), (4, 4)), (cls(look_first=False), (5, 3))]

    def _refuse(self, name: str, x: Any) -> None:
        check_form(name, x, 2)  # the sums tell whether all entries are finite …
        if name == "direction" and self.ball.radius(x.shape) != 1:  # type: ignore[attr-defined]
            check_tensor(name, x, 2)  # … before the radius comes in

    def _direction(self, m: Any, memory: Any, draw: Draw | None, harm: Harm | None) -> tuple[Any, Any]:
        tall = m.shape[-2] > m.shape[-1]
        x = m.mT if tall else m
        answer = self._minus_polar(x.reshape(-1, *x.shape[-2:])).to(m.dtype)
        radius = self.ball.radius(m.shape)  # type: ignore[attr-defined]
        answer = (answer if radius == 1 else answer * radius).reshape(*m.shape[:-2], *answer.shape[-2:])
        return answer.mT if tall else answer, memory

    def _minus_polar(self, m: Tensor) -> Tensor:
        at_once = m.is_cuda and m[0].numel() <= MOST_ENTRIES if self.look_first is None else not self.look_first
        return self._without_a_look(m) if at_once else self._by_a_look(m)

    def _by_a_look(self, m: Tensor) -> Tensor:
        x, m, power, found = in_reach(m, self.dtype or m.dtype)
        plans = plans_for(found, self.tail)
        if (plans == plans[0]).all():
            return self._iterate(x, m, power, found, PLANS[plans[0]])
        out = torch.empty_like(x)
        for k in np.unique(plans).tolist():
            (rows,) = (plans == k).nonzero()
            out[rows] = self._iterate(x[rows], m[rows], power[rows], found.select(rows), PLANS[k])
        return out

    def _iterate(self, x: Tensor, m: Tensor, power: np.ndarray, found: Moments, plan: Plan) -> Tensor:
        """A plan on all of x = m·power (n, a, b), and further steps on those whose answer asks for them."""
        y, before = run_blocks(x, found.gram, found.square, found.sigma_max, plan.polynomials)
        seen = look(y, m, before, both=plan.low < FLAT)
        return self._enough(y, m, seen, found.sigma_max / power, found.nuclear / power, plan)

    def _enough(
        self, y: Tensor, m: Tensor, seen: Seen, sigma_max: np.ndarray, nuclear: np.ndarray, plan: Plan
    ) -> Tensor:
        """y, with further steps on those that need them; seen: what a look at y told."""
        out, left = y, np.arange(y.shape[0])
        low, gain = plan.low, plan.gain
        for _ in range(len(plan.terms), MOST):
            weak = unconverged(y, m, seen, sigma_max, low, nuclear, self.tail + gain - 1)
            if not weak.any():
                return out
            if not weak.all():
                left, m, y, sigma_max, nuclear = left[weak], m[weak], y[weak], sigma_max[weak], nuclear[weak]
            polynomial, end = further(gain)
            low, gain = low * end / (1 - ERROR), 1.0
            y, before = one_step(y, polynomial)
            seen = look(y, m, before, both=low < FLAT)
            if left.size == out.shape[0]:
                out = y
            else:
                out[left] = y
        return out

    def _without_a_look(self, m: Tensor) -> Tensor:
        """By the plan for every decay. The host waits but once, when all is done; then further steps as elsewhere."""
        dtype = self.dtype or m.dtype
        plan = PLANS[plan_for_all(m.shape[-2], self.tail, dtype)]
        x, power = m, np.ones(m.shape[0])
        if torch.float16 in (dtype, m.dtype):  # its range is short
            x, m, power, _ = in_reach(m, dtype)
        y, answer, told = _run(x, dtype, plan)
        if not in_range(told[0]):
            x, m, power, _ = in_reach(m, dtype)
            y, answer, told = _run(x, dtype, plan)
        t1, t2, t4, size, before = told
        if not np.isfinite(size).all():
            check_tensor("direction", y, 2)
        seen, sigma_max, nuclear = Seen(size, before, None), schatten8(t4, dtype) / power, least_nuclear(t1, t2) / power
        if unconverged(answer, m, seen, sigma_max, plan.low, nuclear, self.tail).any():
            return self._enough(y.clone(), m, seen, sigma_max, nuclear, plan)
        return answer


def _run(x: Tensor, dtype: torch.dtype, plan: Plan) -> tuple[Tensor, Tensor, np.ndarray]:
    """(y, a copy in the dtype of x, the sums) of `at_once`: recorded if x is one matrix; y lasts till the next call."""

    def work(given: Tensor) -> tuple[Tensor, ...]:
        return at_once(given, dtype, plan.polynomials)

    recording = None
    if x.shape[0] == 1 and recordable(x):
        recording = _recordings.on(x).get((x.shape, x.dtype, dtype, plan, *matmul_settings()), work, x)
    y, told = work(x) if recording is None else recording(x)
    answer = y if recording is None else torch.empty_like(x).copy_(y)  # launched before the host waits
    return y, answer, on_host(told)


def at_once(m: Tensor, dtype: torch.dtype, polynomials: tuple[Polynomial, ...]) -> tuple[Tensor, Tensor]:
    """−p(m/σ̄) with σ̄ = `schatten8`, and five sums (5, n): Σσ², Σσ⁴, Σσ⁸, ‖p‖_F², what `run_blocks` gives.

    For m (n, a, b) in `REACH`. Nothing is asked on the host: every kernel can be launched at once.
    """
    x = m.to(dtype)
    gram = symmetric_product(x, x)
    square = symmetric_product(gram, gram)
    t2, t4 = whole_square(gram), whole_square(square)
    scale = torch.where(t4 > 0, schatten8(t4.detach(), dtype), 1)
    y, before = run_blocks(x, gram, square, scale, polynomials)
    return y, torch.stack([trace(gram), t2, t4, whole_square(y), before]).detach()


def schatten8(t4: Any, dtype: torch.dtype) -> Any:
    """(Σσ⁸)^⅛ ≥ σ_max, from sums (n,) of squares of products that were rounded to `dtype`."""
    return t4**0.125 * (1 + ROUNDINGS * torch.finfo(dtype).eps) ** 0.5


def whole_square(x: Tensor) -> Tensor:
    """Σx² per matrix (n,), float64, in one kernel on a GPU; `squares` is faster on a CPU."""
    return torch.linalg.vector_norm(x, dim=(-2, -1), dtype=torch.float64).square()


def blocks_of(polynomials: tuple[Polynomial, ...], dtype: torch.dtype) -> list[tuple[Polynomial, ...]]:
    """Runs of steps that the Gram form may take at once: as long as the slope at 0 allows."""
    most, found, slope = SLOPE * torch.finfo(dtype).eps ** -0.5, [polynomials[:1]], polynomials[0][0]
    for polynomial in polynomials[1:]:
        slope *= polynomial[0]
        if slope > most:
            found, slope = [*found, ()], polynomial[0]
        found[-1] += (polynomial,)
    return found


def run_blocks(
    x: Tensor, gram: Tensor, square: Tensor, scale: np.ndarray | Tensor, polynomials: tuple[Polynomial, ...]
) -> tuple[Tensor, Tensor]:
    """−p(x/σ̄), and ‖·‖_F² of what went into the last step. Wide x: blocks of steps; square x: single steps.

    scale: σ̄ (n,), on the host, or on the device, where it enters a recording.
    """
    wide = x.shape[-1] >= WIDE * x.shape[-2]
    blocks = blocks_of(polynomials, x.dtype) if wide else [(polynomial,) for polynomial in polynomials]
    y = x
    first, *others = blocks[0]
    if isinstance(scale, np.ndarray):
        scale = np.where(scale > 0, scale, 1)
    if x.shape[0] == 1 and x.dtype != torch.float16 and isinstance(scale, np.ndarray):
        first = divided(first, -float(scale[0]))  # one matrix: σ̄ and the sign go into the coefficients
    else:
        u = torch.as_tensor(scale, device=x.device).to(torch.promote_types(x.dtype, torch.float32))
        u = u.reshape((-1, 1, 1) if x.shape[0] > 1 else ())  # (): keeps the dtype
        y, gram, square = ((part / v).to(x.dtype) for part, v in ((x, -u), (gram, u**2), (square, u**4)))
        scale = np.ones(1)
    factor, last = gram_factor(gram, (first, *others), square)
    y = factor.times(y)
    for block in blocks[1:]:
        factor, last = gram_factor(symmetric_product(y, y), block)
        y = factor.times(y)
    if len(polynomials) == 1:
        return y, trace(gram) / float(scale[0]) ** 2
    return y, trace(last)


def one_step(x: Tensor, polynomial: Polynomial) -> tuple[Tensor, Tensor]:
    """p(x), and ‖x‖_F²."""
    gram = symmetric_product(x, x)
    factor, _ = gram_factor(gram, (polynomial,))
    return factor.times(x), trace(gram)


class Seen(NamedTuple):
    """What a look at answers y to m told, (n,) on the host.

    size: ‖y‖_F². before: that of what went into the last step. alignment: ⟨m, −y⟩, or None.
    """

    size: np.ndarray
    before: np.ndarray
    alignment: np.ndarray | None

    @classmethod
    def of(cls, y: Tensor, sums: Tensor) -> Seen:
        """From (2 or 3, n) sums on the device. `ValueError` where an answer is not finite."""
        size, before, *mixed = on_host(sums)
        if not np.isfinite(size).all():
            check_tensor("direction", y, 2)
        return cls(size, before, -mixed[0] if mixed else None)


def look(y: Tensor, m: Tensor, before: Tensor, both: bool) -> Seen:
    """both: whether ⟨m, y⟩ is likely to be needed; y is read once for both sums."""
    return Seen.of(y, both_sums(y, m, before) if both else torch.stack([squares(y), before]))


def both_sums(y: Tensor, m: Tensor, before: Tensor) -> Tensor:
    """‖y‖_F², `before` and ⟨m, y⟩ as rows, (3, n)."""
    size, mixed, _ = pair_sums(y, m)
    return torch.stack([size, before, mixed])


def unconverged(
    y: Tensor, m: Tensor, seen: Seen, sigma_max: np.ndarray, low: float, nuclear: np.ndarray, tail: float
) -> np.ndarray:
    """Whether σ < low·σ̄ can account for an ε above `tail`, estimated from the answer y to m; shape (n,).

    N, how many: at most rows − ‖y‖_F²; and if few arrived in the last step (‖y‖_F² has stopped growing), few will.
    Σσ is at least `nuclear`, and close to it where the spectrum is flat; where that decides nothing, ⟨m, −y⟩
    estimates it.
    """
    count = np.minimum(y.shape[-2] - seen.size, 3 * (seen.size - seen.before)).clip(min=0)
    lost = count * sigma_max * low / (4 * (1 - ERROR))
    weak = lost > tail * nuclear
    if weak.any():
        alignment = seen.alignment if seen.alignment is not None else on_host(-inner(m, y))
        weak &= lost > tail * alignment
    return np.asarray(weak)
