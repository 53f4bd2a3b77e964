"""`lmo worst-case` as a user meets it."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import lmo, strict_json

QUICK = ("steps=8", "--seconds", "0.5")


def test_a_table_of_what_was_run_what_was_found_and_what_is_proved() -> None:
    said = lmo("worst-case", "fixed-step", "delta=0.25:0.75:3", *QUICK)
    assert said.status == 0 and "polyhedral: candidate" in said.out and "neither attained nor proved" in said.out
    table = [line.split() for line in said.out.splitlines()[1:4]]
    assert [row[0] for row in table] == ["0.25", "0.5", "0.75"] and all(row[1] == "8" for row in table)
    for row in table:
        run, share, found, part, bound = (float(cell) for cell in row[3:8])
        assert 0 < run <= found * 1.001 and found <= bound * 1.001
        assert share == pytest.approx(run / bound, abs=1e-3) and part == pytest.approx(found / bound, abs=1e-3)


@pytest.mark.parametrize("norm", ["l2", "linf", "spectral"])
def test_json_has_the_same_at_a_step_of_ones_own(norm: str) -> None:
    words = ("delta=0.5", "gamma=0.1", "--search", "constructions", "--norm", norm, "--json")
    said = lmo("worst-case", "fixed-step", *words, "steps=200")
    (row,) = strict_json(said.out)
    d1 = 1 / (0.5 * 0.1 * 200) + 0.1 * 1.5**2 / (2 * 0.5)
    assert row["norm"] == norm and row["step_size"] == 0.1 and row["bound"] == pytest.approx(d1, rel=1e-12)
    assert 0.3 < row["run"]["ratio"] <= 1 and row["searched"] == {} and row["run"]["by"]


def test_additive_errors_have_a_bound_nearer_to_the_runs() -> None:
    words = ("delta=0.5", "gamma=0.1", "steps=200", "--search", "constructions", "--seconds", "0.5", "--json")
    (plain,), (finer,) = (strict_json(lmo("worst-case", name, *words).out) for name in ("D1", "D1-A"))
    less = 0.1 * 0.5 * (2 * 200 * 1.5 - 0.5) / (8 * 200 * 0.5)  # paper_notes.md, D1-A
    assert plain["bound"] - finer["bound"] == pytest.approx(less, rel=1e-12)
    assert 0.3 < finer["run"]["ratio"] <= 1


@pytest.mark.parametrize("norm", ["linf", "l1"])
def test_few_steps_are_searched_to_the_end(norm: str) -> None:
    words = ("delta=0.5", "steps=2", "--norm", norm, "--search", "mixed-integer", "--json")
    said = lmo("worst-case", "fixed-step", *words)
    (row,) = strict_json(said.out)
    assert row["run"] is None and 0 < row["searched"]["mixed-integer"]["ratio"] < 1


def test_a_users_theorem_is_taken_from_its_file(home: Path) -> None:
    Path("mine.py").write_text(
        "from dataclasses import replace\nimport bounds\n"
        'd1 = bounds.theorems["fixed-step"]\nmine = replace(d1, name="mine", label="M1", claim=d1.claim * 0.2)\n'
    )
    (row,) = strict_json(lmo("worst-case", "mine.py", "delta=0.5", "--search", "constructions", "--json").out)
    assert row["run"]["ratio"] > 1  # such a claim is false


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ema",), "momentum"),
        (("fixd-step",), "did you mean 'fixed-step'"),
        (("adaptive-step",), "no search fits"),
        (("fixed-step", "delta=1.5"), "`delta` must be"),
        (("fixed-step", "steps=0"), "`steps` must be"),
        (("fixed-step", "steps=2.5"), "`steps` must be"),
        (("fixed-step", "noise_std=1"), "unknown constant 'noise_std'"),
        (("fixed-step", "--norm", "linff"), "did you mean 'linf'"),
        (("fixed-step", "--search", "polyhedra"), "did you mean 'polyhedral'"),
        (("fixed-step", "--norm", "spectral", "--search", "polyhedral"), "cannot be asked"),
        (("fixed-step", "steps=10", "--search", "mixed-integer"), "at most 3 steps"),
        (("fixed-step", "--seconds", "0"), "`seconds` must be"),
        (("fixed-step", "--seed", "-1"), "`--seed` must be"),
    ],
)
def test_bad_requests_are_refused(words: tuple[str, ...], said: str) -> None:
    answer = lmo("worst-case", *words)
    assert answer.status == 2 and said in answer.err


def test_a_run_above_the_claim_is_said_and_is_status_1() -> None:
    """D1-H is about Hilbert norms."""
    words = ("hilbert", "steps=10", "delta=0.5", "--search", "constructions")
    above, below = (lmo("worst-case", *words, "--norm", norm) for norm in ("linf", "l2"))
    assert above.status == 1 and "BELOW A RUN" in above.out and "above every run" not in above.out
    assert below.status == 0 and "above every run here" in below.out
    said = lmo("worst-case", *words, "--json")
    assert said.status == 1 and strict_json(said.out)[0]["run"]["ratio"] > 1.1
