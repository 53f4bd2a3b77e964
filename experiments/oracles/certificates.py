"""What can be proved about an oracle on one matrix: by interval, by spectrum, by the oracle itself, of one answer."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from experiments.oracles.spectrum import Spectrum, enclose
from lmo.balls import Spectral
from lmo.balls.base import to_unit_peak
from lmo.oracles import Oracle
from lmo.oracles.proof import Proof
from lmo.oracles.rounding import frobenius, gamma
from lmo.oracles.scales import FrobeniusNorm

ROUNDED_UP = 1 + 2.0**-50  # what a sum by fsum, a product and a quotient may lose
KINDS = {
    "interval": "for every matrix whose σ/scale lie in the range of this one's; exact arithmetic",
    "spectrum": "for every matrix with these σ, each in an interval: ε ≤ Σσ(1 − p(σ/scale))⁺/Σσ; exact arithmetic",
    "answer": "for the answer to this very matrix: Σσ(1 − uᵀ(−d̂)v)⁺/Σσ, all rounding included",
    "proof": "the oracle proves every answer it gives, all rounding included",
}


class Certified(NamedTuple):
    """Proved upper bounds on δ, ε, η; None: nothing is proved about it. kind: a key of `KINDS`."""

    delta: float | None
    epsilon: float
    eta: float
    kind: str


def by_interval(oracle: Oracle, spectrum: Spectrum) -> Certified | None:
    """`oracle.certify` on [s_min, s_max], the range of σ/scale of this matrix; None where the oracle has none."""
    ends = scaled(oracle, spectrum)
    found = None if ends is None else oracle.certify(float(ends[0][-1]), float(ends[1][0]))
    return None if found is None else Certified(found.delta, found.epsilon, found.eta, "interval")


def by_spectrum(oracle: Oracle, spectrum: Spectrum) -> Certified | None:
    """ε ≤ Σσ(1 − p(σ/scale))⁺/Σσ, δ and η ≤ the largest of all σ, with a certificate on the enclosure of every σ."""
    ends = scaled(oracle, spectrum)
    each = [] if ends is None else [oracle.certify(float(low), float(high)) for low, high in zip(*ends, strict=True)]
    found = [one for one in each if one is not None]  # all or none
    if not found:
        return None
    delta, eta, worst = (max(getattr(one, name) for one in found) for name in ("delta", "eta", "epsilon"))
    lost = math.fsum(float(sigma) * max(one.epsilon, 0.0) for sigma, one in zip(spectrum.high, found, strict=True))
    nuclear = math.fsum(spectrum.low)
    if nuclear > 0:
        worst = min(lost / nuclear * ROUNDED_UP, worst)
    return Certified(delta, worst if spectrum.high[0] > 0 else 0.0, eta, "spectrum")


def by_oracle(said: object) -> Certified | None:
    """What the oracle proved about its answer: its second return value, where that is a `Proof`."""
    return Certified(None, float(said.epsilon), float(said.eta), "proof") if isinstance(said, Proof) else None


def of_answer(spectrum: Spectrum, direction: Tensor) -> Certified:
    """ε and η of d̂ (a, b) as an answer in the spectral ball to the matrix of `spectrum`.

    With G = Σσ̂uvᵀ + E as computed, −⟨G, d̂⟩ ≥ Σσ̂ min(1, uᵀ(−d̂)v) − ‖E‖_F‖d̂‖_F: like the certificate by spectrum, it
    lets no singular value that is longer than 1 make up for one that is shorter.
    """
    o = -direction.detach().cpu().double()
    o = o.mT if o.shape[-2] > o.shape[-1] else o
    eta = float(enclose(o).high[0]) - 1
    if bool((spectrum.matrix == 0).all()):
        return Certified(None, 0.0, eta, "answer")
    size = float(frobenius(o))
    along = ((spectrum.left.mT @ o) * spectrum.right).sum(-1)
    off = 4 * gamma(sum(o.shape) + 4) * size  # of each entry of `along`: u and v have length 1, nearly
    reached = math.fsum((spectrum.sigma * (along - off).clamp(max=1)).tolist()) - 2 * spectrum.rest * size
    nuclear = math.fsum(spectrum.high if reached > 0 else spectrum.low)
    ratio = reached / nuclear if nuclear > 0 else -size
    return Certified(None, 1 - ratio + 2.0**-50 * (1 + abs(ratio)), eta, "answer")


def scaled(oracle: Oracle, spectrum: Spectrum) -> tuple[np.ndarray, np.ndarray] | None:
    """Enclosures of σ/scale, the scale as computed in float64: the oracle's own, ‖m‖_F where it says of none.

    None where the scale changes the polar factor, or the ball is another than `Spectral()`.
    """
    scale = getattr(oracle, "scale", FrobeniusNorm())
    if scale.changes_polar_factor or oracle.ball != Spectral():
        return None
    g = spectrum.matrix.unsqueeze(0)
    divided = float(frobenius(scale(to_unit_peak(g, 2)).x))
    if divided == 0:
        return spectrum.low, spectrum.high
    return spectrum.over(float(torch.linalg.matrix_norm(g)) / divided, 8 * gamma(g.numel() + 8))
