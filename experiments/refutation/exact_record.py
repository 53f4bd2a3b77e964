"""The record of a case whose run has nothing random in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.verdict import SLACK


def exact_record(
    kind: str, instance: Mapping[str, Any], constants: Mapping[str, float], measured: float, bound: float
) -> dict[str, Any]:
    """The fields of `refutation.case.Case` but `claim` and `attack`, and "violates"; the bound is positive."""
    return {
        "kind": kind,
        "instance": dict(instance),
        "constants": dict(constants),
        "measured": measured,
        "uncertainty": 0.0,
        "bound": bound,
        "ratio": measured / bound,
        "exact": True,
        "runs": 1,
        "seed": 0,
        "violates": measured > bound * (1 + SLACK),
    }
