"""What the law files share: everything that is found by walking, and random elements to feed it."""

from __future__ import annotations

import dataclasses
import inspect

import torch

import lmo.momentum
from lmo.balls import catalogue as ball_classes
from lmo.elements import Element
from lmo.oracles import catalogue as oracle_classes

BALLS = [(ball, shape) for kind in ball_classes().values() for ball, shape in kind.examples()]
ORACLES = [(oracle, shape) for kind in oracle_classes().values() for oracle, shape in kind.examples()]
MOMENTUM_CLASSES = [
    kind
    for kind in vars(lmo.momentum).values()
    if inspect.isclass(kind) and issubclass(kind, lmo.momentum.Momentum) and not inspect.isabstract(kind)
]
MOMENTA = [  # those of one gradient a step; the others have tests of their own (test_storm.py)
    kind(**({"start": start} if start else {}))
    for kind in MOMENTUM_CLASSES
    if not kind.needs_before
    for start in (lmo.momentum.STARTS if "start" in {f.name for f in dataclasses.fields(kind)} else [None])
]


def name_of(thing: object) -> str:
    """An id for pytest: balls, oracles and momenta by their fields, tuples of numbers as they are."""
    return str(thing).replace("core_ndim=", "")


def elements(shape: tuple, seed: int, *batch: int) -> Element:
    """Standard normal elements (*batch, *shape) in float64; a tuple of layers where `shape` is a tuple of shapes."""
    source = torch.Generator().manual_seed(seed)
    layered = isinstance(shape[0], tuple)
    layers = [torch.randn(*batch, *s, generator=source, dtype=torch.float64) for s in (shape if layered else (shape,))]
    return tuple(layers) if layered else layers[0]
