"""How the tuned step size, alpha and value move with the oracle's error, K, σ, L and Δ: closed form against optimum.

The exponents of a closed form are those of a power law, read off its logarithmic derivatives; those of the exact
optimum are log-slopes at given constants. Where a closed form minimises the leading terms only, the two differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from bounds import evaluate
from bounds.layers import OverLayers
from bounds.symbols import CONSTANTS, alpha, b, c, delta, epsilon, eta, gamma
from bounds.theorem import Theorem

# How δ enters, as multiples (ε, η) of it: additively; by answers that are too long, ε = −δ; or too short, η = −δ.
ERRORS = {"additive": (1, 1), "inflate": (-1, 1), "shrink": (1, -1)}
LARGER, SMALLER = "additive 1+δ", "additive 1−δ"
ERROR_BASES = {LARGER: "additive", SMALLER: "additive", "inflate 1+δ": "inflate", "shrink 1−δ": "shrink"}
SCALES = ("steps", "noise_std", "smoothness", "mean_smoothness", "initial_gap")
# Where nothing else is asked: the ℓ∞ quadratic of paper_notes.md, S1, with noise 0.1 per coordinate.
USUAL: dict[str, float] = {
    "initial_gap": 0.5,
    "smoothness": 1.0,
    "l0": 1.0,
    "l1": 1.0,
    "mean_smoothness": 1.0,
    "mu": 0.05,
    "diameter": 1.0,
    "weight_decay": 0.1,
    "steps": 400.0,
    "noise_std": 0.1 * 20**0.5,
    "norm_ratio": 20**0.5,
    "variation": 4 / 3,
    "peak": 2.0,
    "iterate_bound": 10.0,
}
DELTA = 0.8  # the exact exponents of the error are averages over δ from 0 to this
AGREE = 0.005  # exponents closer than this are called equal
_SLOPE = 0.05  # half-width of the central difference, in logarithms

Exponents = dict[str, "sp.Rational | None"]
Slopes = dict[str, "float | None"]


@dataclass(frozen=True)
class Coupling:
    """One tuned quantity of one theorem.

    closed: base → exponent of the closed form, None where it is no power law in that base. exact: base → log-slope of
    the exact optimum, None where one number cannot tell it. Bases are those of `ERROR_BASES` that the theorem knows,
    then code names of `SCALES`. limit_only: the closed form minimises the leading terms, so it is a limit at best.
    """

    theorem: str
    label: str
    quantity: str
    closed: Exponents
    exact: Slopes
    limit_only: bool

    def differs(self) -> list[str]:
        """The bases in which the exact optimum has another exponent than the closed form."""
        return [base for base, slope in self.exact.items() if slope is not None and not self._agrees(base, slope)]

    def _agrees(self, base: str, slope: float) -> bool:
        closed = self.closed[base]
        return closed is not None and abs(float(closed) - slope) <= AGREE


def couplings(theorem: Theorem, delta: float = DELTA, **constants: Any) -> list[Coupling]:
    """Every tuned quantity of a theorem, in all bases that it knows; [] where nothing is tuned.

    delta: the exact exponents of 1+δ and 1−δ are averages from 0 to it. constants: numbers, `USUAL` where left out.
    Raises `ValueError`: unknown constants or values out of their rule, δ outside (0, 1).
    """
    if not 0 < delta < 1:
        raise ValueError(f"`delta` must lie in (0, 1): exponents are taken from 0 to it; got {delta!r}")
    if not theorem.tuning:
        return []
    given = constants_of(theorem, constants)
    closed = closed_exponents(theorem, [name for name in SCALES if name in given])
    errors, scales = error_exponents(theorem, closed, delta, given), scale_exponents(theorem, closed, given)
    limit_only = theorem.tuning_is == "leading terms"
    return [Coupling(theorem.name, theorem.label, q, closed[q], errors[q] | scales[q], limit_only) for q in closed]


def error_bases(theorem: Theorem) -> list[str]:
    """The bases in which the oracle's error enters a theorem: only the additive ones where it speaks of δ itself."""
    signed = {"epsilon", "eta"} & set(theorem.constants)
    return [base for base, error in ERROR_BASES.items() if signed or error == "additive"]


def closed_exponents(theorem: Theorem, scales: list[str]) -> dict[str, Exponents]:
    """Quantity → base → exponent of the closed form."""
    out = {}
    for quantity, expression in _closed_forms(theorem).items():
        powers: Exponents = {}
        for base in error_bases(theorem):
            larger, smaller = _error_powers(expression, ERROR_BASES[base])
            powers[base] = larger if base.endswith("1+δ") else smaller
        out[quantity] = powers | {name: _power(expression, CONSTANTS[name].symbol) for name in scales}
    return out


