"""A statement without something that its proof rests on is not proved: every assumption of every one is dropped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import sympy as sp
from command_line import lmo

import bounds
from bounds import statements
from bounds.assumption_check import NAME, check_assumptions, undeclared
from bounds.assumptions import AdditiveError, HilbertAdditive, OracleWithin, Smooth
from bounds.chain import Derived
from bounds.inequalities import Inequality, g
from bounds.memory import AveragingMemory, Memory, Part
from bounds.shape_assumptions import Convex
from bounds.symbols import Delta, K, L, Lbar, alpha, b, lam, mu, nu, sigma
from bounds.theorem import Theorem
from experiments.mutation.engine import groups, judge
from experiments.mutation.sites import without

_SHIPPED = Path(statements.__path__[0])
DROPS = [
    pytest.param(theorem, i, id=f"{theorem.label} without {type(assumption).__name__}")
    for theorem in bounds.theorems.values()
    for i, assumption in enumerate(theorem.assumes)
]
_d1, _s1, _h = (bounds.theorems[name] for name in ("D1", "S1", "D1-H"))


def failed(theorem: Theorem) -> str:
    """What the check says of a statement that it does not pass."""
    found = check_assumptions(theorem)
    assert not found.passed and found.name == NAME
    return found.detail


@pytest.mark.parametrize(("theorem", "i"), DROPS)
def test_no_assumption_can_be_dropped(theorem: Theorem, i: int) -> None:
    detail = failed(without(theorem, i))
    assert f"rests on {type(theorem.assumes[i]).__name__} (" in detail
    assert "which the statement does not assume" in detail


@pytest.mark.parametrize("theorem", bounds.theorems.values(), ids=list(bounds.theorems))
def test_every_shipped_statement_assumes_what_it_uses_and_no_more(theorem: Theorem) -> None:
    found = check_assumptions(theorem)
    assert found.passed and "does not use" not in found.detail
    assert all(type(assumption).__name__ in found.detail for assumption in theorem.assumes)


FILES = [
    ("frank_wolfe", ", StartInside())", ")", "`inside`"),
    ("frank_wolfe", "Smooth(), Convex(),", "Smooth(),", "`convexity`"),
    ("star_convex", "Smooth(), StarConvex(),", "Smooth(),", "`star convexity`"),
    ("polyak_lojasiewicz", "Smooth(), PolyakLojasiewicz(),", "Smooth(),", "`Polyak–Łojasiewicz`"),
    ("ema", ", UnbiasedNoise())", ")", "part `noise` of the momentum error"),
    ("hilbert", "Smooth(), HilbertAdditive(),", "Smooth(),", "`closeness`"),
]


@pytest.mark.parametrize(("file", "old", "new", "named"), FILES)
def test_a_file_without_an_assumption_is_not_proved(file: str, old: str, new: str, named: str, tmp_path: Path) -> None:
    text = (_SHIPPED / f"{file}.py").read_text(encoding="utf-8")
    assert text.count(old) == 1
    mine = tmp_path / "mine.py"
    mine.write_text(text.replace(old, new), encoding="utf-8")
    said = lmo("check", str(mine))
    assert said.status == 1
    line = next(line for line in said.out.splitlines() if "FAILED" in line)
    assert "assumptions: " in line and named in line


def test_the_engine_drops_every_assumption_and_the_check_notices() -> None:
    for theorem in bounds.theorems.values():
        made = list(groups(theorem, every=False)[-1]())
        assert [m.what for m in made] == [f"{type(a).__name__} dropped" for a in theorem.assumes]
        assert {(v.status, v.by) for v in (judge(m, 0.5) for m in made)} == {("check", NAME)}


# What follows from what


def with_assumption(theorem: Theorem, kind: type, other: object) -> Theorem:
    """The statement with another assumption in the place of one."""
    return replace(theorem, assumes=tuple(other if isinstance(a, kind) else a for a in theorem.assumes))


def test_a_stronger_assumption_will_do_and_a_weaker_one_will_not() -> None:
    assert check_assumptions(with_assumption(_d1, OracleWithin, AdditiveError())).passed  # ε = η = δ
    assert check_assumptions(with_assumption(_d1, OracleWithin, HilbertAdditive())).passed
    assert "`closeness` rests on HilbertAdditive" in failed(with_assumption(_h, HilbertAdditive, AdditiveError()))
    additive = bounds.theorems["additive-error"]
    assert "`path` rests on AdditiveError" in failed(with_assumption(additive, AdditiveError, OracleWithin()))

    class Mine(Smooth):
        """A user's own kind of smoothness."""

    assert check_assumptions(with_assumption(_d1, Smooth, Mine())).passed


