"""One oracle on one matrix: its errors measured and certified, its cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from experiments.oracles import certificates
from experiments.oracles.certificates import Certified
from experiments.oracles.cost import ask, cost, milliseconds
from experiments.oracles.sources import Matrix
from experiments.oracles.specs import Spec
from experiments.oracles.spectrum import Spectrum, of_matrix
from lmo.elements import Element
from lmo.oracles import Oracle, OracleError, measure

MEASURED = 1e-12  # rounding of the measurement itself
HALF = 1e-6  # what the unit of rounding of a half precision exceeds
UNITS = 512  # of rounding, that an iteration may be off by although nothing of it is seen on this matrix


@dataclass(frozen=True)
class Answer:
    """δ, ε, η of an answer, measured by an SVD in float64, and its cost."""

    delta: float
    epsilon: float
    eta: float
    products: float
    svd: bool
    milliseconds: float


@dataclass(frozen=True)
class Row:
    """certified: on the range of σ/scale, or by the oracle itself; by_spectrum: on every σ.

    rounded: a certificate is one of exact arithmetic and rounding can exceed it: half precision, a certified number
    within `UNITS` units of rounding, or one that was measured above it. It then bounds no answer as computed.
    failed: why there is no answer, where there is none: an iteration that overflowed, a target beyond the precision.
    """

    tensor: str
    shape: tuple[int, int]
    condition: float
    oracle: str
    answer: Answer | None
    certified: Certified | None
    by_spectrum: Certified | None
    rounded: bool
    failed: str

    def record(self) -> dict[str, Any]:
        """As flat JSON: what was not measured or is not proved, and an infinite condition, are null."""
        numbers = dict.fromkeys(field.name for field in fields(Answer)) if self.answer is None else asdict(self.answer)
        proved = {"certified": self.certified, "by_spectrum": self.by_spectrum}
        return {
            "tensor": self.tensor,
            "shape": self.shape,
            "condition": self.condition if self.condition < float("inf") else None,
            "oracle": self.oracle,
            **numbers,
            **{name: None if one is None else one._asdict() for name, one in proved.items()},
            "rounded": self.rounded,
            "failed": self.failed,
        }


def rows(
    matrices: list[Matrix],
    specs: list[Spec],
    repeats: int = 5,
    device: str = "cpu",
    tick: Callable[[str], None] = lambda what: None,
) -> list[Row]:
    """Every oracle on every matrix; `tick` is told what comes next."""
    found = []
    for name, tensor in matrices:
        spectrum, m = of_matrix(tensor), tensor.to(device)
        here = []
        for spec in specs:
            tick(f"{name} · {spec.text}")
            here.append(_row(name, m, spectrum, spec))
        found += _timed(here, [spec.oracle for spec in specs], m, repeats)
    return found


def _row(name: str, m: Tensor, spectrum: Spectrum, spec: Spec) -> Row:
    """Without the time, which is taken of all oracles in turn."""
    answer, said, failed = None, None, ""
    try:
        direction, said = ask(spec.oracle, m)
    except ValueError as error:
        failed = str(error)
    else:
        delta, epsilon, eta = (float(number) for number in measured(spec.oracle, m, direction)[:3])
        answer = Answer(delta, epsilon, eta, *cost(spec.oracle, m), math.nan)
    certified = certificates.by_oracle(said) or certificates.by_interval(spec.oracle, spectrum)
    fine, shape = certificates.by_spectrum(spec.oracle, spectrum), (m.shape[0], m.shape[1])
    unit = max(torch.finfo(dtype).eps for dtype in (m.dtype, getattr(spec.oracle, "dtype", None) or m.dtype))
    exact = [one for one in (certified, fine) if one is not None and one.kind != "proof"]
    rounded = any(unit > HALF or _near(one, unit) or _above(answer, one) for one in exact)
    return Row(name, shape, spectrum.condition, spec.text, answer, certified, fine, rounded, failed)


def _timed(found: list[Row], oracles: list[Oracle], m: Tensor, repeats: int) -> list[Row]:
    """The rows with the time of those that have an answer."""
    times = iter(milliseconds([o for o, row in zip(oracles, found, strict=True) if row.answer], m, repeats))
    return [
        row if row.answer is None else replace(row, answer=replace(row.answer, milliseconds=next(times)))
        for row in found
    ]


def _near(certified: Certified, unit: float) -> bool:
    """Whether a certified number is so small that rounding, or that of the measurement, may be larger."""
    numbers = (number for number in (certified.delta, certified.epsilon, certified.eta) if number is not None)
    return any(abs(number) < max(UNITS * unit, 10 * MEASURED) for number in numbers)


def _above(answer: Answer | None, certified: Certified) -> bool:
    """Whether something was measured above its certificate by more than the rounding of the measurement."""
    pairs = ((getattr(answer, name), getattr(certified, name)) for name in ("delta", "epsilon", "eta"))
    return answer is not None and any(bound is not None and value > bound + MEASURED for value, bound in pairs)


def measured(oracle: Oracle, m: Tensor, direction: Element) -> OracleError:
    """δ, ε, η of a direction for m (a, b) by `lmo.measure` in float64.

    Wide and tall matrices are first brought to (a, 2a), a the smaller side: the triangular factor of (mᵀ dᵀ) keeps
    every inner product of rows, and with it δ, ε and η in the spectral and in the nuclear norm.
    """
    assert isinstance(direction, Tensor)  # as m is one
    m, d = m.cpu().double(), direction.cpu().double()
    m, d = (m.mT, d.mT) if m.shape[0] > m.shape[1] else (m, d)
    rows_, columns = m.shape
    if columns > 2 * rows_:
        peak = m.abs().max()
        both = torch.cat([m / torch.where(peak > 0, peak, 1), d]).mT
        r = torch.linalg.qr(both, mode="r").R
        m, d = r[:, :rows_].mT.contiguous(), r[:, rows_:].mT.contiguous()
    return measure(oracle.ball, m, d)
