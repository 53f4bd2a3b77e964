"""Linear minimisation oracles over norm balls, and the methods that step along them. (Not PyPI's `lmo`, L-moments.)

Everything is imported at its first use, so `import lmo` takes milliseconds; torch comes with the first ball.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lmo.method import Method as Method
    from lmo.method import Move as Move
    from lmo.method import State as State
    from lmo.oracles.base import OracleError as OracleError
    from lmo.oracles.base import measure as measure
    from lmo.randomness import Draw as Draw

_HOME = {
    "Draw": "lmo.randomness",
    "Method": "lmo.method",
    "Move": "lmo.method",
    "OracleError": "lmo.oracles.base",
    "State": "lmo.method",
    "measure": "lmo.oracles.base",
}
_MODULES = ("balls", "elements", "momentum", "optim", "oracles", "polynomials", "step_rules", "testing")
__all__ = sorted([*_HOME, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"lmo.{name}")
    raise AttributeError(f"module 'lmo' has no attribute {name!r}; it has {', '.join(__all__)}")
