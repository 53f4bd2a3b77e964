"""The cheapest oracle that certifies ε ≤ target on a matrix: fewest products, an SVD only as the last resort.

Every answer is computed in the dtype of its matrix, and proved as rounded to it. For half precisions the oracles that
iterate in them come first, then those that iterate in float32 and round the answer: `…@float32`, adaptive ones.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from experiments.oracles import candidates, certificates
from experiments.oracles.certificates import Certified
from experiments.oracles.cost import Cost, ask, cost, milliseconds
from experiments.oracles.sources import Matrix
from experiments.oracles.specs import Spec, parse
from experiments.oracles.spectrum import Spectrum, of_matrix
from lmo.checks import check_number
from lmo.oracles import NewtonSchulz, Oracle
from lmo.oracles.adaptive import SMALLEST
from lmo.oracles.newton_schulz import PolynomialOracle
from lmo.oracles.scales import Scale
from lmo.polynomials import Schedule
from lmo.polynomials.schedule import evaluate

REFERENCE = "jordan:5"  # the iteration of torch.optim.Muon
LENGTHENED = 0.75  # of the η that rounding leaves of the exact answer, at least: what it adds to that of any other
SLACK = 1e-9  # what the screening in float64 finds further than this from the target cannot be certified


@dataclass(frozen=True)
class Choice:
    """relative: products over those of `REFERENCE`. answer: proved of the answer as rounded to `dtype`."""

    layer: str
    dtype: str
    shape: tuple[int, int]
    condition: float
    oracle: str
    certified: Certified
    answer: Certified
    products: float
    relative: float
    svd: bool
    milliseconds: float | None

    def record(self) -> dict[str, Any]:
        """As JSON: an infinite condition is null."""
        condition = self.condition if self.condition < math.inf else None
        proved = {"certified": self.certified._asdict(), "answer": self.answer._asdict()}
        return {**dataclasses.asdict(self), **proved, "condition": condition}


def plan(
    matrices: list[Matrix],
    target: float,
    most_eta: float | None = None,
    repeats: int = 0,
    tick: Callable[[str], None] = lambda what: None,
) -> list[Choice]:
    """The choice for every matrix in its own dtype, whose answer is timed where `repeats` > 0.

    Args:
        matrices: (a, b) each; the targets are those of the answer rounded to the matrix's dtype.
        target: ε, in [1e-8, 1).
        most_eta: the largest η ≥ 0 allowed, as any ε is had by making an answer longer; None: `target`.

    Raises:
        ValueError: numbers out of range, or a matrix on which nothing certifies that in its dtype.
    """
    check_number("target", target, at_least=SMALLEST, below=1.0)
    most = target if most_eta is None else check_number("eta", most_eta, at_least=0.0)
    chosen = []
    for name, m in matrices:
        tick(name)
        spectrum = of_matrix(m)
        spec, certified, answer, spent = _choose(name, m, spectrum, target, most)
        usual = cost_on(parse(REFERENCE).oracle, m).products
        time = milliseconds([spec.oracle], m, repeats)[0] if repeats else None
        shape = (m.shape[0], m.shape[1])
        chosen.append(
            Choice(
                name, named(m.dtype), shape, spectrum.condition, spec.text, certified, answer, spent.products,
                spent.products / usual, spent.svd, time,
            )
        )  # fmt: skip
    return chosen


def _choose(
    name: str, m: Tensor, spectrum: Spectrum, target: float, most_eta: float
) -> tuple[Spec, Certified, Certified, Cost]:
    """The first by cost with ε ≤ target and η ≤ most_eta, proved in exact arithmetic and of its answer as rounded."""
    reached = rounded_alone(spectrum, m.dtype)
    for spent, spec in by_cost(m, spectrum, target, most_eta - LENGTHENED * max(reached.eta, 0.0)):
        certified = _in_exact_arithmetic(spec.oracle, spectrum, target, most_eta)
        if certified is not None and (certified.epsilon > target or certified.eta > most_eta):
            continue
        try:
            direction, said = ask(spec.oracle, m)
        except ValueError:  # an iteration that overflows, as long ones in the Gram form may
            continue
        assert isinstance(direction, Tensor)  # as m is one
        answer = certificates.of_answer(spectrum, direction)
        certified = certified or certificates.by_oracle(said) or answer
        if all(one.epsilon <= target and one.eta <= most_eta for one in (certified, answer)):
            return spec, certified, answer, spent
    raise ValueError(
        f"no oracle certifies `target` {target:g} on {name!r} in {named(m.dtype)} with η ≤ {most_eta:g}; ask for more "
        f"than the rounding of that precision: the exact answer, rounded to {named(m.dtype)}, has "
        f"ε ≤ {reached.epsilon:.2g} and η ≤ {reached.eta:.2g}"
    )


def rounded_alone(spectrum: Spectrum, dtype: torch.dtype) -> Certified:
    """ε and η of the polar factor in float64 once it is rounded to `dtype`."""
    kept = spectrum.sigma > SLACK * spectrum.sigma[0]
    exact = (spectrum.left * kept) @ spectrum.right
    return certificates.of_answer(spectrum, -exact.to(dtype))


def named(dtype: torch.dtype) -> str:
    """bfloat16 for torch.bfloat16."""
    return str(dtype).removeprefix("torch.")


def _in_exact_arithmetic(oracle: Oracle, spectrum: Spectrum, target: float, most_eta: float) -> Certified | None:
    """By interval if that suffices, else by spectrum; None for oracles that are judged by their answer."""
    whole = certificates.by_interval(oracle, spectrum)
    if whole is None or (whole.epsilon <= target and whole.eta <= most_eta):
        return whole
    return certificates.by_spectrum(oracle, spectrum)


def by_cost(m: Tensor, spectrum: Spectrum, target: float, most_eta: float) -> Iterator[tuple[Cost, Spec]]:
    """Candidates from the cheapest on; polynomial ones only where float64 says that they come near the targets.

    In half precision all that iterate in it come before those that iterate in a higher one.
    """
    likely = [
        (epsilon, spec)
        for spec, epsilon, eta in screened(spectrum)
        if epsilon <= target + SLACK and eta <= most_eta + SLACK
    ]
    likely += [(math.inf, spec) for spec in (*candidates.watching(target), candidates.exact())]
    half = m.dtype.itemsize < 4
    if half:
        likely += [(epsilon, candidates.in_float32(spec)) for epsilon, spec in likely if candidates.in_half(spec)]
    priced = []
    for epsilon, spec in likely:
        with contextlib.suppress(ValueError):  # an adaptive one refuses targets beyond the dtype's rounding
            priced.append((cost_on(spec.oracle, m), epsilon, spec))
    for spent, _, spec in sorted(
        priced, key=lambda one: (one[0].svd, half and not candidates.in_half(one[2]), one[0].products, one[1])
    ):
        yield spent, spec


def screened(spectrum: Spectrum) -> Iterator[tuple[Spec, float, float]]:
    """Every polynomial candidate with its ε and η by spectrum in float64, not proved."""
    sigma = spectrum.sigma.numpy()
    share = sigma / sigma.sum() if sigma.sum() > 0 else sigma
    middles = functools.cache(lambda scale: _middle(scale, spectrum))
    known: dict[tuple, tuple[float, float]] = {}
    for spec in candidates.polynomial():
        oracle = spec.oracle
        assert isinstance(oracle, PolynomialOracle)
        key = (oracle.scale, oracle.polynomials)
        if key not in known:
            s = middles(oracle.scale)
            for polynomial in oracle.polynomials:
                s = evaluate(polynomial, s)
            known[key] = float((share * np.maximum(1 - s, 0)).sum()), float(s.max()) - 1
        yield spec, *known[key]


def _middle(scale: Scale, spectrum: Spectrum) -> np.ndarray:
    """σ/scale in float64."""
    ends = certificates.scaled(NewtonSchulz(scale=scale), spectrum)
    assert ends is not None  # no candidate has a scale that changes the polar factor
    return (ends[0] + ends[1]) / 2


def cost_on(oracle: Oracle, m: Tensor) -> Cost:
    """`cost`, counted once per shape for the first steps; those after the last restart cost the same each."""
    if not isinstance(oracle, PolynomialOracle):
        return cost(oracle, m)
    lengths = {len(p) for p in oracle.polynomials}
    steps, known = len(oracle.polynomials), max((0, *getattr(oracle, "restarts", ()))) + 2
    if len(lengths) != 1 or steps <= known:
        return _counted(oracle, m)
    before, last = (_counted(_first_steps(oracle, count), m) for count in (known - 1, known))
    return Cost(last.products + (steps - known) * (last.products - before.products), False)


def _first_steps(oracle: PolynomialOracle, count: int) -> PolynomialOracle:
    return dataclasses.replace(oracle, steps=count)


def _counted(oracle: PolynomialOracle, m: Tensor) -> Cost:
    alike = Schedule("alike", tuple((1.0,) * len(p) for p in oracle.polynomials), None, False, "none: for counting")
    return _cost_on(dataclasses.replace(oracle, schedule=alike, steps=None), tuple(m.shape), m.dtype, str(m.device))


@functools.lru_cache(maxsize=4096)
def _cost_on(oracle: Oracle, shape: tuple[int, ...], dtype: torch.dtype, device: str) -> Cost:
    # zeros, not empty: an oracle that decides on the host is computed in earnest
    return cost(oracle, torch.zeros(shape, dtype=dtype, device=device))
