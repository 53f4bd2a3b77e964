"""The attack under a time budget: every attack at every number of steps in turn, the smallest first."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from experiments.attacks import Attack, catalogue
from experiments.refutation.candidates import Candidates
from experiments.refutation.deadline import NEVER, Deadline, OutOfTime
from experiments.refutation.dress import dressed
from experiments.refutation.score import CONFIRM_RUNS, SEARCH_RUNS, Scored, score
from experiments.refutation.settle import settle
from experiments.refutation.simulate import MOST_PATHS, bits_needed
from experiments.refutation.target import Target
from experiments.verdict import TABLE_ERROR

LADDER = (1, 2, 3, 4, 6, 10, 20, 60, 200, 1000, 5000, 20_000, 100_000)
_MOST_STEPS, _MOST_STEPS_DRAWN = 20_000, 2000  # of attacks that are not for long runs; under noise
_NUMBERS = 1_000_000  # of instances × runs × steps × coordinates in one batch
_POOL = 8
_BATCH, _CONFIRMATION = 0.25, 0.05  # of the time that is left: the longest batch; of all: the longest confirmation
_ABOVE = 5.0  # … of what seems to violate the claim: so many times that
_STEPS_A_SECOND, _CHEAP_STEPS = 1000, 200  # of runs that are for many; up to so many cost about the same
_OFTEN, _LONG_BATCHES = 200, 3  # steps of every turn; batches in which an attack for long runs finds its way
_FEWEST_RUNS = 200  # fewer confirm nothing
Tick = Callable[[str, float], None]  # (what is being done, fraction of the time that is gone)


@dataclass(frozen=True)
class Found:
    """One instance and how it scored."""

    attack: str
    instance: Candidates  # one row
    scored: Scored
    runs: int
    seed: int

    @property
    def ratio(self) -> float:
        """measured / bound."""
        return float(self.scored.ratio[0])


@dataclass
class Effort:
    """What one attack did: runs, and the largest ratio that it saw."""

    runs: int = 0
    ratio: float = 0.0


@dataclass
class Search:
    """The state of an attack on one claim. `violation` is what refutes it, `best` the tightest instance.

    end: when it stops, whatever is being done. longest_confirmation: in seconds.
    """

    target: Target
    seed: int
    violation: Found | None = None
    best: Found | None = None
    record: dict[str, Any] | None = None  # a violation by an attack of another kind
    pool: list[Found] = field(default_factory=list)
    efforts: dict[str, Effort] = field(default_factory=dict)
    by_steps: dict[int, float] = field(default_factory=dict)  # the largest ratio seen with so many steps
    confirmations: int = 0
    end: Deadline = NEVER
    longest_confirmation: float = math.inf
    took: dict[str, tuple[int, float]] = field(default_factory=dict)  # steps and seconds of every attack's last batch
    too_long: dict[str, int] = field(default_factory=dict)  # steps at which a batch did not come to its end
    rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng([self.seed, 20260725])

    @property
    def runs(self) -> int:
        """All runs of all attacks."""
        return sum(effort.runs for effort in self.efforts.values())

    @property
    def tightest(self) -> float:
        """The largest ratio of all."""
        return max((effort.ratio for effort in self.efforts.values()), default=0.0)

    @property
    def refuted(self) -> bool:
        """Whether anything violates the claim."""
        return self.violation is not None or self.record is not None

    def _saw(self, effort: Effort, steps: int, ratio: float) -> None:
        effort.ratio = max(effort.ratio, ratio)
        self.by_steps[steps] = max(self.by_steps.get(steps, 0.0), ratio)

    def affordable(self, attack: Attack, steps: int) -> bool:
        """Whether a batch is likely to end in time: it takes as long as the last one, or in proportion to the steps."""
        before, seconds = self.took.get(attack.name, (steps, 0.0))
        likely = seconds * max(1.0, steps / max(before, _CHEAP_STEPS))
        return steps < self.too_long.get(attack.name, steps + 1) and likely < self.end.left

    def attempt(self, attack: Attack, steps: int) -> None:
        """One batch of one attack, if there is time for it."""
        if not self.affordable(attack, steps):
            return
        begin = time.monotonic()
        try:
            self._attempt(attack, steps, self.end.sooner(_BATCH * self.end.left))
        except OutOfTime:
            self.too_long[attack.name] = steps
        self.took[attack.name] = steps, time.monotonic() - begin

    def _attempt(self, attack: Attack, steps: int, end: Deadline) -> None:
        try:
            record = attack.attempt(self.target, self.rng, steps, end)
        except ValueError:  # parameters at which the claim or a run is no number
            record = None
        if record is not None:
            effort = self.efforts.setdefault(attack.name, Effort())
            effort.runs += record["runs"]
            if record["violates"] or record["ratio"] <= 1:  # else: above it, but within the noise of its seeds
                self._saw(effort, steps, record["ratio"])
            self.record = record | {"attack": attack.name} if record["violates"] else self.record
            return
        runs = SEARCH_RUNS if self.target.stochastic else 1
        size = int(np.clip(_NUMBERS / (steps * runs * 2), 6, 128 if self.target.stochastic else 256))
        pool = [found.instance for found in self.pool]
        try:
            proposed = attack.propose(self.target, self.rng, steps, size, pool)
            if proposed is None:
                return
            instances = settle(dressed(proposed, self.target, self.rng), self.target, self.rng)
        except ValueError:  # a tuning that is no number there
            return
        begin = time.monotonic()
        scored = score(instances, self.target, runs, int(self.rng.integers(2**31)), end=end)
        per_run = (time.monotonic() - begin) / (instances.size * runs)  # more than that of a larger batch
        effort = self.efforts.setdefault(attack.name, Effort())
        paths = 2 ** bits_needed(instances, self.target.rules) if self.target.stochastic else runs
        effort.runs += instances.size * (paths if paths <= MOST_PATHS else runs)
        order = np.argsort(-scored.ratio)
        for i in order[:2]:
            self._consider(attack, instances.rows([int(i)]), scored.row(int(i)), effort, per_run)

    def _consider(self, attack: Attack, one: Candidates, scored: Scored, effort: Effort, per_run: float) -> None:
        found = Found(attack.name, one, scored, SEARCH_RUNS, 0)
        if not scored.exact:
            longest = self.longest_confirmation * (_ABOVE if found.ratio > 1 else 1.0)
            most = min(longest, 0.8 * self.end.left) / per_run
            if most < _FEWEST_RUNS or not self._promising(found):
                return
            found = self.confirm(found, int(min(most, CONFIRM_RUNS)))
        self._saw(effort, one.steps, found.ratio)
        if self.best is None or found.ratio > self.best.ratio:
            self.best = found
        self._keep(found)
        if bool(found.scored.violates()[0]) and self.violation is None:
            self.violation = found

    def _promising(self, found: Found) -> bool:
        """Whether few runs look so good that many are spent: above the bound, or above the best so far."""
        return found.ratio > 1 or self.best is None or found.ratio > self.best.ratio

    def confirm(self, found: Found, most: int = CONFIRM_RUNS) -> Found:
        """The instance on fresh noise, in `most` runs or less; `OutOfTime` where that does not end in time.

        All confirmations of a search together err with probability TABLE_ERROR.
        """
        self.confirmations += 1
        n, steps = self.confirmations, found.instance.steps
        seed = int(self.rng.integers(2**31))
        runs = min(int(np.clip(20_000_000 / steps, 2000, CONFIRM_RUNS)), most)
        scored = score(found.instance, self.target, runs, seed, TABLE_ERROR / (n * (n + 1)), self.end)
        return Found(found.attack, found.instance, scored, runs, seed)

    def _keep(self, found: Found) -> None:
        """The pool: the best of each size first, so that evolution sees small instances and large ones."""
        same = [f for f in self.pool if (f.attack, f.instance.steps) == (found.attack, found.instance.steps)]
        if any(f.ratio >= found.ratio for f in same):
            return
        self.pool = [f for f in self.pool if f not in same] + [found]
        self.pool.sort(key=lambda f: -f.ratio)
        del self.pool[_POOL:]


def attacks_on(target: Target) -> list[Attack]:
    """The attacks that have instances for this claim."""
    usable = [attack for attack in catalogue() if target.balls or not attack.small]
    return [attack for attack in usable if attack.applies(target)]


def _most_steps(target: Target, seconds: float) -> float:
    """Of attacks that are not for long runs."""
    most, each_second = (_MOST_STEPS_DRAWN, 60) if target.stochastic else (_MOST_STEPS, 500)
    return max(min(most, each_second * seconds), 60)


def turns(attacks: list[Attack], target: Target, seconds: float) -> Iterator[tuple[Attack, int]]:
    """Attacks and numbers of steps, for ever; large ones as far as the time allows, and less often."""
    most = _most_steps(target, seconds)
    usable = [k for k in LADDER if k <= max(most, _STEPS_A_SECOND * seconds)]
    turn = 0
    while True:
        for k in usable:
            rare = k > _OFTEN and turn % 3 > 0
            for attack in attacks:
                if attack.long and attack.fits(k) and (k < LADDER[-1] or not rare):
                    yield from [(attack, k)] * _LONG_BATCHES
                elif not attack.long and attack.fits(k) and k <= most and not rare:
                    yield attack, k
        turn += 1


def search(target: Target, seconds: float, seed: int = 0, tick: Tick = lambda what, done: None) -> Search:
    """Attacks the claim until it is refuted or the time is over."""
    begin = time.monotonic()
    state = Search(target, seed, end=Deadline(begin + seconds), longest_confirmation=_CONFIRMATION * seconds)
    for attack, steps in turns(attacks_on(target), target, seconds):
        gone = (time.monotonic() - begin) / seconds
        if gone >= 1 or state.refuted:
            return state
        tick(f"{attack.name}, K = {steps}: {state.tightest:.4f} of the bound reached", gone)
        state.attempt(attack, steps)
    raise AssertionError("the turns have no end")
