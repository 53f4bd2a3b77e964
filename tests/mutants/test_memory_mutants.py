"""Planted wrong bounds on the error of Nesterov's momentum and STORM, the claim changed with them: all are caught."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
import sympy as sp

import bounds
from bounds.memory import AveragingMemory, Memory, NesterovMemory, Part, StormMemory, ZeroStart
from bounds.symbols import K, L, Lbar, alpha, b, gamma, rho, sigma
from bounds.theorem import Theorem


@dataclass(frozen=True)
class Wrong(Memory):
    """Another memory with one of its parts multiplied."""

    memory: Memory = field(default_factory=NesterovMemory)
    part: str = "noise"
    factor: sp.Expr = sp.S.One

    def parts(self) -> tuple[Part, ...]:
        return tuple((name, value * self.factor if name == self.part else value) for name, value in self.memory.parts())

    def proof(self) -> tuple[tuple[str, sp.Expr], ...]:
        return self.memory.proof()


def with_memory(name: str, memory: Memory) -> Theorem:
    """The theorem with this memory, its claim following."""
    proof = replace(bounds.theorems[name].proof, memory=memory)
    return replace(
        bounds.theorems[name], proof=proof, claim=proof.derive().value, tuning={}, tuned_value=None, limits=()
    )


def failed(theorem: Theorem) -> str:
    """What the check of the momentum error says; empty where it passes."""
    return next(
        (one.detail for one in theorem.check() if one.name in ("momentum error", "memory") and not one.passed), ""
    )


_ema_noise, _v = alpha / (2 - alpha), alpha * (1 + 4 * alpha - 6 * alpha**2 + 2 * alpha**3) / (2 - alpha)
FACTORS = {
    "the EMA's noise": ("nesterov", "noise", sp.sqrt(_ema_noise / _v)),
    "noise without its cross term": ("nesterov", "noise", sp.sqrt(sp.Rational(1, 2))),
    "the EMA's drift": ("nesterov", "drift", 1 / (1 - alpha)),
    "drift damped once too often": ("nesterov", "drift", 1 - alpha),
    "the EMA's start": ("nesterov", "start", 1 / (1 - alpha)),
    "start of the first step forgotten": ("nesterov", "start", 1 - alpha),
    "the EMA's start factor": ("nesterov-zero", "noise", sp.Function("f")(alpha)),
    "no start factor": ("nesterov-zero", "noise", sp.Function("g")(alpha)),
    "a √2 for the two noises of STORM": ("storm", "noise", sp.sqrt(2)),
    "a √2 for its drift": ("storm", "drift", sp.sqrt(2)),
    "drift as of the EMA": ("storm", "drift", sp.sqrt((2 - alpha) / alpha)),
    "drift without 1 − α": ("storm", "drift", 1 / (1 - alpha)),
    "STORM's start halved": ("storm", "start", sp.Rational(1, 2)),
}


@pytest.mark.parametrize(("name", "part", "factor"), FACTORS.values(), ids=FACTORS)
def test_a_wrong_part_is_named(name: str, part: str, factor: sp.Expr) -> None:
    memory = bounds.theorems[name].proof.memory
    assert memory is not None
    if name == "nesterov-zero":
        ours = dict(memory.parts())["noise"].find(bounds.memory.NesterovZeroStart).pop()
        factor = (ZeroStart(1 - alpha, K) if "f(" in str(factor) else sp.Integer(1)) / ours
    assert f"`{part}`" in failed(with_memory(name, Wrong(memory=memory, part=part, factor=factor)))
    assert failed(with_memory(name, memory)) == ""


@pytest.mark.parametrize(
    ("name", "memory"),
    [
        ("nesterov", AveragingMemory()),
        ("nesterov", NesterovMemory(start="zero")),
        ("nesterov", NesterovMemory(keep=alpha, fresh=1 - alpha)),
        ("nesterov", NesterovMemory(fresh=sp.Integer(1))),
        ("nesterov", NesterovMemory(increment=L * gamma * b / 2)),
        ("nesterov-zero", NesterovMemory()),
        ("nesterov-zero", AveragingMemory(start="zero")),
        ("storm", AveragingMemory()),
        ("storm", StormMemory(keep=alpha, fresh=1 - alpha)),
        ("storm", StormMemory(fresh=sp.Integer(1))),
        ("storm", StormMemory(increment=Lbar * gamma)),
        ("storm", StormMemory(increment=L * gamma * b)),
        ("ema", StormMemory()),
        ("decay", AveragingMemory()),
        ("decay", AveragingMemory(increment=4 * L * gamma * b)),
        ("decay", AveragingMemory(start="zero", increment=2 * L * gamma * b)),
    ],
    ids=str,
)
def test_a_wrong_memory_is_caught(name: str, memory: Memory) -> None:
    assert failed(with_memory(name, memory)) != ""


def test_storms_drift_is_that_of_one_sample_and_not_of_the_mean() -> None:
    """With L̄ replaced by L the units of the part are wrong: L̄ is not L, and additive noise alone makes them alike."""
    storm = bounds.theorems["storm"]
    claim = storm.claim.subs(Lbar, L)
    detail = next(one.detail for one in replace(storm, claim=claim).check() if not one.passed)
    assert "inequality `drift` fails" in detail
    assert rho * sigma / (alpha * K) in [part for _, part in StormMemory().parts()]
