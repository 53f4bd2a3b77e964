"""One oracle on one matrix: its errors measured and certified, its cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from experiments.oracles import certificates
from experiments.oracles.certificates import Certified
from experiments.oracles.cost import cost, milliseconds
from experiments.oracles.sources import Matrix
from experiments.oracles.specs import Spec
from experiments.oracles.spectrum import Spectrum, of_matrix
from lmo.elements import Element
from lmo.oracles import Oracle, OracleError, measure

MEASURED = 1e-12  # rounding of the measurement itself


@dataclass(frozen=True)
class Row:
    """delta, epsilon, eta: measured by an SVD in float64. certified: on the range of σ/scale; by_spectrum: on every σ.

    rounded: the certificate is one of exact arithmetic, and the iteration in half precision, or measured above it.
    """

    tensor: str
    shape: tuple[int, int]
    condition: float
    oracle: str
    delta: float
    epsilon: float
    eta: float
    certified: Certified | None
    by_spectrum: Certified | None
    rounded: bool
    products: float
    svd: bool
    milliseconds: float

    def record(self) -> dict[str, Any]:
        """As JSON: what is not proved, and an infinite condition, are null."""
        proved = {"certified": self.certified, "by_spectrum": self.by_spectrum}
        return {
            **asdict(self),
            "condition": self.condition if self.condition < float("inf") else None,
            **{name: None if one is None else one._asdict() for name, one in proved.items()},
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
    for matrix in matrices:
        spectrum = of_matrix(matrix.tensor)
        for spec in specs:
            tick(f"{matrix.name} · {spec.text}")
            found.append(_row(matrix, spectrum, spec, repeats, device))
    return found


def _row(matrix: Matrix, spectrum: Spectrum, spec: Spec, repeats: int, device: str) -> Row:
    oracle, m = spec.oracle, matrix.tensor.to(device)
    try:
        direction, said = oracle(m)
    except ValueError as error:  # an iteration that overflows, a target beyond the precision
        raise ValueError(f"the oracle {spec.text!r} gives no answer to {matrix.name!r}: {error}") from None
    off = measured(oracle, matrix.tensor, direction)
    spent = cost(oracle, m)
    dtype = getattr(oracle, "dtype", None) or m.dtype
    certified = certificates.by_oracle(said) or certificates.by_interval(oracle, spectrum)
    return Row(
        matrix.name,
        (m.shape[0], m.shape[1]),
        spectrum.condition,
        spec.text,
        float(off.delta),
        float(off.epsilon),
        float(off.eta),
        certified,
        certificates.by_spectrum(oracle, spectrum),
        certified is not None and certified.kind != "proof" and (dtype.itemsize < 4 or _above(off, certified)),
        spent.products,
        spent.svd,
        milliseconds(oracle, m, repeats),
    )


def _above(error: OracleError, certified: Certified) -> bool:
    """Whether something was measured above its certificate by more than the rounding of the measurement."""
    pairs = zip(
        (error.delta, error.epsilon, error.eta), (certified.delta, certified.epsilon, certified.eta), strict=True
    )
    return any(bound is not None and float(value) > bound + MEASURED for value, bound in pairs)


def measured(oracle: Oracle, m: Tensor, direction: Element) -> OracleError:
    """δ, ε, η of a direction for m (a, b) by `lmo.measure` in float64.

    Wide and tall matrices are first brought to (a, 2a), a the smaller side: the triangular factor of (mᵀ dᵀ) keeps
    every inner product of rows, and with it δ, ε and η in the spectral and in the nuclear norm.
    """
    assert isinstance(direction, Tensor)  # as m is one
    m, d = m.double(), direction.cpu().double()
    m, d = (m.mT, d.mT) if m.shape[0] > m.shape[1] else (m, d)
    rows_, columns = m.shape
    if columns > 2 * rows_:
        peak = m.abs().max()
        both = torch.cat([m / torch.where(peak > 0, peak, 1), d]).mT
        r = torch.linalg.qr(both, mode="r").R
        m, d = r[:, :rows_].mT.contiguous(), r[:, rows_:].mT.contiguous()
    return measure(oracle.ball, m, d)
