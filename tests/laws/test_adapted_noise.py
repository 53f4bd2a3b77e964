"""Noise that reads the momentum as an attack of `lmo refute`: long runs catch wrong floors, right theorems stand."""

from __future__ import annotations

import io
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from rich.console import Console

import bounds
from bounds.theorem import Theorem
from experiments.attacks.adapted_noise import AdaptedNoise
from experiments.refutation.adapted import Slopes, about, constants, gap, instance_of, measure, play
from experiments.refutation.case import Case, case_of_record, load, save
from experiments.refutation.deadline import Deadline, OutOfTime
from experiments.refutation.replay import replay
from experiments.refutation.show import show_case, show_replay
from experiments.refutation.simulate import Rules
from experiments.refutation.target import claimed, target

ABOUT = [name for name, theorem in bounds.theorems.items() if about(target(theorem))]
FLOOR = (  # S1 with α for √(α/(2 − α)) in its noise term
    "(1/c)*(Delta/(gamma*K)+L*gamma*b**2/2+q*(rho*sigma/(alpha*K)+L*gamma*b*(1-alpha)/alpha+rho*sigma*alpha))"
)
LOW_FLOOR = "(1/c)*(Delta/(gamma*K)+L*gamma*b**2/2+q*rho*sigma*0.45)"  # 0.5 is what one slope attains
WRONG = {
    "S1": (FLOOR, "ema"),
    "S1-0": (FLOOR, "ema-zero"),
    "S3": (FLOOR, "nesterov"),
    "S3-0": (FLOOR, "nesterov-zero"),
    "S2": (LOW_FLOOR, "no-momentum"),
    "S2, tuned": ("(1/c)*(b*sqrt(2*L*Delta/K)+q*rho*sigma*0.45)", "no-momentum"),
    "S2, in δ": ("(Delta/(gamma*K)+L*gamma*(1+delta)**2/2+0.9*rho*sigma)/(1-delta)", "no-momentum"),
    "S2 without ρ": ("(1/c)*(Delta/(gamma*K)+L*gamma*b**2/2+q*sigma)", "no-momentum"),
    "S2, no errors": ("Delta/(gamma*K)+L*gamma/2+0.9*rho*sigma", "no-momentum"),
}


def attacked(theorem: Theorem, steps: int, tries: int, seed: int = 5) -> dict:
    """What refutes the claim, or the tightest that was seen."""
    aim, rng, attack = target(theorem), np.random.default_rng(seed), AdaptedNoise()
    best: dict = {"ratio": 0.0, "violates": False}
    for _ in range(tries):
        found = attack.attempt(aim, rng, steps)
        if found is not None and (found["violates"] or found["ratio"] > best["ratio"]):
            best = found
        if best["violates"]:
            break
    return best


def test_it_is_about_averages_of_stochastic_runs_with_fixed_steps() -> None:
    assert ABOUT == ["ema", "ema-zero", "no-momentum", "nesterov", "nesterov-zero"]


@pytest.mark.parametrize("name", ABOUT)
def test_no_right_theorem_falls_to_it(name: str) -> None:
    for seed in range(6):
        found = attacked(bounds.theorems[name], 1000, tries=4, seed=seed)
        assert not found["violates"] and 0.3 < found["ratio"] <= 1


@pytest.mark.parametrize("about_what", WRONG)
def test_a_wrong_floor_is_refuted(about_what: str) -> None:
    found = attacked(claimed(*WRONG[about_what]), 5000, tries=12)
    assert found["violates"]


@pytest.fixture(scope="module")
def case() -> Case:
    found = attacked(claimed(*WRONG["S1"]), 5000, tries=12)
    return case_of_record(found | {"attack": AdaptedNoise.name}, target(claimed(*WRONG["S1"])))


def test_its_case_is_found_again_from_a_file(case: Case, tmp_path) -> None:
    again = load(save(case, tmp_path / "case.json"))
    seen = replay(again)
    assert seen.violates and (seen.measured, seen.bound) == (case.measured, pytest.approx(case.bound))
    text = io.StringIO()
    show_case(again, Console(file=text))
    show_replay(again, seen, Console(file=text))
    assert "reads the momentum" in text.getvalue() and "it violates the bound" in text.getvalue()


