"""Nine wrong theorems as a user would bring them, in files: `lmo check` or `lmo refute` must catch each.

They are copies of shipped files with one idea wrong, in the claim alone or in a proof that yields the claim as well.
Two were used to write attacks: "unlucky noise" was widened to many dimensions so that a run catches "S2, σ without ρ",
and "adapted noise" was written to catch what is like "S1, α/(2 − α) without its root".
The other four of the first six were not used for checks or attacks. Nor were the last three: they were written before
the attacks on decay, schedules, STORM, gaps and (L0, L1), left alone until those were done, and run once. What is noted
here of them is what came out.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import bounds
from bounds import statements
from bounds.theorem import Theorem
from experiments.refutation.case import case_of, case_of_record
from experiments.refutation.replay import replay
from experiments.refutation.search import Search, search
from experiments.refutation.target import target

_SHIPPED = Path(statements.__path__[0])
_SECONDS = 20.0  # of attack; most fall within one

_WRONG_SIZE = """
from dataclasses import replace as _with

_size = _with(size(L * gamma**2 / 2), slack=b - _n**2)


"""
_WRONG_START = """
from dataclasses import dataclass as _dataclass


@_dataclass(frozen=True)
class HalfStart(AveragingMemory):
    \"\"\"The start at half of its size.\"\"\"

    def parts(self):
        return tuple((name, part / 2 if name == "start" else part) for name, part in super().parts())


"""

_CHAIN, _MEMORY = "chain yields the claim", "momentum error"
# name → (shipped file, [(text there, text in its place)], the check that fails if any, whether a run refutes it)
PLANTED: dict[str, tuple[str, list[tuple[str, str]], str | None, bool]] = {
    "S1, start term halved, in the memory as well": (
        "ema",
        [("rho * sigma / (alpha * K) +", "rho * sigma / (2 * alpha * K) +"), ("AveragingMemory()", "HalfStart()"),
         ("\nEma = ", f"{_WRONG_START}Ema = ")],
        _MEMORY,
        False,
    ),
    "S1, α/(2 − α) without its root": (
        "ema", [("rho * sigma * sp.sqrt(alpha / (2 - alpha))", "rho * sigma * alpha / (2 - alpha)")], _CHAIN, True,
    ),
    "D1, b for b², in the inequality as well": (
        "fixed_step",
        [("claim=Delta / (c * gamma * K) + L * gamma * b**2", "claim=Delta / (c * gamma * K) + L * gamma * b"),
         ("tuning={gamma: sp.sqrt(2 * Delta / (L * K)) / b}", "tuning={gamma: sp.sqrt(2 * Delta / (L * K * b))}"),
         ("tuned_value=sp.sqrt(2 * L * Delta / K) * b / c", "tuned_value=sp.sqrt(2 * L * Delta * b / K) / c"),
         ("size(L * gamma**2 / 2))", "_size)"), ("\nFixedStep = ", f"{_WRONG_SIZE}FixedStep = "),
         ("from bounds.theorem", "from bounds.inequalities import n as _n\nfrom bounds.theorem")],
        None,
        True,
    ),
    "S2, σ without ρ": ("no_momentum", [("rho * sigma", "sigma")], _CHAIN, True),
    "D1-H, the sign of δ": ("hilbert", [("(1 - delta)", "(1 + delta)")], _CHAIN, True),
    "D1-H at its tuned step, average for minimum": (
        "hilbert",
        [("claim=sp.Max(_floor, Delta / (gamma * (1 - delta) * K) + L * gamma * (1 - delta) / 2)",
          "claim=sp.sqrt(2 * L * Delta / K) / sp.sqrt(1 - delta**2)"), ("MINIMUM", "MEAN"),
         ("limits=(({delta: 0, gamma: sp.sqrt(2 * Delta / (L * K))}", "limits=(({delta: 0}")],
        _CHAIN,
        True,
    ),
    "S3, the noise of S1": (
        "nesterov",
        [("_variance = alpha * (1 + 4 * alpha - 6 * alpha**2 + 2 * alpha**3) / (2 - alpha)",
          "_variance = alpha / (2 - alpha)")],
        _CHAIN,
        False,  # as the noise terms are not known to be attained
    ),
    "D1-H in every norm": (
        "hilbert",
        [("ExactGradients, HilbertAdditive, Smooth", "ExactGradients, OracleWithin, Smooth"),
         ("HilbertAdditive()", "OracleWithin()")],
        "assumptions",
        True,
    ),
    "D5, one power too many": ("polyak_lojasiewicz", [("** K * Delta", "** (K + 1) * Delta")], _CHAIN, True),
}  # fmt: skip


def planted(name: str, folder: Path) -> Theorem:
    """One of `PLANTED`, loaded."""
    source, changes, *_ = PLANTED[name]
    return loaded(source, changes, folder)


def loaded(source: str, changes: list[tuple[str, str]], folder: Path) -> Theorem:
    """Writes the wrong file and loads it as `lmo` does."""
    text = (_SHIPPED / f"{source}.py").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = folder / "planted.py"
    path.write_text(text, encoding="utf-8")
    return bounds.load(str(path))


def fair_counterexample(state: Search) -> bool:
    """Whether what was found violates its bound in the second implementation too."""
    if state.record is not None:
        return replay(case_of_record(state.record, state.target)).violates
    assert state.violation is not None
    return replay(case_of(state.violation, state.target)).violates


def test_each_is_caught() -> None:
    assert len(PLANTED) == 9
    assert all(check is not None or refuted for *_, check, refuted in PLANTED.values())


_SLOW = {"S2, σ without ρ": pytest.mark.long}  # many dimensions, drawn noise
_REFUTED = [pytest.param(name, marks=_SLOW.get(name, ())) for name, entry in PLANTED.items() if entry[3]]


@pytest.mark.parametrize("name", _REFUTED)
def test_a_run_refutes_it(name: str, tmp_path: Path) -> None:
    state = search(target(planted(name, tmp_path)), _SECONDS)
    assert state.refuted and fair_counterexample(state)


@pytest.mark.parametrize("name", PLANTED)
def test_a_check_says_what_is_wrong_unless_it_is_an_assumption(name: str, tmp_path: Path) -> None:
    """A wrong inequality in a chain that adds up is wrong about oracles, which only a run can tell."""
    failed = [one.name for one in planted(name, tmp_path).check() if not one.passed]
    expected = PLANTED[name][2]
    assert expected in failed if expected else failed == []
