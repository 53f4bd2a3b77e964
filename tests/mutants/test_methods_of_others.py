"""A right proof for another method than the statement describes is caught: another step rule, another size, decay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import bounds
from bounds.check import check
from bounds.step_check import NAME, check_step
from bounds.theorem import Theorem


def described(label: str, **changes: Any) -> Theorem:
    theorem = bounds.theorems[label]
    return replace(theorem, method=replace(theorem.method, **changes))


@pytest.mark.parametrize(
    ("label", "changes", "says"),
    [
        ("D1", {"step": "adaptive"}, "is none of the rule 'adaptive'"),
        ("D1", {"step": "open-loop"}, "is none of the rule 'open-loop'"),
        ("D1-A", {"step": "layer-fixed"}, "do not agree on whether there are layers"),
        ("Lw", {"step": "adaptive"}, "do not agree on whether there are layers"),
        ("Lw", {"step": "layer-fixed"}, "is none of the rule 'layer-fixed'"),
        ("D1", {"step": "Fixed"}, "no step rule 'Fixed'; the rules are fixed"),
        ("D1", {"decay": True}, "the method decays"),
        ("D2", {"step": "fixed"}, "is none of the rule 'fixed'"),
        ("D2", {"step": "l0-l1"}, "is none of the rule 'l0-l1'"),
        ("D3", {"step": "adaptive"}, "is none of the rule 'adaptive'"),
        ("D5", {"decay": True}, "the method decays"),
        ("Lw", {"decay": True}, "the method decays"),
        ("C1", {"decay": False}, "the method does not decay"),
        ("C2", {"decay": False}, "the method does not decay"),
    ],
)
def test_another_method_is_caught(label: str, changes: dict[str, Any], says: str) -> None:
    found = check_step(described(label, **changes))
    assert not found.passed and says in found.detail
    assert not all(one.passed for one in check(described(label, **changes)))


def test_another_size_of_the_step_is_caught() -> None:
    """Twice the step in the proof alone: what follows from it is no bound of the method."""
    from bounds.inequalities import smoothness
    from bounds.symbols import gamma

    theorem = bounds.theorems["D1"]
    steps = tuple(smoothness(2 * gamma) if one.name == "smoothness" else one for one in theorem.proof.step)
    found = check_step(replace(theorem, proof=replace(theorem.proof, step=steps)))
    assert not found.passed and "the proof steps by 2*gamma, the method by gamma" in found.detail


@pytest.mark.parametrize("label", bounds.theorems)
def test_ours_move_as_they_say(label: str) -> None:
    assert check_step(bounds.theorems[label]).passed and NAME in {one.name for one in check(bounds.theorems[label])}
