"""Norm balls: one ball = one file. `catalogue()` finds them by walking this folder."""

from __future__ import annotations

import sys

from lmo.balls.base import Distance as Distance
from lmo.balls.base import NormBall as NormBall
from lmo.balls.base import Parts as Parts
from lmo.balls.l1 import L1 as L1
from lmo.balls.l2 import L2 as L2
from lmo.balls.l2 import Frobenius as Frobenius
from lmo.balls.l_inf import LInf as LInf
from lmo.balls.lp import Lp as Lp
from lmo.balls.nuclear import Nuclear as Nuclear
from lmo.balls.product import Product as Product
from lmo.balls.rms import RmsToRms as RmsToRms
from lmo.balls.rows_columns import MaxColumn as MaxColumn
from lmo.balls.rows_columns import MaxRow as MaxRow
from lmo.balls.scaled import Scaled as Scaled
from lmo.balls.spectral import Spectral as Spectral
from lmo.discover import subclasses_in


def catalogue() -> dict[str, type[NormBall]]:
    """Every ball class by its name."""
    return subclasses_in(sys.modules[__name__], NormBall)
