"""What a study compares: settings, the arms that are tuned in each, and the lines of growing error that arms form."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from experiments.sweeps import catalogue
from experiments.sweeps.specification import Sweep

ERRORS = ("random", "shrink", "inflate", "mixed", "worst")  # the controlled ones, in the order of the map
STEP_SPACING, ALPHA_SPACING = 2**0.25, 1.2  # ratio of neighbouring points at the end of a search with noise
DRAWING = ("random", "worst", "low-rank")  # oracles whose answer depends on the seed, if only by its start
LARGE = 2**15  # entries of a matrix from which its SVD costs more than a step
EXACT_SPACING = 2 ** (1 / 32)  # the same where nothing is random: one run a point


@dataclass(frozen=True)
class Setting:
    """Everything but the oracle: a problem in a ball, σ of added noise, the momentum, the number of steps."""

    problem: str
    ball: str
    noise: float = 0.0
    momentum: str = "none"
    steps: int = 400

    @property
    def tunes_alpha(self) -> bool:
        """Whether alpha is searched beside the step size."""
        return catalogue.MOMENTA[self.momentum].needs_alpha

    @property
    def noisy(self) -> bool:
        """Whether gradients are random."""
        return self.noise > 0 or catalogue.problem_called(self.problem).noise_std is not None

    @property
    def cheap(self) -> bool:
        """Whether a run-step costs about a microsecond: vectors."""
        return catalogue.problem_called(self.problem).core_ndim == 1

    @property
    def label(self) -> str:
        """Short, for tables and figures."""
        ball = {"l-inf": "ℓ∞", "l2": "ℓ2"}.get(self.ball, self.ball)
        sigma = f", σ = {self.noise:.2g}" if self.noise else ", batches" if self.noisy else ", no noise"
        momentum = f", {self.momentum}" if self.momentum != "none" else ""
        return f"{ball}, {self.problem}{sigma}{momentum}, K = {self.steps}"

    @property
    def record_every(self) -> int:
        """Every step where a norm is cheap; else every third (`experiments.sweeps.records`)."""
        problem = catalogue.problem_called(self.problem)
        large = problem.core_ndim == 2 and math.prod(problem.shape) > LARGE
        return 1 if self.cheap or not (self.noisy or large) else 3


@dataclass(frozen=True)
class Arm:
    """One oracle in one setting: what a best step size and a best alpha are searched for."""

    setting: Setting
    oracle: str
    delta: float = 0.0

    @property
    def random(self) -> bool:
        """Whether runs of two seeds differ."""
        drawing = self.oracle.partition(":")[0] in DRAWING or catalogue.own_oracle(self.oracle)  # the user's may
        return self.setting.noisy or drawing

    @property
    def label(self) -> str:
        """`mixed 0.4`, `jordan:5`."""
        return f"{self.oracle} {self.delta:g}" if catalogue.takes_delta(self.oracle) else self.oracle


@dataclass(frozen=True)
class Line:
    """Arms of growing error, the exact one first: what a shift is measured along."""

    error: str
    arms: tuple[Arm, ...]

    @property
    def setting(self) -> Setting:
        """That of all its arms."""
        return self.arms[0].setting

    @property
    def axis(self) -> tuple[str, tuple[float, ...]]:
        """What grows along it, and its values; NaN where an oracle has no declared δ."""
        return "1+δ", (1.0, *(1 + arm.delta if arm.delta > 0 else math.nan for arm in self.arms[1:]))


@dataclass(frozen=True)
class Scaling:
    """One oracle in settings that differ in K alone, or in σ alone: its exponents are measured, nothing is judged."""

    arms: tuple[Arm, ...]

    @property
    def setting(self) -> Setting:
        """The first one."""
        return self.arms[0].setting

    @property
    def error(self) -> str:
        """That of all its arms."""
        return self.arms[0].label

    @property
    def axis(self) -> tuple[str, tuple[float, ...]]:
        """K or σ, and its values."""
        settings = [arm.setting for arm in self.arms]
        if len({replace(setting, steps=1) for setting in settings}) == 1:
            return "K", tuple(float(setting.steps) for setting in settings)
        return "σ", tuple(setting.noise for setting in settings)


@dataclass(frozen=True)
class Form:
    """A declared study: its lines, the seeds of the pilot and of the measurement, how far a measurement reaches.

    seeds: those of vectors; matrices have one in `matrix_share` of them. reach: points on each side of the best one in
    the final grid. resamples: of the bootstrap. level: of all intervals together. most_run_steps: refused above.
    intervals: how many hold together; 0: its own. scalings: beside the lines, for exponents in K and σ. question:
    what it asks.
    """

    name: str
    lines: tuple[Line, ...]
    pilot_seeds: int
    seeds: int
    reach: int = 3
    resamples: int = 4000
    level: float = 0.95
    most_run_steps: float = 3e8
    intervals: int = 0
    scalings: tuple[Scaling, ...] = ()
    question: str = "How do the best step size, the best alpha and the value move with the oracle's error?"
    matrix_share: int = 4
    settings: tuple[Setting, ...] = field(init=False)
    arms: tuple[Arm, ...] = field(init=False)

    def __post_init__(self) -> None:
        arms = [arm for line in self.lines for arm in line.arms]
        arms += [one for scaling in self.scalings for arm in scaling.arms for one in (Arm(arm.setting, "exact"), arm)]
        object.__setattr__(self, "settings", tuple(dict.fromkeys(arm.setting for arm in arms)))
        object.__setattr__(self, "arms", tuple(dict.fromkeys(arms)))

    @property
    def family(self) -> int:
        """How many intervals hold together: all that are judged, drawn or printed in a table.

        Of a line the shifts (of step size, value and, where it is tuned, alpha and beta) and the regret, of a line with
        a declared δ and of a scaling the exponents. Not those of single arms, which `coupling.json` alone has.
        """
        shifts = sum(4 if line.setting.tunes_alpha else 2 for line in self.lines)
        every: tuple[Line | Scaling, ...] = (*self.lines, *self.scalings)
        along = [one for one in every if all(map(math.isfinite, one.axis[1]))]
        exponents = sum(3 if one.setting.tunes_alpha else 2 for one in along)
        return self.intervals or shifts + len(self.lines) + exponents

    def only(self, text: str) -> Form:
        """The lines of the settings whose label has `text`; their intervals are as wide as in the whole form."""
        lines = tuple(line for line in self.lines if text in line.setting.label)
        if not lines:
            labels = "; ".join(dict.fromkeys(line.setting.label for line in self.lines))
            raise ValueError(f"no setting of the {self.name} form has {text!r} in its label; they are {labels}")
        return replace(self, lines=lines, scalings=(), intervals=self.family)

    def of(self, setting: Setting) -> tuple[Arm, ...]:
        """The arms of one setting, the exact one first."""
        return tuple(arm for arm in self.arms if arm.setting == setting)

    def seeds_of(self, arm: Arm) -> tuple[int, ...]:
        """Those of the measurement; no run of the pilot has one of them. One where nothing is random."""
        return tuple(range(1000, 1000 + self._share(self.seeds, arm))) if arm.random else (1000,)

    def pilot_seeds_of(self, arm: Arm) -> tuple[int, ...]:
        """Those of the pilot."""
        return tuple(range(self._share(self.pilot_seeds, arm))) if arm.random else (0,)

    def _share(self, seeds: int, arm: Arm) -> int:
        """A run-step of a matrix costs as much as many of a vector: a part of the seeds, but enough for a pilot."""
        return seeds if arm.setting.cheap or self.matrix_share == 1 else max(4, seeds // self.matrix_share)

    @property
    def run_steps(self) -> int:
        """What it takes, estimated with room for searches that have to go far; the run itself counts them."""
        return round(sum(self._run_steps(arm) for arm in self.arms))

    @property
    def work(self) -> float:
        """The same with every run-step counted as what it costs, those of vectors as 1."""
        return sum(self._run_steps(arm) * cost_of(arm.setting.problem) for arm in self.arms)

    def _run_steps(self, arm: Arm) -> float:
        axes = 2 if arm.setting.tunes_alpha else 1
        pilot, grid = (130 if arm.setting.cheap else 75, 1.3) if axes == 2 else (25 if arm.random else 60, 1.3)
        final = grid * (2 * self.reach + 1) ** axes + 6
        runs = pilot * len(self.pilot_seeds_of(arm)) + final * len(self.seeds_of(arm)) + 8
        return runs * arm.setting.steps


def cost_of(problem: str) -> float:
    """About how many run-steps of a vector one of this problem takes as long as: fifty for a matrix."""
    return 1.0 if catalogue.problem_called(problem).core_ndim == 1 else 50.0


def line(setting: Setting, error: str, levels: Iterable[float | str]) -> Line:
    """The line of an error: δ of a controlled one (numbers), or oracles by their spec (words)."""
    arms = [Arm(setting, "exact")]
    arms += [Arm(setting, level) if isinstance(level, str) else Arm(setting, error, level) for level in levels]
    return Line(error, tuple(arms))


def sweep_of(
    arm: Arm, deltas: Iterable[float], steps: Iterable[float], alphas: Iterable[float], seeds: Iterable[int],
    measure: tuple[str, ...] = (),
) -> Sweep:  # fmt: skip
    """The grid of runs of an arm, or of arms that differ in δ alone."""
    setting = arm.setting
    name = "".join(c if c.isalnum() else "-" for c in f"{setting.problem}-{setting.ball}-{arm.oracle}")
    return Sweep(
        setting.problem, setting.ball, arm.oracle, tuple(steps), setting.steps, delta=tuple(deltas),
        alpha=tuple(alphas), momentum=setting.momentum, noise=setting.noise, seeds=tuple(seeds),
        record_every=max(setting.record_every, setting.steps // 20 | 1) if measure else setting.record_every,
        measure=measure, name=name,
    )  # fmt: skip
