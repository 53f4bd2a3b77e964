"""Problems with known constants: one problem = one file. `shipped()` finds them by walking this folder."""

from __future__ import annotations

import inspect
import sys

from experiments.problems.base import Known as Known
from experiments.problems.base import Problem as Problem
from lmo.discover import modules_of


def catalogue() -> list[type[Problem]]:
    """Every problem class that a file of this folder (or of `hard/`) defines."""
    from experiments.problems import hard

    found = []
    for package in (sys.modules[__name__], hard):
        for module in modules_of(package):
            for thing in vars(module).values():
                if isinstance(thing, type) and issubclass(thing, Problem) and thing.__module__ == module.__name__:
                    found.append(thing)
    return [problem for problem in found if not inspect.isabstract(problem)]


def shipped() -> list[Problem]:
    """The instances that `lmo verify` runs, in the order of the files."""
    return [problem for kind in catalogue() for problem in kind.shipped()]
