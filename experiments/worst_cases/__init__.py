"""Searches for the worst case of a statement: one method = one file. `attacks()` finds them by walking this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experiments.worst_cases.base import Attack


def attacks() -> dict[str, Attack]:
    """Every attack that a file of this folder defines, by name."""
    import sys

    from experiments.worst_cases.base import Attack
    from lmo.discover import subclasses_in

    return {name: kind() for name, kind in subclasses_in(sys.modules[__name__], Attack).items()}
