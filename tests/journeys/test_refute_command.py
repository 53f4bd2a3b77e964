"""`lmo refute` and `lmo replay` as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import lmo, strict_json

FILE = """
from dataclasses import replace
import bounds
d1 = bounds.theorems["fixed-step"]
mine = replace(d1, name="mine", label="M1", claim=d1.claim {change})
"""
CLAIM = ["--bound", "sqrt(2*L*Delta/K)*(1+delta)", "--setting", "fixed-step"]


def test_a_wrong_formula_is_refuted_and_its_case_is_replayed(home: Path) -> None:
    said = lmo("refute", *CLAIM, "--seconds", "20")
    assert said.status == 1 and "REFUTED" in said.out and "proof: none was given" in said.out
    assert "at the tuned γ, oracles with ‖d̂ − lmo‖ ≤ δ" in said.out
    again = lmo("replay", "out/refute/case.json")
    assert again.status == 1 and "it violates the bound" in again.out
    data = strict_json(lmo("replay", "out/refute/case.json", "--json").out)
    assert data["violates"] and data["measured"] > data["bound"] and data["broken"] == []
    case = Path("out/refute/case.json")
    healed = json.loads(case.read_text()) | {"claim": json.loads(case.read_text())["claim"]}
    healed["claim"]["bound"] = "sqrt(2*L*Delta/K)*(1+delta)/(1-delta)"
    case.write_text(json.dumps(healed))
    assert lmo("replay", str(case)).status == 0


def test_a_users_theorem_is_attacked_and_checked_apart(home: Path) -> None:
    Path("wrong.py").write_text(FILE.format(change="* 0.8"))
    said = lmo("refute", "wrong.py", "--seconds", "20", "--json")
    data = strict_json(said.out)
    assert said.status == 1 and data["refuted"] and "chain yields the claim" in data["failed_checks"]
    assert data["case"]["instance"]["steps"] == 1 and sum(a["runs"] for a in data["attacks"].values()) == data["runs"]
    Path("loose.py").write_text(FILE.format(change="* 1.1"))  # true, but not what the chain proves
    said = lmo("refute", "loose.py", "--seconds", "1")
    assert said.status == 0 and "not refuted" in said.out and "lmo check FAILED: chain yields the claim" in said.out


def test_a_right_theorem_is_not_refuted_and_says_how_hard_it_was_tried(home: Path) -> None:
    said = lmo("refute", "hilbert", "--seconds", "1")
    assert said.status == 0 and "not refuted" in said.out and "lmo check proves the statement" in said.out
    assert "turned answers" in said.out and "runs reached 1.0000" in said.out
    assert not Path("out/refute/case.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give either a theorem"),
        (("fixed-step", *CLAIM), "give either a theorem"),
        (("--bound", "L*gamma"), "--bound needs --setting"),
        (("fixed-step", "--alpha", "1"), "go with --bound"),
        (("--bound", "L*gama", "--setting", "fixed-step"), "did you mean 'gamma'"),
        (("--bound", "L*gamma", "--setting", "fixd-step"), "did you mean 'fixed-step'"),
        (("fixed-step", "--seconds", "0"), "`--seconds` must be"),
        (("fixed-step", "--seed", "-1"), "`--seed` must be"),
    ],
)
def test_bad_requests_are_refused(words: tuple[str, ...], said: str, home: Path) -> None:
    answer = lmo("refute", *words)
    assert answer.status == 2 and said in answer.err


def test_a_file_that_is_no_case_is_refused(home: Path) -> None:
    assert "there is no file" in lmo("replay", "nothing.json").err
    for text in ("{", "[]", "{}", '{"kind": "other"}'):
        Path("x.json").write_text(text)
        answer = lmo("replay", "x.json")
        assert answer.status == 2 and "not a case" in answer.err
    lmo("refute", *CLAIM, "--seconds", "20")
    whole = json.loads(Path("out/refute/case.json").read_text())
    Path("x.json").write_text(json.dumps(whole | {"kind": "small instances"}))
    assert "did you mean 'small instance'" in lmo("replay", "x.json").err
    del whole["instance"]["start"]
    Path("x.json").write_text(json.dumps(whole))
    assert "the case is damaged" in lmo("replay", "x.json").err