def test_an_assumption_that_nothing_rests_on_is_said() -> None:
    found = check_assumptions(replace(_d1, assumes=(*_d1.assumes, Convex())))
    assert found.passed and found.detail.endswith("it does not use Convex")


def test_momentum_under_decay_needs_iterates_that_stay() -> None:
    """Also where no inequality is about the size of an iterate: the drift is, as steps d̂ − λx are."""
    decay = bounds.theorems["decay"]
    step = tuple(i for i in decay.proof.step if i.name != "inside")
    inside = next(i for i, a in enumerate(decay.assumes) if type(a).__name__ == "StartInside")
    detail = failed(without(replace(decay, proof=replace(decay.proof, step=step)), inside))
    assert "part `drift` of the momentum error rests on StartInside" in detail


# What says nothing of it


@dataclass(frozen=True)
class Unsaid(AveragingMemory):
    """A user's memory that does not say what its noise rests on."""

    def rests_on(self, part: str) -> None:
        return None


@dataclass(frozen=True)
class Bare(Memory):
    """The same of one that says nothing at all."""

    def parts(self) -> tuple[Part, ...]:
        return (("noise", sigma),)

    def proof(self) -> tuple[tuple[str, sp.Expr], ...]:
        return ()


@dataclass(frozen=True)
class Closing:
    """A user's closing rule."""

    power = 1
    floor = None

    def close(self, step: tuple[Inequality, ...], memory: Memory | None) -> Derived:
        return Derived(Delta / K, {"telescope": Delta / K}, sp.Integer(1), sp.Integer(0))


def unsaid() -> Iterator[tuple[str, Theorem]]:
    """Statements with a part of their proof that does not say what it rests on; how it is called."""
    own = Inequality("of my own", g, sp.Integer(0), "as I say")
    yield "inequality `of my own`", replace(_d1, proof=replace(_d1.proof, step=(*_d1.proof.step, own)))
    for memory in (Unsaid(), Bare()):
        yield "part `noise` of the momentum error", replace(_s1, proof=replace(_s1.proof, memory=memory))
    yield "the closing rule Closing", replace(_d1, proof=replace(_d1.proof, closing=Closing()))


@pytest.mark.parametrize(("who", "theorem"), list(unsaid()))
def test_what_does_not_say_what_it_rests_on_is_not_taken_on_trust(who: str, theorem: Theorem) -> None:
    assert f"{who} does not say what it rests on" in failed(theorem) and "rests_on=(" in failed(theorem)


def test_a_users_inequality_that_says_so_passes() -> None:
    own = Inequality("of my own", g, sp.Integer(0), "a norm is >= 0", rests_on=())
    assert check_assumptions(replace(_d1, proof=replace(_d1.proof, step=(*_d1.proof.step, own)))).passed


# Constants


@pytest.mark.parametrize(
    ("symbol", "name"), [(sigma, "noise_std"), (mu, "mu"), (Lbar, "mean_smoothness"), (nu, "variation"),
                         (lam, "weight_decay"), (alpha, "alpha")],
)  # fmt: skip
def test_a_constant_that_nothing_declares_is_named(symbol: sp.Symbol, name: str) -> None:
    wrong = replace(_d1, claim=_d1.claim + L * b * symbol)
    assert undeclared(wrong) == [name] and f"has {name} (" in failed(wrong)


def test_shipped_statements_declare_all_their_constants() -> None:
    assert all(undeclared(theorem) == [] for theorem in bounds.theorems.values())
