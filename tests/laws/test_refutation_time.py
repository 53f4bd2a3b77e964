"""`lmo refute` ends with its time: searching inside the budget, shrinking inside a further part of it."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

import bounds
from experiments.attacks import Attack
from experiments.attacks.problem_runs import ProblemRuns
from experiments.attacks.random_instances import RandomInstances
from experiments.refutation.deadline import NEVER, Deadline, OutOfTime
from experiments.refutation.minimise import minimise
from experiments.refutation.score import CONFIRM_RUNS, score
from experiments.refutation.search import Search, attacks_on, search, turns
from experiments.refutation.target import claimed, target

NEARLY = claimed("(1/c)*(Delta/(gamma*K)+L*gamma*b**2/2+q*rho*sigma*0.48)", "no-momentum")  # confirmed over and over


def test_a_deadline_counts_down() -> None:
    soon = Deadline.after(100.0)
    soon.check()
    assert 90 < soon.left <= 100 and soon.sooner(1e9).at == soon.at and soon.sooner(1.0).left <= 1
    assert NEVER.sooner(np.inf).left == np.inf
    with pytest.raises(OutOfTime):
        Deadline.after(-1.0).check()


def test_long_runs_stop_in_the_middle() -> None:
    aim, rng = target(bounds.theorems["ema"]), np.random.default_rng(0)
    proposed = RandomInstances().propose(aim, rng, 100_000, 4, [])
    begin = time.monotonic()
    with pytest.raises(OutOfTime):
        score(proposed, aim, 32, 0, end=Deadline.after(0.2))
    assert time.monotonic() - begin < 10


class Slow(Attack):
    """Takes its time, as an attack would that knows no deadline."""

    name, says, small = "slow", "nothing", False

    def attempt(self, target, rng, steps, end=NEVER):
        time.sleep(0.2)
        return {"runs": 1, "ratio": 0.5, "violates": False}


class Endless(Slow):
    def attempt(self, target, rng, steps, end=NEVER):
        while True:
            end.check()


def test_a_batch_that_would_not_end_in_time_is_not_begun() -> None:
    state = Search(target(bounds.theorems["ema"]), 0)
    state.attempt(Slow(), 200)
    assert state.runs == 1
    state.end = Deadline.after(2.0)
    assert state.affordable(Slow(), 200) and not state.affordable(Slow(), 20_000)
    state.attempt(Slow(), 20_000)
    assert state.runs == 1


def test_a_batch_takes_a_part_of_the_time_alone() -> None:
    state = Search(target(bounds.theorems["ema"]), 0, end=Deadline.after(2.0))
    state.attempt(Endless(), 60)
    assert 1.0 < state.end.left < 1.9 and state.runs == 0
    assert not state.affordable(Endless(), 60) and not state.affordable(Endless(), 200)
    assert state.affordable(Endless(), 20)


def test_long_numbers_of_steps_are_for_long_attacks() -> None:
    aim = target(bounds.theorems["ema"])
    attacks, seen = attacks_on(aim), {}
    source = turns(attacks, aim, 200.0)
    for _ in range(2000):
        attack, steps = next(source)
        seen.setdefault(attack.name, set()).add(steps)
    assert max(seen["adapted noise"]) == 100_000 and min(seen["adapted noise"]) == 1000
    assert max(max(steps) for name, steps in seen.items() if name != "adapted noise") == 1000


def test_confirmations_are_cut_to_the_time_and_dropped_where_they_would_say_nothing(monkeypatch) -> None:
    aim = target(bounds.theorems["no-momentum"])
    asked = []
    monkeypatch.setattr(Search, "confirm", lambda self, found, most=CONFIRM_RUNS: asked.append(most) or found)
    attack = next(a for a in attacks_on(aim) if a.name == "unlucky noise")
    Search(aim, 0).attempt(attack, 200)
    assert asked and set(asked) == {CONFIRM_RUNS}
    asked.clear()
    Search(aim, 0, longest_confirmation=1e-9).attempt(attack, 200)
    assert not asked


@pytest.mark.parametrize("theorem", [NEARLY, bounds.theorems["frank-wolfe"]], ids=lambda theorem: theorem.name)
def test_a_search_ends_with_its_time(theorem) -> None:
    begin = time.monotonic()
    search(target(theorem), 4.0, seed=1)
    assert time.monotonic() - begin < 6.0


def test_shrinking_ends_with_its_time_and_keeps_what_violates() -> None:
    wrong = replace(bounds.theorems["no-momentum"], claim=bounds.theorems["no-momentum"].claim * 0.3)
    state = search(target(wrong), 20.0, seed=2)
    assert state.violation is not None
    begin = time.monotonic()
    found = minimise(state, 1e-3)
    assert time.monotonic() - begin < 1.0 and bool(found.scored.violates()[0])


def test_few_seeds_confirm_a_problem_run_where_there_is_no_time_for_many() -> None:
    aim = target(replace(bounds.theorems["ema"], claim=0.01 * bounds.theorems["ema"].claim))
    rng, runs = np.random.default_rng(0), set()
    for _ in range(6):
        found = ProblemRuns().attempt(aim, rng, 5, Deadline.after(1e-3))
        runs |= {found["runs"]} if found is not None else set()
    assert runs == {8}
