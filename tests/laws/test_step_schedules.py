"""Step-size schedules: their two numbers, the momentum error under them, runs of them, and wrong constants caught."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given
from hypothesis import strategies as st

import bounds
from bounds import certificate, evaluate
from bounds.chain import BrokenChain, Telescope
from bounds.check import check_chain, check_memory
from bounds.inequalities import size, smoothness
from bounds.memory import (
    AveragingMemory,
    Memory,
    NesterovMemory,
    Part,
    ScheduledMemory,
    finite_sums,
    nesterov_zero_start,
    zero_start,
)
from bounds.scheduled_chain import ScheduledTelescope, averaged, gamma_k
from bounds.schedules import FALLING, SCHEDULES, peak, shape_constants, variation
from bounds.symbols import L, X, alpha, b, gamma, lam, nu
from bounds.symbols import peak as peak_symbol
from bounds.theorem import Theorem
from experiments.problems.diagonal_quadratic import DiagonalQuadratic
from experiments.run import run
from lmo.balls import LInf
from lmo.method import Method
from lmo.oracles import Exact

MEMORIES = {
    ("ema", "first gradient"): AveragingMemory(),
    ("ema", "zero"): AveragingMemory(start="zero"),
    ("nesterov", "first gradient"): NesterovMemory(),
    ("nesterov", "zero"): NesterovMemory(start="zero"),
}
ONES = {"noise_std": 1.0, "norm_ratio": 1.0, "smoothness": 1.0, "step_size": 1.0, "eta": 0.0}
sizes_of = st.lists(st.floats(0, 1), min_size=1, max_size=40).filter(lambda s: sum(s) > 1e-3)


@pytest.mark.parametrize(
    ("name", "limit", "top"), [("constant", 1, 1), ("linear", Fraction(4, 3), 2), ("cosine", Fraction(3, 2), 2)]
)
def test_the_numbers_of_a_schedule(name: str, limit: Fraction, top: int) -> None:
    sizes = SCHEDULES[name](20_000)
    assert float(variation(sizes)) == pytest.approx(float(limit), rel=2e-4)
    assert float(peak(sizes)) == pytest.approx(top, rel=2e-4)
    assert name in FALLING and (np.diff(sizes) <= 0).all()


def test_linear_steps_in_exact_rationals() -> None:
    """avg γ_k²/γ² = 2(2K + 1)/(3(K + 1)), and the largest is 2K/(K + 1) of the mean."""
    for steps in (1, 2, 7, 400):
        sizes = [Fraction(steps - k, steps) for k in range(steps)]
        mean = sum(sizes) / steps
        exact = sum(s * s for s in sizes) / steps / mean**2
        assert exact == Fraction(2 * (2 * steps + 1), 3 * (steps + 1)) and sizes[0] / mean == Fraction(
            2 * steps, steps + 1
        )
        found = shape_constants(SCHEDULES["linear"](steps))
        assert found["variation"] == pytest.approx(float(exact)) and found["peak"] == pytest.approx(
            float(sizes[0] / mean)
        )


def test_torchs_schedulers_are_these() -> None:
    for name, scheduler in (
        ("cosine", lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 50)),
        ("linear", lambda o: torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.0, 50)),
    ):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        decays, sizes = scheduler(optimizer), []
        for _ in range(50):
            sizes.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            decays.step()
        np.testing.assert_allclose(SCHEDULES[name](50), sizes, atol=1e-9)


@pytest.mark.parametrize("bad", [[], [-1.0, 2.0], [0.0, 0.0], [float("nan"), 1.0], [[1.0], [2.0]]], ids=str)
def test_what_is_no_schedule(bad) -> None:
    with pytest.raises(ValueError, match="a schedule must be a list of finite numbers >= 0 that are not all 0"):
        shape_constants(bad)


@pytest.mark.parametrize("which", MEMORIES, ids=" from ".join)
@given(sizes=sizes_of, α=st.floats(0.01, 1.0))
def test_the_parts_bound_the_weighted_sums_under_any_schedule(which, sizes: list[float], α: float) -> None:
    shape = shape_constants(sizes)
    parts = dict(ScheduledMemory(of=MEMORIES[which]).parts())
    at = ONES | shape | {"alpha": α, "steps": len(sizes)}
    for name, exact in finite_sums(*which, α, len(sizes), np.array(sizes)).items():
        assert float(evaluate.value(parts[name], at)) >= exact * (1 - 1e-9)


@pytest.mark.parametrize("name", SCHEDULES)
def test_weighted_sums_by_unrolling_the_recursion(name: str) -> None:
    """The start, and the drift of gradients that rise by γ_k: by running the EMA itself on them."""
    sizes, α = SCHEDULES[name](60), 0.2
    gradients = np.concatenate([[0.0], np.cumsum(sizes)[:-1]]) / sizes.mean()
    m, drift, start = gradients[0], 0.0, 0.0
    for k, now in enumerate(gradients):
        m = (1 - α) * m + α * now if k else now
        drift += sizes[k] / sizes.sum() * (now - m)
        start += sizes[k] / sizes.sum() * (1 - α) ** k
    sums = finite_sums("ema", "first gradient", α, 60, sizes)
    assert sums["drift"] == pytest.approx(drift, rel=1e-12) and sums["start"] == pytest.approx(start, rel=1e-12)


def test_the_factor_of_a_zero_start_needs_its_peak_where_steps_fall() -> None:
    """Weights that fall put more on the noisy first steps: the plain average of F_k is no bound, 1 + peak(F − 1) is."""
    for kind, factor, square in (("ema", zero_start, lambda a: a / (2 - a)), ("nesterov", nesterov_zero_start, None)):
        α, sizes = 0.02, SCHEDULES["linear"](60)
        variance = square(α) if square else α * (1 + 4 * α - 6 * α**2 + 2 * α**3) / (2 - α)
        exact = finite_sums(kind, "zero", α, 60, sizes)["noise"] / variance**0.5
        plain = float(factor(1 - α, 60))
        assert plain < 0.95 * exact and exact <= 1 + shape_constants(sizes)["peak"] * (plain - 1)


@dataclass(frozen=True)
class Wrong(ScheduledMemory):
    """The memory with one of its parts multiplied."""

    part: str = "drift"
    factor: sp.Expr = sp.S.One

    def parts(self) -> tuple[Part, ...]:
        return tuple((n, value * self.factor if n == self.part else value) for n, value in super().parts())


def with_memory(memory: Memory, name: str = "ema-varying") -> Theorem:
    """The theorem with this memory, its claim following."""
    theorem = bounds.theorems[name]
    proof = replace(theorem.proof, memory=memory)
    return replace(theorem, proof=proof, claim=proof.derive().value, tuned_value=None, limits=())


def memory_fails(theorem: Theorem) -> str:
    """What the check of the momentum error says; empty where it passes."""
    try:
        one = check_memory(theorem)
    except TypeError as error:  # a symbol is left over: `lmo check` reports that as a failure
        return str(error)
    return "" if one.passed else one.detail


@pytest.mark.parametrize(
    ("part", "factor"),
    [
        ("drift", 1 / nu),
        ("drift", peak_symbol / nu),
        ("drift", 1 / sp.sqrt(nu)),
        ("start", 1 / peak_symbol),
        ("start", nu / peak_symbol),
        ("start", peak_symbol),
        ("noise", nu),
        ("noise", 1 / sp.sqrt(2)),
        ("noise", 1 / peak_symbol),
    ],
)
def test_a_wrong_part_is_named(part: str, factor: sp.Expr) -> None:
    mutant = with_memory(Wrong(part=part, factor=factor))
    assert f"inequality `{part}`" in memory_fails(mutant)
    assert not memory_fails(with_memory(Wrong()))


@pytest.mark.parametrize(
    "memory",
    [
        AveragingMemory(),
        ScheduledMemory(of=AveragingMemory(start="zero")),
        ScheduledMemory(of=NesterovMemory()),
        ScheduledMemory(of=AveragingMemory(increment=2 * L * gamma * b)),
        ScheduledMemory(of=AveragingMemory(keep=alpha, fresh=1 - alpha)),
    ],
    ids=str,
)
def test_a_wrong_memory_is_caught(memory: Memory) -> None:
    assert memory_fails(with_memory(memory))


@pytest.mark.parametrize(
    "memory",
    [
        NesterovMemory(start="zero", increment=L * gamma * (b + lam * X)),
        ScheduledMemory(of=NesterovMemory(start="zero", increment=L * gamma * b)),
        ScheduledMemory(of=NesterovMemory(start="zero", increment=2 * L * gamma * b)),
        ScheduledMemory(of=AveragingMemory(start="zero", increment=L * gamma * (b + lam * X))),
        ScheduledMemory(of=NesterovMemory(increment=L * gamma * (b + lam * X))),
        Wrong(of=NesterovMemory(start="zero", increment=L * gamma * (b + lam * X)), factor=1 / nu),
        Wrong(of=NesterovMemory(start="zero", increment=L * gamma * (b + lam * X)), part="noise", factor=1 - alpha),
    ],
    ids=str,
)
def test_a_wrong_memory_of_muon_is_caught(memory: Memory) -> None:
    assert memory_fails(with_memory(memory, "muon"))


def test_each_inequality_of_muons_net_step_is_needed() -> None:
    """Without the bound on x, or with d̂ alone in place of d̂ − λx, no claim or another one follows."""
    muon = bounds.theorems["muon"]
    for name in ("inside", "size", "net triangle"):
        step = tuple(i for i in muon.proof.step if i.name != name)
        with pytest.raises(BrokenChain, match="do not cancel"):
            replace(muon.proof, step=step).derive()
    step = (smoothness(gamma_k), muon.proof.step[1], size(L * gamma_k**2 / 2), *muon.proof.step[5:])
    with pytest.raises(BrokenChain, match="a_x"):  # the gap's ⟨∇f, x⟩ has to come from somewhere
        replace(muon.proof, step=step).derive()
    assert not check_chain(replace(muon, claim=muon.claim.subs(X, 0))).passed


def test_muon_from_outside_of_the_ball_needs_the_larger_x() -> None:
    """f = (x − 5)²/2, λ = b = c = 1, x_0 = 10, γ = K = 1: 55 against 14.5 with X = 1; X = ‖x_0‖ keeps the bound."""
    row = dict(initial_gap=12.5, smoothness=1.0, steps=1, step_size=1.0, alpha=1.0, noise_std=0.0, norm_ratio=1.0)
    row |= dict(weight_decay=1.0, variation=1.0, peak=1.0)
    measured = 5.0 + 5.0 * 10.0
    muon = bounds.theorems["muon"]
    assert float(muon.bound(**row, iterate_bound=1.0)) == 14.5 < measured
    assert float(muon.bound(**row, iterate_bound=10.0)) == 12.5 + 121 / 2 > measured


def test_muon_without_decay_has_no_largest_step() -> None:
    muon = bounds.theorems["muon"]
    row = dict(initial_gap=1.0, smoothness=1.0, steps=9, alpha=0.5, noise_std=0.1, norm_ratio=1.0, variation=1.2)
    row |= dict(peak=2.0, iterate_bound=1.0)
    assert float(muon.bound(**row, step_size=1e3, weight_decay=0.0)) > 0
    with pytest.raises(ValueError, match=r"`step_size` must be at most 1/\(lambda\*peak\), here 2\.5"):
        muon.bound(**row, step_size=3.0, weight_decay=0.2)
    few = {k: v for k, v in row.items() if k != "alpha"} | {"initial_gap": 1e6}
    assert float(muon.tune(**few, weight_decay=0.2).step_size) == 2.5
    assert float(muon.tune(**few, weight_decay=0.0).step_size) > 2.5


def test_the_closing_rule_is_that_of_the_steps() -> None:
    for name, other in (("varying-step", "fixed-step"), ("ema-varying", "ema")):
        proof = bounds.theorems[other].proof
        mutant = replace(bounds.theorems[name], proof=proof, claim=proof.derive().value)
        assert not check_chain(mutant).passed and "closing rule" in check_chain(mutant).detail


def test_the_average_over_the_schedule() -> None:
    a = sp.Symbol("a")
    assert averaged(a + 3 * gamma_k * a - 5 * gamma_k**2 / 2) == a + 3 * gamma * a - 5 * nu * gamma**2 / 2
    assert gamma_k in averaged(gamma_k**3).free_symbols
    step = bounds.theorems["varying-step"].proof.step
    with pytest.raises(BrokenChain, match="gamma_k remain"):  # with the closing rule of a fixed step
        Telescope(of_step=ScheduledTelescope().of_step).close(step, None)
    cubed = replace(step[2], weight=gamma_k * step[2].weight)
    with pytest.raises(BrokenChain, match="do not cancel"):
        ScheduledTelescope().close((*step[:2], cubed), None)


@pytest.mark.parametrize("name", SCHEDULES)
def test_runs_record_their_schedule_and_the_budget_adds_up(name: str) -> None:
    """The slacks of D1-v's inequalities, weighted, are bound − measured to rounding, on the method's own run."""
    problem, ball, steps = DiagonalQuadratic.shipped()[0], LInf(), 30
    shape = SCHEDULES[name](steps)
    data = run(problem, Method(Exact(ball)), steps=steps, step_size=0.2, schedule=shape / shape.mean())
    sizes = 0.2 * shape / shape.mean()
    np.testing.assert_allclose(data["step_size"].values[0], sizes, rtol=1e-14)
    x = problem.start(1)[0]
    for step_size in sizes:
        x = x - step_size * torch.sign(problem.true_gradient(x[None])[0])
    assert float(data["objective_last"][0]) == pytest.approx(float(problem.value(x[None])[0]), rel=1e-12)
    theorem, columns = bounds.theorems["D1-v"], {str(n): v.values for n, v in data.data_vars.items()}
    constants = {"initial_gap": problem.initial_gap().value, "smoothness": problem.smoothness(ball).value}
    constants |= {"steps": steps, "step_size": 0.2, "epsilon": 0.0, "eta": 0.0}
    constants |= {"variation": shape_constants(shape)["variation"]}
    measured = certificate.on_run(theorem.metric.of_step, columns, constants).mean(-1)
    norms = columns["gradient_norm"][0]
    assert float(measured[0]) == pytest.approx(float(np.dot(sizes, norms) / sizes.sum()), rel=1e-12)
    shares = certificate.budget(theorem, columns, constants, data["objective_last"].values)
    bound = float(theorem.bound(**constants))
    assert float(sum(shares.values())[0]) == pytest.approx(bound - float(measured[0]), rel=1e-9)
    assert certificate.first_violation(theorem, columns, constants) is None and float(measured[0]) <= bound


def test_a_schedule_of_each_run() -> None:
    problem, ball = DiagonalQuadratic.shipped()[0], LInf()
    rows = np.stack([SCHEDULES[name](12) for name in SCHEDULES])
    together = run(problem, Method(Exact(ball)), steps=12, step_size=0.1, schedule=rows, seeds=[0] * len(rows))
    for i, row in enumerate(rows):
        alone = run(problem, Method(Exact(ball)), steps=12, step_size=0.1, schedule=row)
        np.testing.assert_array_equal(together["objective"].values[i], alone["objective"].values[0])
    plain = run(problem, Method(Exact(ball)), steps=12, step_size=0.1)
    np.testing.assert_array_equal(together["objective"].values[0], plain["objective"].values[0])


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (np.ones(5), r"one number per step, shape \(12,\).*got shape \(5,\)"),
        (np.ones((2, 12)), r"got shape \(2, 12\)"),
        (-np.ones(12), "`schedule` must be"),
        (np.full(12, np.nan), "`schedule` must be"),
    ],
    ids=["short", "rows", "negative", "NaN"],
)
def test_schedules_that_runs_refuse(schedule: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(DiagonalQuadratic.shipped()[0], Method(Exact(LInf())), steps=12, step_size=0.1, schedule=schedule)


def test_a_schedule_costs_the_root_of_its_variation() -> None:
    """D1-v's tuned value is D1's times √ν: 1.155 for linear, 1.225 for cosine steps, in the limit of many steps."""
    row = dict(initial_gap=4.5, smoothness=1.0, steps=400)
    for name, factor in (("linear", (4 / 3) ** 0.5), ("cosine", 1.5**0.5)):
        tuned = bounds.theorems["D1-v"].tune(**row, variation=shape_constants(SCHEDULES[name](400))["variation"])
        assert float(tuned.value) / float(bounds.theorems["D1"].tune(**row).value) == pytest.approx(factor, rel=2e-3)
