"""Controlled errors of exact size δ: one model = one file. `catalogue()` finds them by walking this folder."""

from __future__ import annotations

import sys

from lmo.discover import subclasses_in
from lmo.oracles.errors.base import ErrorModel as ErrorModel
from lmo.oracles.errors.mixed import Mixed as Mixed
from lmo.oracles.errors.random import Random as Random
from lmo.oracles.errors.uniform import Inflate as Inflate
from lmo.oracles.errors.uniform import Shrink as Shrink
from lmo.oracles.errors.worst import Worst as Worst


def catalogue() -> dict[str, type[ErrorModel]]:
    """Every error model by its name."""
    return subclasses_in(sys.modules[__name__], ErrorModel)
