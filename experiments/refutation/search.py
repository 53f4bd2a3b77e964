"""The attack under a time budget: every attack at every number of steps in turn, the smallest first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from experiments.attacks import Attack, catalogue
from experiments.refutation.candidates import Candidates
from experiments.refutation.dress import dressed
from experiments.refutation.score import CONFIRM_RUNS, SEARCH_RUNS, Scored, score
from experiments.refutation.settle import settle
from experiments.refutation.simulate import MOST_PATHS, bits_needed
from experiments.refutation.target import Target
from experiments.verdict import TABLE_ERROR

LADDER = (1, 2, 3, 4, 6, 10, 20, 60, 200, 1000, 5000, 20_000)
_NUMBERS = 1_000_000  # of instances × runs × steps × coordinates in one batch
_POOL = 8
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
    """The state of an attack on one claim. `violation` is what refutes it, `best` the tightest instance."""

    target: Target
    seed: int
    violation: Found | None = None
    best: Found | None = None
    record: dict[str, Any] | None = None  # a violation by an attack of another kind
    pool: list[Found] = field(default_factory=list)
    efforts: dict[str, Effort] = field(default_factory=dict)
    by_steps: dict[int, float] = field(default_factory=dict)  # the largest ratio seen with so many steps
    confirmations: int = 0
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

    def attempt(self, attack: Attack, steps: int) -> None:
        """One batch of one attack."""
        try:
            record = attack.attempt(self.target, self.rng, steps)
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
        scored = score(instances, self.target, runs, int(self.rng.integers(2**31)))
        effort = self.efforts.setdefault(attack.name, Effort())
        paths = 2 ** bits_needed(instances, self.target.rules) if self.target.stochastic else runs
        effort.runs += instances.size * (paths if paths <= MOST_PATHS else runs)
        order = np.argsort(-scored.ratio)
        for i in order[:2]:
            self._consider(attack, instances.rows([int(i)]), scored, int(i), effort)

    def _consider(self, attack: Attack, one: Candidates, scored: Scored, i: int, effort: Effort) -> None:
        row = Scored(
            scored.measured[[i]],
            scored.uncertainty[[i]],
            scored.bound[[i]],
            scored.exact,
            np.ravel(scored.rounding)[[i]],
        )
        found = Found(attack.name, one, row, SEARCH_RUNS, 0)
        if not scored.exact and self._promising(found):
            found = self.confirm(found)
        elif not scored.exact:
            return
        self._saw(effort, one.steps, found.ratio)
        if self.best is None or found.ratio > self.best.ratio:
            self.best = found
        self._keep(found)
        if bool(found.scored.violates()[0]) and self.violation is None:
            self.violation = found

    def _promising(self, found: Found) -> bool:
        """Whether few runs look so good that many are spent: above the bound, or above the best so far."""
        return found.ratio > 1 or self.best is None or found.ratio > self.best.ratio

    def confirm(self, found: Found) -> Found:
        """The instance on fresh noise; all confirmations of a search together err with probability TABLE_ERROR."""
        self.confirmations += 1
        n, steps = self.confirmations, found.instance.steps
        seed = int(self.rng.integers(2**31))
        runs = int(np.clip(20_000_000 / steps, 2000, CONFIRM_RUNS))
        scored = score(found.instance, self.target, runs, seed, TABLE_ERROR / (n * (n + 1)))
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


def ladder(target: Target, seconds: float) -> Iterator[int]:
    """Numbers of steps, for ever; large ones as far as the time allows, and less often."""
    most = min(2000.0 if target.stochastic else 20_000.0, (60 if target.stochastic else 500) * seconds)
    usable = [k for k in LADDER if k <= max(most, 60)]
    turn = 0
    while True:
        for k in usable:
            if k <= 200 or turn % 3 == 0:
                yield k
        turn += 1


def search(target: Target, seconds: float, seed: int = 0, tick: Tick = lambda what, done: None) -> Search:
    """Attacks the claim until it is refuted or the time is over."""
    state, attacks = Search(target, seed), attacks_on(target)
    begin = time.monotonic()
    for steps in ladder(target, seconds):
        for attack in attacks:
            gone = (time.monotonic() - begin) / seconds
            if gone >= 1 or state.refuted:
                return state
            tick(f"{attack.name}, K = {steps}: {state.tightest:.4f} of the bound reached", gone)
            if attack.fits(steps):
                state.attempt(attack, steps)
    raise AssertionError("the ladder has no end")
