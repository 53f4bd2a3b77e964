"""What a sweep computes: a grid, checked, and the hash of its content that keeps results apart."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.own_code import source_hash
from experiments.sweeps import axes
from experiments.sweeps.toml_file import made_from
from lmo.checks import check_integer
from lmo.names import unknown_name

FORMAT = 3  # of the content that is hashed: another number for code that computes other numbers from one specification
REQUIRED = ("problem", "ball", "oracle", "step_size", "steps")
MOMENTA = ("none", "ema", "ema-zero", "nesterov", "nesterov-zero", "heavy-ball", "storm")
MEASURES = ("epsilon", "eta", "delta", "spread")
DTYPES = ("float64", "float32")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Sweep:
    """A grid of runs: every combination of the axes that goes together.

    Each axis is a value or a list; `delta`, `step_size`, `alpha` and `noise` also a range, a table {from, to, count}.
    Build it from keywords, `of_table` (a dict) or `load` (a TOML file); anything wrong is refused.

    Args:
        name: of the folder of its results; not part of the content.
        problem, ball, oracle: specs of `experiments.sweeps.catalogue`; problems and oracles may be the user's own,
            `file.py:name` in the working directory (on every worker) or `module:name`.
        step_size: γ > 0. steps: K ≥ 1.
        delta: δ in [0, 1) of the controlled errors (`shrink`, `mixed`, …); other oracles run once, at δ = 0.
        alpha: weight of the new gradient in (0, 1]; a method without momentum runs once, at α = 1.
        momentum: one of `MOMENTA`. noise: σ ≥ 0 of Gaussian noise with E‖ξ‖₂² = σ²; 0 adds none.
        seeds: a count n (0 … n − 1) or a list; runs with one seed see the same noise.
        record_every: gradient norms and measured errors are taken at steps at most so far apart, closer at the start
            (`experiments.sweeps.records`; for matrices an SVD each); None: every step on vectors, 10 on matrices.
        measure: errors of the oracle's answers to take too, of `MEASURES` (one to several SVDs each; spread,
            what is left of delta after the best rescaling: about a hundred).
        dtype: "float64" or "float32", that of the iterates.
        chunk_runs: runs in one batch; None: sized to the cache (`experiments.sweeps.plan`). Matrix products round by
            the size of their batch, so results of oracles made of products agree between sizes only to rounding of
            the oracle's dtype.

    Raises:
        TypeError, ValueError: what is wrong, what is allowed, and the nearest name.
    """

    problem: Any
    ball: Any
    oracle: Any
    step_size: Any
    steps: Any
    delta: Any = 0.0
    alpha: Any = 1.0
    momentum: Any = "none"
    noise: Any = 0.0
    seeds: Any = 1
    record_every: int | None = None
    measure: Any = ()
    dtype: str = "float64"
    chunk_runs: int | None = None
    name: str = "sweep"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not NAME.fullmatch(self.name):
            raise ValueError(f"`name` must be letters, digits, - and _, as it names a folder; got {self.name!r}")
        if self.dtype not in DTYPES:
            raise unknown_name("dtype", self.dtype, DTYPES)
        if self.chunk_runs is not None:
            check_integer("chunk_runs", self.chunk_runs, at_least=1)
        if self.record_every is not None:
            check_integer("record_every", self.record_every, at_least=1)
        checked = {
            "problem": axes.words("problem", self.problem),
            "ball": axes.words("ball", self.ball),
            "oracle": axes.words("oracle", self.oracle),
            "step_size": axes.numbers("step_size", self.step_size, above=0.0),
            "steps": axes.integers("steps", self.steps, at_least=1),
            "delta": axes.numbers("delta", self.delta, at_least=0.0, below=1.0),
            "alpha": axes.numbers("alpha", self.alpha, above=0.0, at_most=1.0),
            "momentum": axes.words("momentum", self.momentum, MOMENTA),
            "noise": axes.numbers("noise", self.noise, at_least=0.0),
            "seeds": axes.seeds(self.seeds),
            "measure": axes.words("measure", self.measure, MEASURES) if self.measure else (),
        }
        for field, value in checked.items():
            object.__setattr__(self, field, value)

    @property
    def table(self) -> dict[str, Any]:
        """Everything as plain lists and numbers: `of_table` of it is this sweep again."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in fields.items()}

    def content_hash(self, device: str = "cpu", sources: dict[str, str] | None = None) -> str:
        """64 hexadecimal digits of what determines the results: all but the name, and the kind of device.

        sources: hashes of the user's own code; None: as it is now.
        """
        content = {key: value for key, value in self.table.items() if key != "name"}
        sources = self.sources() if sources is None else sources
        if sources:
            content["sources"] = sources
        text = json.dumps({"format": FORMAT, "device": device.split(":")[0], **content}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def check_sources(self, sources: dict[str, str]) -> None:
        """`ValueError` where the user's own code is not, or no longer, the one of these hashes."""
        if sources and self.sources() != sources:
            raise ValueError(
                f"the source of {', '.join(sources)} is not the one that this sweep began with: changed on the way, or "
                "another one on a worker. What is stored is of the code before"
            )

    def sources(self) -> dict[str, str]:
        """The hash of the source file of every problem and oracle of the user's own, by its spec."""
        from experiments.sweeps import catalogue  # loads torch, which reading a specification does not need

        own = [text for text in self.problem if catalogue.own_problem(text)]
        own += [text for text in self.oracle if catalogue.own_oracle(text)]
        return {text: source_hash(text) for text in own}


def of_table(table: dict[str, Any]) -> Sweep:
    """A sweep from the table of a TOML file; `ValueError` for an unknown or a missing key."""
    known = [field.name for field in dataclasses.fields(Sweep)]
    for key in table:
        if key not in known:
            raise unknown_name("key of a sweep", key, known)
    missing = [key for key in REQUIRED if key not in table]
    if missing:
        raise ValueError(f"a sweep needs {', '.join(f'`{key}`' for key in missing)}")
    return Sweep(**table)


def load(path: Path | str) -> Sweep:
    """The sweep in a TOML file, named after the file unless it has a `name`; errors say which file."""
    return made_from(path, of_table, "sweep")


def runs_at_most(sweep: Sweep) -> int:
    """The size of the full grid, before combinations that do not go together are left out."""
    fields = ("problem", "ball", "oracle", "step_size", "steps", "delta", "alpha", "momentum", "noise", "seeds")
    return math.prod(len(getattr(sweep, field)) for field in fields)
