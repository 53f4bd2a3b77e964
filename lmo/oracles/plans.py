"""The plans of `MomentTuned`: designed steps for a spectrum that decays like the one at hand."""

from __future__ import annotations

import bisect
import functools
from typing import NamedTuple

import numpy as np
import torch

from lmo.oracles.scales.moments import ROUNDINGS, Moments, sigma_bound
from lmo.polynomials import Polynomial, schedule
from lmo.polynomials.design import designed, minimax
from lmo.polynomials.schedule import divided, evaluate

MARGIN = 0.01  # for rounding between the steps, in half precision
CUSHION = 0.024
ERROR = 0.125  # of every plan: below the η of the five steps of torch.optim.Muon, at least 0.134 unless they fall short
LESS_EPSILON = 0.01  # by how much a plan's ε has to be below theirs, on the power law
LEAST_EPSILON = 0.04  # below which no ε has to be
GAIN = 1.05  # of an answer that may be longer, where theirs is: ε − (1 − ε)(GAIN − 1) and GAIN(1 + η) − 1
LESS_ETA = 0.008  # by how much its η has to be below theirs, on the power law: rounding of half precisions
FLATTER, SMALL = 0.8, 0.35  # of decay, of the ε that `_small` bounds: what Gaussian matrices, square or not, have
ALIKE = 0.1  # by which part of each other the two readings of the decay may differ on what passes for a power law
STEEPEST, BINS = 2.0, 100  # power laws i^−s for s = 0, 0.02, …, 2


class Plan(NamedTuple):
    """terms of each step's polynomial; every σ ≥ low (in units of the scale) ends within `ERROR` of 1, times `gain`."""

    terms: tuple[int, ...]
    low: float
    gain: float = 1.0

    @property
    def polynomials(self) -> tuple[Polynomial, ...]:
        """Its steps, designed for [low, 1] and for half precision."""
        return _designed(self.low, self.terms, self.gain)


DESIGNS = (  # by products for a square matrix (a cubic step saves one); the l are certified
    Plan((3,), 0.2801),
    Plan((3, 2), 0.1201),
    Plan((3, 3), 0.07312),
    Plan((3, 2, 2), 0.04875),
    Plan((3, 3, 2), 0.02968),
    Plan((3, 3, 3), 0.01795),
    Plan((3, 3, 2, 2), 0.01196),
    Plan((3, 3, 3, 2), 0.007278),
    Plan((3, 3, 3, 3), 0.0044),
    Plan((3, 3, 3, 2, 2), 0.002932),
    Plan((3, 3, 3, 3, 2), 0.001785),
    Plan((3, 3, 3, 3, 3), 0.001079),
)
PLANS = tuple(plan._replace(gain=gain) for plan in DESIGNS for gain in (1.0, GAIN))


@functools.cache
def _designed(low: float, terms: tuple[int, ...], gain: float) -> tuple[Polynomial, ...]:
    *steps, last = designed(low, len(terms), terms=terms, margin=MARGIN, cushion=CUSHION).table
    return (*steps, tuple(gain * c for c in last))


@functools.cache
def further(gain: float = 1.0) -> tuple[Polynomial, float]:
    """One more step for an answer whose singular values reach gain(1 + ERROR), and from where on it brings them near 1.

    The lower end is that of singular values already divided by `gain`, as the step does first.
    """
    low = PLANS[0].low * (1 + ERROR)
    return divided(minimax(low, 1 + ERROR)[0], gain), low


def plans_for(found: Moments, tail: float) -> np.ndarray:
    """The place in `PLANS` of the plan for each matrix, (n,).

    The spectrum is taken for a power law i^−s. Two participation ratios tell s, (Σσ²)²/Σσ⁴ and (Σσ⁴)²/Σσ⁸, the same
    for a power law; elsewhere their mean is taken (the second sees the top of the spectrum alone). A spectrum with a
    much flatter top and few small singular values, like that of a Gaussian matrix, is none: one step does. A gain needs
    both readings to agree: the answer must not become longer than torch's, whose length depends on the decay.
    """
    rows, dtype = found.gram.shape[-1], found.gram.dtype
    of_interest = (found.t1, found.t2, found.t4, found.sigma_max)
    return np.array(
        [
            _plan_of(rows, _decay(t1, t2, rows), _decay(t2, t4, rows) / 2, _small(rows, t1, t2, sigma_max), tail, dtype)
            for t1, t2, t4, sigma_max in zip(*(part.tolist() for part in of_interest), strict=True)
        ]
    )


def _plan_of(rows: int, whole: float, top: float, small: float, tail: float, dtype: torch.dtype) -> int:
    """For a spectrum with these two readings of its decay."""
    if top < FLATTER * whole and small <= SMALL:
        return 0
    may_gain = abs(whole - top) <= ALIKE * min(whole, top) and tail >= GAIN - 1  # a gain hides as much of a tail
    return _plan_for(rows, round(min((whole + top) / 2, STEEPEST) * (BINS / STEEPEST)), may_gain, tail, dtype)


