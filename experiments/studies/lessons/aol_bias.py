"""AOL scaling saves a step and answers for another matrix: how far off is its polar factor?"""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from experiments.oracles.measured import measured
from experiments.oracles.report import scaled
from experiments.oracles.spectra import matrix
from experiments.studies.base import Finding
from lmo.balls import Spectral
from lmo.oracles import Exact, NewtonSchulz
from lmo.oracles.scales import AOL, FrobeniusNorm, Scale

EXPONENTS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0)
FAMILIES = ("scaled rows", "dense power law")
SHIPPED = ("turbo-muon/aol", "jordan")  # what ships with AOL, four steps, and what it was meant to replace
NUMBERS = ("relative", "delta", "epsilon")


def data(shape: tuple[int, int] = (128, 512)) -> xr.Dataset:
    """bias (family, exponent, number): of the exact polar factor of diag(s)m as an answer to m.

    Families: Gaussian rows, row i times i^−exponent; σ_i = i^−exponent with random singular vectors. Numbers:
    ‖polar(diag(s)m) − polar(m)‖_F/‖polar(m)‖_F; δ, its spectral norm; ε. median (family, exponent, scale): the median
    singular value after scaling. shipped (family, exponent, oracle): ε of the answer over its norm.
    """
    bias, median, shipped = [], [], []
    for family in FAMILIES:
        for exponent in EXPONENTS:
            m = family_matrix(family, exponent, shape)
            bias.append(biased(m))
            median.append(
                [float(torch.linalg.svdvals(_scaled(scale, m)).median()) for scale in (AOL(), FrobeniusNorm())]
            )
            shipped.append([_within_the_ball(o, m) for o in (NewtonSchulz("turbo-muon", scale=AOL()), NewtonSchulz())])
    sizes = (len(FAMILIES), len(EXPONENTS), -1)
    return xr.Dataset(
        {
            "bias": (("family", "exponent", "number"), np.reshape(bias, sizes)),
            "median": (("family", "exponent", "scale"), np.reshape(median, sizes)),
            "shipped": (("family", "exponent", "oracle"), np.reshape(shipped, sizes)),
        },
        {
            "family": list(FAMILIES),
            "exponent": list(EXPONENTS),
            "number": list(NUMBERS),
            "scale": ["AOL", "Frobenius"],
            "oracle": list(SHIPPED),
        },
        {"shape": f"{shape[0]}×{shape[1]}"},
    )


def family_matrix(family: str, exponent: float, shape: tuple[int, int]) -> Tensor:
    """The matrix (a, b), a ≤ b, of a family, the same at every call."""
    if family == FAMILIES[1]:
        return matrix(f"power-law={exponent}", shape, 0)
    rows = torch.arange(1, shape[0] + 1, dtype=torch.float64) ** -exponent
    return rows.unsqueeze(-1) * matrix("gaussian", shape, 0)


def biased(m: Tensor) -> tuple[float, float, float]:
    """The `NUMBERS` of −polar(diag(s)m), exact but for AOL's s, for m (a, b), a ≤ b, of full rank."""
    ball = Spectral()
    direction, right = ball._lmo(_scaled(AOL(), m)), ball._lmo(m)
    error = measured(Exact(ball), m, direction)
    return float((direction - right).norm() / right.norm()), float(error.delta), float(error.epsilon)


def _scaled(scale: Scale, m: Tensor) -> Tensor:
    return scale(m.unsqueeze(0) / m.abs().max()).x[0]


def _within_the_ball(oracle: NewtonSchulz, m: Tensor) -> float:
    """ε of the answer, after division by its norm where that is above 1."""
    error = measured(oracle, m, oracle(m)[0])
    return scaled(float(error.epsilon), float(error.eta))


def findings(table: xr.Dataset) -> list[Finding]:
    """An unbiased scale has 0 everywhere; AOL has it for orthogonal rows alone."""
    bias = table["bias"]
    none = float(bias.sel(family=FAMILIES[1], exponent=0.0, number="relative"))
    found = [Finding("AOL's bias on orthonormal rows: relative change of the polar factor", 0.0, none, none <= 1e-9)]
    cases = {
        "Gaussian": (FAMILIES[0], 0.0),
        "Gaussian rows, row i times 1/i": (FAMILIES[0], 1.0),
        "dense, σ_i = 1/i": (FAMILIES[1], 1.0),
    }
    for says, (family, exponent) in cases.items():
        for number, of in (("relative", "relative change of the polar factor"), ("epsilon", "ε of that change")):
            got = float(bias.sel(family=family, exponent=exponent, number=number))
            text = f"AOL's bias, {says}: {of} (0: no bias)"
            found.append(Finding(text, 0.0, got, got > 1e-6, "points the other way"))  # far above rounding
    return found