def test_it_holds_for_fresh_seeds_and_not_without_noise(case: Case) -> None:
    assert replay(replace(case, seed=case.seed + 1)).violates
    assert not replay(replace(case, instance=case.instance | {"noise_std": 1e-6})).violates


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"noise_std": 0.0}, "noise_std"),
        ({"slope": -1.0}, "slope"),
        ({"alpha": 1.5}, "alpha <= 1"),
        ({"low": 2.0, "high": 1.0}, "uphill"),
        ({"start": float("nan")}, "not finite"),
        ({"start": "far"}, "far"),
        ({"copies": 2.5}, "copies"),
        ({"steps": 2.5}, "whole numbers"),
        ({"steps": 0}, "whole numbers"),
    ],
)
def test_a_damaged_case_is_refused(case: Case, change: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replay(replace(case, instance=case.instance | change))


def test_a_case_without_its_slope_or_with_errors_that_the_claim_lacks_is_refused(case: Case) -> None:
    with pytest.raises(ValueError, match="damaged"):
        replay(replace(case, instance={n: v for n, v in case.instance.items() if n != "slope"}))
    with pytest.raises(ValueError, match="no error in it"):
        replay(replace(case, claim=case.claim | {"errors": "none"}, instance=case.instance | {"high": 1.5}))


def tensor(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def slopes(**given: float) -> Slopes:
    values = {"curvature": 1.0, "slope": 0.2, "start": 0.5, "noise_std": 1.0, "low": 0.8, "high": 1.3}
    values |= {"step_size": 0.03, "alpha": 0.2, "copies": 1.0} | given
    return Slopes(**{name: np.array([value]) for name, value in values.items()})


METHODS = [("none", "first gradient")] + [(m, s) for m in ("ema", "nesterov") for s in ("first gradient", "zero")]


@pytest.mark.parametrize(("momentum", "start"), METHODS)
def test_a_run_is_a_loop_over_the_library_and_its_noise_is_fair(momentum: str, start: str, monkeypatch) -> None:
    """`lmo.momentum` fed with the gradients that the law drew: the same run; E ξ = 0, E ξ² ≤ σ² at each step."""
    from experiments.refutation import adapted
    from lmo.momentum import Ema, Nesterov, NoMomentum

    laws = []

    def noted(mean, spread):
        laws.append((mean, spread, greedy(mean, spread)))
        return laws[-1][2]

    greedy = adapted.greedy
    monkeypatch.setattr(adapted, "greedy", noted)
    one, steps = slopes(), 40
    measured = play(one, Rules(momentum, start, "fixed", "mean"), steps, 3, seed=4)
    luck = np.random.default_rng([4, 20260801]).random((steps, 1, 3))
    method = {"none": NoMomentum, "ema": Ema, "nesterov": Nesterov}[momentum]
    method = method() if momentum == "none" else method(start)
    for run in range(3):
        x, buffer, total = 0.5, None, 0.0
        for k in range(steps):
            gradient = float(np.clip(x, -0.2, 0.2))
            total += abs(gradient) / steps
            if k == steps - 1:
                break
            down = -1 if gradient < 0 else 1
            _, quiet = method.step(buffer, tensor(gradient), 0.2, 0)
            _, loud = method.step(buffer, tensor(gradient + 1), 0.2, 0)
            weight, mean, spread = float(loud - quiet), down * float(quiet), float(np.ravel(laws[k][1])[-1])
            assert spread == pytest.approx(weight) and float(laws[k][0][0, run]) == pytest.approx(mean, abs=1e-12)
            law = [float(values[0, run]) for values in np.broadcast_arrays(*laws[k][2])]
            chance, high, low = law
            assert mean <= 0 or chance * high + (1 - chance) * low == pytest.approx(mean)
            assert chance * (high - mean) ** 2 + (1 - chance) * (low - mean) ** 2 <= weight**2 * (1 + 1e-9)
            fed = high if mean <= 0 or luck[k, 0, run] < chance else low
            buffer, answered = method.step(buffer, tensor(gradient + down * (fed - mean) / weight), 0.2, 0)
            assert down * float(answered) == pytest.approx(fed, abs=1e-9)
            x -= 0.03 * down * (-1.3 if fed < 0 else 0.8)
        assert measured[0, run] == pytest.approx(total)


def test_delta_and_l_are_those_of_the_function() -> None:
    for start in (0.1, 0.2, 0.5):
        one = slopes(start=start)
        fine = np.linspace(0, start, 100_001)
        assert gap(one)[0] == pytest.approx(np.trapezoid(np.clip(fine, -0.2, 0.2), fine), rel=1e-6)
    known = constants(slopes(), target(bounds.theorems["ema"]), 7)
    assert (known["epsilon"][0], known["eta"][0], known["steps"][0]) == (pytest.approx(0.2), pytest.approx(0.3), 7)
    assert constants(slopes(), target(claimed("L*gamma*(1+delta)", "no-momentum")), 7)["delta"][0] == pytest.approx(0.3)


def test_copies_are_one_coordinate_in_other_units() -> None:
    one, four = (slopes(copies=n) for n in (1.0, 4.0))
    aim = target(bounds.theorems["ema"])
    alone, together = (measure(instance_of(s, 0, 50), aim, 8, 3) for s in (one, four))
    assert together["measured"] == pytest.approx(4 * alone["measured"])
    assert together["bound"] == pytest.approx(4 * alone["bound"])
    assert (together["constants"]["norm_ratio"], together["constants"]["noise_std"]) == (2.0, 2.0)


def test_the_gradient_hovers_at_0_7_of_the_root_of_alpha() -> None:
    far = slopes(slope=1.0, start=0.07, low=1.0, high=1.0, step_size=1e-5, alpha=0.01)
    level = play(far, Rules("ema", "first gradient", "fixed", "mean"), 4000, 64, 0).mean() / 0.1
    assert 0.6 < level < 0.8


def test_a_run_stops_when_the_time_is_over() -> None:
    aim = target(bounds.theorems["ema"])
    with pytest.raises(OutOfTime):
        measure(instance_of(slopes(), 0, 10_000), aim, 10, 0, Deadline.after(-1.0))
    begin = time.monotonic()
    with pytest.raises(OutOfTime):
        AdaptedNoise().attempt(aim, np.random.default_rng(0), 1_000_000, Deadline.after(0.3))
    assert time.monotonic() - begin < 5
