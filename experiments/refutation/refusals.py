"""Claims that no attack can run, refused with the reason."""

from __future__ import annotations

import sympy as sp

from bounds.assumption_check import declared, undeclared
from bounds.layers import PER_LAYER, OverLayers
from bounds.symbols import COLUMNS, CONSTANTS
from bounds.theorem import Theorem
from experiments.refutation.quantities import text_of
from lmo.names import unknown_name


def refuse_metric(theorem: Theorem, about: str) -> None:
    """A metric that attacks do not measure."""
    if theorem.method.step.startswith("layer-") and theorem.metric.of_step != COLUMNS["gradient_norm"]:
        raise ValueError(f"{about}: no attack measures {theorem.metric.words()} of layers")
    try:
        text_of(theorem.metric.of_step)
    except ValueError as error:
        raise ValueError(f"{about}: {error}") from None


def refuse_mixed_layers(theorem: Theorem, about: str) -> None:
    """A layer's own constants stand under a sum over layers, where the claim is about layers, and nowhere else."""
    claim = theorem.claim
    if not theorem.method.step.startswith("layer-"):
        if claim.has(OverLayers):
            raise ValueError(f"{about}: it sums over layers, its method has one step for all of them")
        return
    outside = claim.xreplace({a: sp.Dummy() for a in claim.atoms(OverLayers)}).free_symbols & set(PER_LAYER)
    if outside:
        names = ", ".join(sorted(map(str, outside)))
        raise ValueError(f"{about}: every layer has its own {names}; write a sum over layers, OverLayers(...)")


def refuse_undeclared(theorem: Theorem, about: str) -> None:
    """A constant that no run of the claim's method and assumptions has."""
    for name in undeclared(theorem):
        constant = CONSTANTS[name]
        raise ValueError(
            f"{about}: neither its assumptions nor its method have {name} ({constant.symbol}: {constant.meaning}): "
            f"{unknown_name('constant of such runs', name, declared(theorem))}"
        )