def _small(rows: int, t1: float, t2: float, sigma_max: float) -> float:
    """At most the ε of all σ < l·σ̄, l that of the first plan: each of them loses σ(1 − p) ≤ lσ̄/(4(1 − E))."""
    lost = rows * sigma_max * PLANS[0].low / (4 * (1 - ERROR))
    return lost * t2**0.5 / t1**1.5 if t1 > 0 else 0.0  # Σσ ≥ t1^(3/2) t2^(-1/2)


def _decay(sum_one: float, sum_two: float, rows: int) -> float:
    """The a for which the numbers i^−2a have the participation ratio (Σx)²/Σx²: 0 for equal ones; at most 4."""
    ratio = sum_one * sum_one / sum_two if sum_two > 0 else 0.0
    exponents, ratios = _participation(rows)
    i = bisect.bisect_left(ratios, -ratio)
    if i in (0, len(ratios)):
        return exponents[min(i, len(ratios) - 1)]
    part = (-ratio - ratios[i - 1]) / (ratios[i] - ratios[i - 1])
    return exponents[i - 1] + part * (exponents[i] - exponents[i - 1])


@functools.lru_cache(maxsize=256)
def _participation(rows: int) -> tuple[list[float], list[float]]:
    """Exponents, ascending, and minus the ratios of their power laws, ascending too."""
    exponents = np.linspace(0, 2 * STEEPEST, 2 * BINS + 1)
    values = np.arange(1.0, rows + 1) ** (-2 * exponents[:, None])
    return exponents.tolist(), (-(values.sum(-1) ** 2) / (values**2).sum(-1)).tolist()


@functools.lru_cache(maxsize=4096)
def _plan_for(rows: int, k: int, may_gain: bool, tail: float, dtype: torch.dtype) -> int:
    """The first plan with less ε on i^−s, s = k·STEEPEST/BINS, than torch.optim.Muon's steps, and at most `tail`.

    may_gain: whether plans with a gain are among them; their η has to be less, too.
    """
    sigma = _power_law(rows, k)
    t2, t3, t4 = (np.array([(sigma ** (2 * j)).sum()]) for j in (2, 3, 4))
    return _first_good(sigma, float(sigma_bound(t2, t3, t4, dtype)[0]), may_gain, tail)


@functools.lru_cache(maxsize=256)
def plan_for_all(rows: int, tail: float, dtype: torch.dtype) -> Plan:
    """The shortest plan without a gain that is enough, in the same sense, for every power law; σ̄ = (Σσ⁴)^¼·room."""
    laws, room = [_power_law(rows, k) for k in range(0, BINS + 1, BINS // 20)], room_for(dtype)
    return PLANS[max(_first_good(sigma, room * float((sigma**4).sum()) ** 0.25, False, tail) for sigma in laws)]


def room_for(dtype: torch.dtype) -> float:
    """σ̄ over (Σσ⁴)^¼: room for products that are rounded to `dtype`; for float16 that of bfloat16 (`with_range`)."""
    return float((1 + ROUNDINGS * torch.finfo(with_range(dtype)).eps) ** 0.5)


def with_range(dtype: torch.dtype) -> torch.dtype:
    """What a matrix is rounded to before its scale is known, for steps in `dtype`: float16 is too short for it."""
    return torch.bfloat16 if dtype == torch.float16 else dtype


def _power_law(rows: int, k: int) -> np.ndarray:
    return np.arange(1.0, rows + 1) ** (-k * STEEPEST / BINS)


def _first_good(sigma: np.ndarray, scale: float, may_gain: bool, tail: float) -> int:
    """The first plan that is good on a spectrum, see `_plan_for`; the longest without a gain if none is."""
    epsilon, eta = _errors(schedule("jordan").table, sigma, float((sigma**2).sum()) ** 0.5)
    most = min(max(epsilon - LESS_EPSILON, LEAST_EPSILON), tail)
    longest = max(1 + ERROR, 1 + eta - LESS_ETA) if may_gain else 1 + ERROR
    good = (
        i
        for i, plan in enumerate(PLANS)
        if plan.gain * (1 + ERROR) <= longest and _errors(plan.polynomials, sigma, scale)[0] <= most
    )
    return next(good, len(PLANS) - 2)


def _errors(polynomials: tuple[Polynomial, ...], sigma: np.ndarray, scale: float) -> tuple[float, float]:
    """ε, the share of Σσ that ⟨M, −d̂⟩ misses, and η of a composition on a spectrum."""
    values = sigma / scale
    for polynomial in polynomials:
        values = evaluate(polynomial, values)
    return float(1 - sigma @ values / sigma.sum()), float(values.max() - 1)
