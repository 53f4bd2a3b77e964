"""Oracles: how a direction is computed. `catalogue()` finds them by walking this folder."""

from __future__ import annotations

import sys

from lmo.discover import subclasses_in
from lmo.oracles.adaptive import Adaptive as Adaptive
from lmo.oracles.base import Oracle as Oracle
from lmo.oracles.base import OracleError as OracleError
from lmo.oracles.base import Promise as Promise
from lmo.oracles.base import measure as measure
from lmo.oracles.eigen import Eigen as Eigen
from lmo.oracles.errors import ErrorModel as ErrorModel
from lmo.oracles.errors import Inflate as Inflate
from lmo.oracles.errors import Mixed as Mixed
from lmo.oracles.errors import Random as Random
from lmo.oracles.errors import Shrink as Shrink
from lmo.oracles.errors import Worst as Worst
from lmo.oracles.exact import Exact as Exact
from lmo.oracles.gram import GramNewtonSchulz as GramNewtonSchulz
from lmo.oracles.lanczos import Lanczos as Lanczos
from lmo.oracles.low_rank import LowRank as LowRank
from lmo.oracles.low_rank import RandomisedSvd as RandomisedSvd
from lmo.oracles.moment_tuned import MomentTuned as MomentTuned
from lmo.oracles.newton_schulz import NewtonSchulz as NewtonSchulz
from lmo.oracles.per_layer import PerLayer as PerLayer
from lmo.oracles.per_run import PerRun as PerRun
from lmo.oracles.perturbed import Perturbed as Perturbed
from lmo.oracles.polar import Polar as Polar
from lmo.oracles.power_iteration import PowerIteration as PowerIteration
from lmo.oracles.products import fastest_dtype as fastest_dtype
from lmo.oracles.proof import Proof as Proof
from lmo.oracles.qdwh import QDWH as QDWH
from lmo.oracles.quantised import Quantised as Quantised
from lmo.oracles.rounded import Rounded as Rounded
from lmo.oracles.scripted import Scripted as Scripted
from lmo.oracles.stale import Stale as Stale
from lmo.oracles.torch_newton_schulz import TorchNewtonSchulz as TorchNewtonSchulz


def catalogue() -> dict[str, type[Oracle]]:
    """Every oracle class by its name."""
    return subclasses_in(sys.modules[__name__], Oracle)
