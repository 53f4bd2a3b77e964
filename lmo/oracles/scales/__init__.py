"""Scales: how a matrix is divided so that its singular values lie in [0, 1]. One scale = one file."""

from lmo.oracles.scales.aol import AOL as AOL
from lmo.oracles.scales.base import Prepared as Prepared
from lmo.oracles.scales.base import Scale as Scale
from lmo.oracles.scales.frobenius import FrobeniusNorm as FrobeniusNorm
from lmo.oracles.scales.moments import MomentBound as MomentBound
from lmo.oracles.scales.schatten4 import Schatten4 as Schatten4
