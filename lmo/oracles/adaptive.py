"""The oracle that proves the error of its own answer, and stops as soon as it is small enough."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from lmo.balls import NormBall, Spectral
from lmo.checks import check_number
from lmo.oracles.base import Harm, Oracle, Promise
from lmo.oracles.moment_tuned import MomentTuned
from lmo.oracles.newton_schulz import apply_odd_polynomial
from lmo.oracles.polar_oracle import check_spectral
from lmo.oracles.polar_proof import alignment, nuclear_norm_bound, spectral_norm_bound
from lmo.oracles.proof import Proof
from lmo.oracles.rounding import UNIT, exactly_scaled, frobenius
from lmo.polynomials.classical import classical
from lmo.randomness import Draw

SMALLEST = 1e-8  # below this the rounding bounds of float64 are in the way at usual sizes
STEPS = 14  # classical steps before the singular value decomposition takes over
SMALLEST_HALF = 1e-3  # … and below this the rounding of the answer, where m is in half precision
SINGLE = 1e-3  # targets from here on are iterated in float32, unless m is float64; the proof is in float64
EARLY = 0.05  # targets that one classical step usually proves; smaller ones need two, and a proof costs as much as two
ROUNDED = 2.0**-4  # the largest excess of ‖d̂‖ that rounding to the dtype of m can leave


@dataclass(frozen=True)
class Adaptive(Oracle):
    """d̂ with ε ≤ target, proved for every single answer; `direction, proof = oracle(m)`, a `Proof` with ε, η per run.

    Designed steps chosen by the trace moments (`MomentTuned`), then classical quintics (the proof sees |1 − p²|, and
    only a converging iteration makes that small) until G = HO + R proves ‖G‖_* ≤ ‖O‖₂ tr H + √a‖R‖_F closely enough.
    Matrices that do not get there by iteration are answered by an SVD, and proved in the same way. The proof bounds
    its own rounding (`polar_proof`), and holds for the answer as returned, rounded to the dtype of m. Answers have
    ‖d̂‖ ≤ 1 up to that rounding. Source: paper_notes.md, "Self-certifying oracles".

    Args:
        target: the ε to prove, in [1e-8, 1); at least 1e-3 where m is in half precision (`ValueError` at the call).
        ball: `Spectral()`, `RmsToRms()` or `Scaled` of those; ε and η are those of the ball.
    """

    target: float = 0.01
    ball: NormBall = field(default_factory=Spectral)
    name: ClassVar[str] = "adaptive"

    def __post_init__(self) -> None:
        check_number("target", self.target, at_least=SMALLEST, below=1.0)
        check_spectral(self)

    @classmethod
    def examples(cls) -> list[tuple[Oracle, tuple]]:
        return [(cls(), (3, 4)), (cls(1e-6), (5, 3)), (cls(1e-3), (4, 4))]

    def promise(self) -> Promise:
        return Promise(1.0 + ROUNDED, self.target, ROUNDED)

    def _direction(self, m: Any, memory: Any, draw: Draw | None, harm: Harm | None) -> tuple[Any, Any]:
        if m.dtype.itemsize < 4 and self.target < SMALLEST_HALF:
            raise ValueError(
                f"an answer in {m.dtype} is rounded by more than target = {self.target:g}; ask for at least "
                f"{SMALLEST_HALF:g}, or give m in float32 or float64"
            )
        tall = m.shape[-2] > m.shape[-1]
        wide = m.mT if tall else m
        g = exactly_scaled(wide.reshape(-1, *wide.shape[-2:]).double())
        radius = self.ball.radius(m.shape)  # type: ignore[attr-defined]
        answer, epsilon, eta = self._proved(g, m.dtype, radius)
        if bool((epsilon > self.target).any()):
            raise ValueError(
                f"`target` = {self.target:g} cannot be proved for an answer {tuple(m.shape[-2:])} in {m.dtype}, only "
                f"ε <= {float(epsilon.max()):.2g}; ask for that, or give m in a higher precision"
            )
        direction, batch = -answer.to(m.dtype).reshape(wide.shape), m.shape[:-2]
        direction = direction.mT if tall else direction
        return direction, Proof(epsilon.reshape(batch), eta.reshape(batch), "polar residual and Cholesky")

    def _proved(self, g: Tensor, dtype: torch.dtype, radius: float) -> tuple[Tensor, Tensor, Tensor]:
        """(radius·answers as rounded to `dtype`, ε, η): iterates the batch, keeps each matrix as it is proved."""
        work = torch.float32 if self.target >= SINGLE and dtype != torch.float64 else torch.float64
        y = -MomentTuned(tail=self.target)._minus_polar(g.to(work))
        answer, epsilon = torch.zeros_like(g), torch.full(g.shape[:1], torch.inf, dtype=g.dtype, device=g.device)
        eta, left = epsilon.clone(), torch.arange(g.shape[0], device=g.device)
        for step in range(STEPS + 1):
            if step == STEPS:
                u, _, vh = torch.linalg.svd(g[left], full_matrices=False)
                y = u @ vh
            else:
                y = apply_odd_polynomial(y, classical(2).table[0])
            if step < 1 and self.target < EARLY:
                continue
            rounded, bound, excess = self._prove(g[left], y.double(), dtype, radius)
            better = bound < epsilon[left]
            rows = left[better]
            answer[rows], epsilon[rows], eta[rows] = rounded[better], bound[better], excess[better]
            open_ = epsilon[left] > self.target
            if not open_.any():
                break
            left, y = left[open_], y[open_]
        return answer, epsilon, eta

    @staticmethod
    def _prove(g: Tensor, o: Tensor, dtype: torch.dtype, radius: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
        """(radius·o/‖o‖ rounded to dtype, its ε, its η), proved for g (n, a, b); ε = 0, η = −1 where g = 0."""
        size = spectral_norm_bound(o)
        safe = torch.where(size > 0, size, 1).reshape(-1, 1, 1)
        answer = (o / safe * radius).to(dtype).double()
        unit = answer / radius
        off = UNIT * frobenius(unit)  # of that division
        nuclear = nuclear_norm_bound(g, o, size)
        reached = alignment(g, unit) - off * frobenius(g)
        zero = (g == 0).all(-1).all(-1)
        epsilon = torch.where(zero, 0, 1 - reached / torch.where(zero, 1, nuclear) + 2.0**-50)
        return answer, epsilon, torch.where(zero, -1, (spectral_norm_bound(unit) + off) * (1 + 4 * UNIT) - 1)
