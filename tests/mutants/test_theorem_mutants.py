"""Planted wrong constants: every mutant of every theorem must be rejected, by `lmo check` or by a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
import sympy as sp

import bounds
from bounds.assumptions import HilbertAdditive
from bounds.chain import Telescope
from bounds.memory import AveragingMemory, NoMemory, Part
from bounds.symbols import L0, L1, Delta, K, L, alpha, b, c, delta, gamma, q, rho, sigma
from bounds.theorem import Theorem
from experiments.mutation.quick import differ
from experiments.problems.diagonal_quadratic import DiagonalQuadratic
from experiments.problems.hard.cycles import long_cycle
from experiments.problems.layered_quadratic import LayeredQuadratic
from experiments.problems.matrix_quadratic import MatrixQuadratic
from experiments.problems.noisy import Noisy
from experiments.problems.shifted import Shifted
from experiments.studies.theorems import Scale, run_table

SMALL = Scale(steps=30, seeds=6, deltas=(0.5,), turns=2)


def rejected_by(theorem: Theorem) -> str | None:
    """What rejects a statement: the first failed check, or the first violated verdict; None if it gets through."""
    for one in theorem.check():
        if not one.passed:
            return f"check: {one.name}: {one.detail}"
    shipped = (DiagonalQuadratic, MatrixQuadratic, Noisy, LayeredQuadratic, Shifted)
    problems = [kind.shipped()[0] for kind in shipped]
    try:
        verdicts = run_table([theorem], problems, SMALL).verdicts
    except ValueError as error:
        return f"run: the statement has no value in an allowed setting: {error}"
    for verdict in verdicts:
        if verdict.status == "violated":
            return f"run: {verdict.reason}"
    return None


def claim_mutants(theorem: Theorem) -> Iterator[tuple[str, Theorem]]:
    """The claim alone changed, the proof left: the chain no longer yields it."""
    changes: dict[str, Callable[[sp.Expr], sp.Expr]] = {
        "b² → b": lambda e: e.subs(b**2, b),
        "c dropped": lambda e: e.subs(c, 1),
        "b dropped": lambda e: e.subs(b, 1),
        "2 → 1 in Lγ/2": lambda e: e.subs(L, 2 * L),
        "L halved": lambda e: e.subs(L, L / 2),
        "Δ halved": lambda e: e.subs(Delta, Delta / 2),
        "K → K + 1": lambda e: e.subs(K, K + 1),
        "α ↔ 1 − α": lambda e: e.subs(alpha, 1 - alpha),
        "2 − α → 2": lambda e: e.subs(2 - alpha, 2),
        "ρ dropped": lambda e: e.subs(rho, 1),
        "σ → σ²": lambda e: e.subs(sigma, sigma**2),
        "1 − δ → 1 − δ²": lambda e: e.subs(1 - delta, 1 - delta**2),
        "1 − δ → 1": lambda e: e.subs(delta, 0),
        "γ → 2γ": lambda e: e.subs(gamma, 2 * gamma),
        "q = 2": lambda e: e.subs(b + c, 2) if q in e.atoms(sp.Add) else e,
    }
    for name, change in changes.items():
        mutant = change(theorem.claim)
        if differ(mutant, theorem.claim) or sp.simplify(mutant - theorem.claim) != 0:
            yield name, replace(theorem, claim=mutant)


def slack_mutants(theorem: Theorem) -> Iterator[tuple[str, Theorem]]:
    """An inequality weakened and the claim changed with it: the chain adds up, so only a run can tell."""
    for i in theorem.proof.step:
        changes = {
            "size": lambda e: e.subs(b**2, b).subs(delta, delta / 2),
            "path": lambda e: e.subs(L, L / 2),
            "smoothness": lambda e: e.subs({L: L / 2, L0: L0 / 2, L1: L1 / 2}, simultaneous=True),
            "alignment": lambda e: e.subs(c, (1 + c) / 2).subs(delta, delta / 2),
            "closeness": lambda e: e.subs(delta, delta / 2),
        }
        if i.name not in changes:
            continue
        step = tuple(replace(o, slack=changes[i.name](o.slack)) if o is i else o for o in theorem.proof.step)
        proof = replace(theorem.proof, step=step)
        try:
            claim = proof.derive().value
        except ValueError:
            yield f"{i.name} weakened (no claim follows)", replace(theorem, proof=proof)
            continue
        yield (
            f"{i.name} weakened, claim with it",
            replace(theorem, proof=proof, claim=claim, tuned_value=None, limits=()),
        )


MUTANTS = [
    pytest.param(mutant, id=f"{theorem.label}: {name}")
    for theorem in bounds.theorems.values()
    for make in (claim_mutants, slack_mutants)
    for name, mutant in make(theorem)
]


@pytest.mark.parametrize("mutant", MUTANTS)
def test_every_mutant_is_rejected(mutant: Theorem) -> None:
    assert rejected_by(mutant) is not None


@pytest.mark.parametrize("name", list(bounds.theorems))
def test_each_theorem_has_at_least_five_mutants_and_passes_itself(name: str) -> None:
    theorem = bounds.theorems[name]
    assert sum(1 for make in (claim_mutants, slack_mutants) for _ in make(theorem)) >= 5
    assert rejected_by(theorem) is None


@dataclass(frozen=True)
class WrongMemory(AveragingMemory):
    """A momentum error whose named part is scaled by a wrong factor."""

    part: str = "noise"
    factor: sp.Expr = sp.S.One

    def parts(self) -> tuple[Part, ...]:
        return tuple((n, value * self.factor if n == self.part else value) for n, value in super().parts())


@pytest.mark.parametrize(
    ("part", "factor"),
    [
        ("noise", 1 / sp.sqrt(2)),
        ("noise", sp.sqrt(2)),
        ("noise", sp.sqrt(alpha)),
        ("drift", sp.Rational(1, 2)),
        ("drift", 1 - alpha),
        ("start", alpha),
        ("start", sp.Integer(2)),
    ],
)
def test_a_wrong_part_of_the_momentum_error_is_named(part: str, factor: sp.Expr) -> None:
    ema = bounds.theorems["ema"]
    proof = replace(ema.proof, memory=WrongMemory(part=part, factor=factor))
    mutant = replace(ema, proof=proof, claim=proof.derive().value, tuned_value=None, limits=())
    failed = {one.name: one.detail for one in mutant.check() if not one.passed}
    assert f"`{part}`" in failed["momentum error"]


def test_alpha_and_its_complement_swapped_in_the_recursion() -> None:
    ema = bounds.theorems["ema"]
    proof = replace(ema.proof, memory=AveragingMemory(keep=alpha, fresh=1 - alpha))
    mutant = replace(ema, proof=proof, claim=proof.derive().value, tuned_value=None, limits=())
    assert any(one.name == "momentum error" and not one.passed for one in mutant.check())


def test_weights_that_do_not_sum_to_one() -> None:
    ema = bounds.theorems["ema"]
    proof = replace(ema.proof, memory=AveragingMemory(fresh=sp.Integer(1)))
    mutant = replace(ema, proof=proof, claim=proof.derive().value, tuned_value=None, limits=())
    assert any(one.name == "momentum error" and not one.passed for one in mutant.check())


def test_the_zero_start_has_no_start_term_and_the_first_gradient_start_has_one() -> None:
    for name, other in (("ema", "zero"), ("ema-zero", "first gradient")):
        theorem = bounds.theorems[name]
        proof = replace(theorem.proof, memory=AveragingMemory(start=other))
        mutant = replace(theorem, proof=proof, claim=proof.derive().value, tuned_value=None, limits=())
        assert any(one.name == "momentum error" and not one.passed for one in mutant.check())


def test_noise_without_momentum_cannot_be_averaged_away() -> None:
    theorem = bounds.theorems["no-momentum"]
    proof = replace(theorem.proof, memory=AveragingMemory())
    mutant = replace(theorem, proof=proof, claim=proof.derive().value, tuned_value=None, limits=())
    assert any(one.name == "momentum error" and "its parts are noise" in one.detail for one in mutant.check())
    assert replace(theorem.proof, memory=NoMemory()).derive().value == theorem.proof.derive().value


@dataclass(frozen=True)
class AnyNormAdditive(HilbertAdditive):
    """The assumption of D1-H without its Hilbert norm: δ in the wrong norm."""

    def holds_for(self, setting: object) -> str | None:
        return None


def test_delta_in_the_wrong_norm_is_caught_by_the_run() -> None:
    theorem = bounds.theorems["hilbert"]
    assumes = tuple(AnyNormAdditive() if isinstance(a, HilbertAdditive) else a for a in theorem.assumes)
    assert all(one.passed for one in replace(theorem, assumes=assumes).check())
    reason = rejected_by(replace(theorem, assumes=assumes))
    assert reason is not None and reason.startswith("run: `closeness` fails")


def test_a_floor_that_the_weights_need_cannot_be_dropped() -> None:
    theorem = bounds.theorems["hilbert"]
    proof = replace(theorem.proof, closing=Telescope())
    mutant = replace(theorem, proof=proof, claim=proof.derive().value)
    assert any(one.name == "multipliers >= 0" and not one.passed for one in mutant.check())


@pytest.mark.parametrize("name", [name for name, theorem in bounds.theorems.items() if theorem.tuning])
def test_a_wrong_tuning_is_caught(name: str) -> None:
    theorem = bounds.theorems[name]
    for symbol, value in theorem.tuning.items():
        mutant = replace(theorem, tuning={**theorem.tuning, symbol: 2 * value})
        assert any(one.name.startswith(("tuning", "value")) and not one.passed for one in mutant.check())


def test_the_failing_inequality_is_named() -> None:
    d1 = bounds.theorems["fixed-step"]
    named = {
        "size": d1.claim.subs(b**2, b),
        "telescope": d1.claim.subs(Delta, Delta / 2),
        "alignment": sp.expand(d1.claim * c),
    }
    for inequality, claim in named.items():
        detail = next(one.detail for one in replace(d1, claim=claim).check() if not one.passed)
        assert f"inequality `{inequality}` fails" in detail
    s1 = bounds.theorems["ema"]
    wrong = {
        "noise": s1.claim.subs(sp.sqrt(alpha / (2 - alpha)), alpha / (2 - alpha)),
        "start": s1.claim.subs(rho * sigma / (alpha * K), rho * sigma / K),
    }
    for inequality, claim in wrong.items():
        detail = next(one.detail for one in replace(s1, claim=claim).check() if not one.passed)
        assert f"inequality `{inequality}` fails" in detail


def test_the_hilbert_bound_is_false_for_the_average() -> None:
    """D1-H bounds the minimum; a long cycle on a line beats it for the average (paper_notes.md, D1-H)."""
    delta, step_size, steps = 0.75, 1.0, 4000
    cycle = long_cycle(delta)
    x, norms = cycle.start * step_size, []
    for k in range(steps):  # f = x²/2: L = 1, the answer to x is −sign(x), scaled within 1 ± δ
        norms.append(abs(x))
        factor = cycle.factors[k % len(cycle.factors)]
        assert abs(factor - 1) <= delta + 1e-12
        x -= factor * step_size * (1 if x > 0 else -1)
    gap = cycle.start**2 / 2
    bound = float(
        bounds.theorems["hilbert"].bound(initial_gap=gap, smoothness=1, steps=steps, step_size=1, delta=delta)
    )
    assert min(norms) <= bound < sum(norms) / steps