def error_exponents(
    theorem: Theorem, closed: Mapping[str, Exponents], delta: float, given: Mapping[str, float]
) -> dict[str, Slopes]:
    """Quantity → base → exponent of the exact optimum in the error, an average over [0, `delta`], at constants `given`.

    An additive error enters by 1+δ and by 1−δ, and one change cannot tell two exponents: that of 1+δ is what the closed
    form's power of 1−δ leaves, that of 1−δ is None.
    """
    start = _tuned(theorem, given)
    ends = {error: _tuned(theorem, given, error, delta) for error in {ERROR_BASES[b] for b in error_bases(theorem)}}
    out: dict[str, Slopes] = {quantity: {} for quantity in closed}
    for quantity, powers in closed.items():
        for base in error_bases(theorem):
            change = _log_ratio(ends[ERROR_BASES[base]][quantity], start[quantity])
            smaller = powers[SMALLER]
            if change is not None and base == LARGER and smaller is not None:
                change -= float(smaller) * float(np.log1p(-delta))
            told = base != SMALLER and (base != LARGER or smaller is not None)
            size = np.log1p(delta) if base.endswith("1+δ") else np.log1p(-delta)
            out[quantity][base] = change / size if told and change is not None else None
    return out


def scale_exponents(theorem: Theorem, quantities: Iterable[str], given: Mapping[str, float]) -> dict[str, Slopes]:
    """Quantity → code name of `SCALES` → log-slope of the exact optimum at the constants `given`, δ = 0."""
    out: dict[str, Slopes] = {quantity: {} for quantity in quantities}
    for name in (name for name in SCALES if name in given):
        low, high = (_tuned(theorem, {**given, name: given[name] * float(np.exp(s))}) for s in (-_SLOPE, _SLOPE))
        for quantity, slopes in out.items():
            change = _log_ratio(high[quantity], low[quantity])
            slopes[name] = None if change is None else change / (2 * _SLOPE)
    return out


def _log_ratio(high: float, low: float) -> float | None:
    """log(high/low); None where a bound that falls exponentially is no longer above 0 in float64."""
    return float(np.log(high / low)) if high > 0 and low > 0 else None


def _tuned(
    theorem: Theorem, constants: Mapping[str, float], error: str = "additive", size: float = 0.0
) -> dict[str, float]:
    at = theorem.tune(**constants, **_errors(theorem, error, size))
    known = {"step_size": at.step_size, "alpha": at.alpha, "value": at.value}
    return {name: float(number) for name, number in known.items() if number is not None}


def constants_of(theorem: Theorem, constants: Mapping[str, Any]) -> dict[str, float]:
    """What the tuning needs, from `constants` and `USUAL`; `ValueError` names a constant that it does not have."""
    expressions = (theorem.claim, *theorem.tuning.values())
    needed = {n for e in expressions for n in evaluate.code_names(e)}
    needed -= {"step_size", "alpha", "epsilon", "eta", "delta"}
    unknown = [name for name in constants if name not in CONSTANTS]
    if unknown:
        from lmo.names import unknown_name

        raise unknown_name("constant", unknown[0], sorted(needed))
    return {name: float({**USUAL, **constants}[name]) for name in CONSTANTS if name in needed}


def _errors(theorem: Theorem, error: str, size: float) -> dict[str, float]:
    if not {"epsilon", "eta"} & set(theorem.constants):
        return {"delta": size}
    by_name = dict(zip(("epsilon", "eta"), ERRORS[error], strict=True))
    return {name: sign * size for name, sign in by_name.items() if name in theorem.constants}


def _closed_forms(theorem: Theorem) -> dict[str, sp.Expr]:
    """The tuned quantities in constants alone; layers that are all alike count as one."""
    tuned = dict(theorem.tuning)
    forms = {"step_size": tuned.get(gamma), "alpha": tuned.get(alpha), "value": theorem.tuned_value}
    if alpha in tuned:
        forms = {name: form.subs(alpha, tuned[alpha]) for name, form in forms.items() if form is not None}
    return {name: form.replace(OverLayers, lambda a: a) for name, form in forms.items() if form is not None}


def _power(expression: sp.Expr, symbol: sp.Symbol) -> sp.Rational | None:
    """The exponent of `symbol` in a power law; None where the expression is none."""
    slope = sp.simplify(symbol * sp.diff(expression, symbol) / expression)
    return slope if slope.is_Rational else None


def _error_powers(expression: sp.Expr, error: str) -> tuple[sp.Rational | None, sp.Rational | None]:
    """The exponents of 1+δ and 1−δ, from the poles of the logarithmic derivative in δ; None: no power law."""
    size = sp.Symbol("t", real=True)
    up, down = ERRORS[error]
    signed = {epsilon: up * size, eta: down * size, c: 1 - up * size, b: 1 + down * size, delta: size}
    plain = expression.subs(signed)
    slope = sp.cancel(sp.simplify(sp.diff(plain, size) / plain))
    larger = sp.cancel(slope * (1 + size)).subs(size, -1)
    smaller = -sp.cancel(slope * (1 - size)).subs(size, 1)
    if not (larger.is_Rational and smaller.is_Rational):
        return None, None
    rest = sp.cancel(slope - larger / (1 + size) + smaller / (1 - size))
    return (larger, smaller) if rest == 0 else (None, None)
