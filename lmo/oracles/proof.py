"""What an oracle proves about its own answer."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor


class Proof(NamedTuple):
    """Upper bounds on ε and η of one answer, proved without an SVD, one number per run (float64).

    how: what the proof rests on. failure: the probability, over the oracle's own random numbers, that it is wrong; 0:
    it holds always.
    """

    epsilon: Tensor
    eta: Tensor
    how: str
    failure: float = 0.0


def without_proof(memory: Any) -> Any:
    """`memory`, or None where it is a proof: that is about the answer it came with, and of no use to the next call."""
    return None if isinstance(memory, Proof) else memory
