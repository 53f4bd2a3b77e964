"""Statements of one's own: `lmo check` and `lmo verify` prove the right ones and name what is wrong with the others."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from command_line import lmo, strict_json

import bounds


def user_file(folder: Path, statement: str, *changes: tuple[str, str]) -> str:
    """A copy of a shipped statement's file with some of its text changed, as a user would write it."""
    spec = importlib.util.find_spec(f"bounds.statements.{statement}")
    assert spec is not None and spec.origin is not None
    text = Path(spec.origin).read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "mine.py").write_text(text, encoding="utf-8")
    return str(folder / "mine.py")


RENAMED = (('name="fixed-step"', 'name="mine"'), ('label="D1"', 'label="M1"'))
B_FOR_B_SQUARED = ("L * gamma * b**2 / (2 * c)", "L * gamma * b / (2 * c)")
WRONG = {
    "b² → b": ("fixed_step", [B_FOR_B_SQUARED], "size"),
    "c dropped": (
        "fixed_step",
        [("claim=Delta / (c * gamma * K)", "claim=Delta / (gamma * K)"), ("b**2 / (2 * c)", "b**2 / 2")],
        "alignment",
    ),
    "Δ halved": ("fixed_step", [("claim=Delta /", "claim=Delta / 2 /")], "telescope"),
    "noise of momentum": ("ema", [("sp.sqrt(alpha / (2 - alpha))", "sp.sqrt(alpha / 2)")], "noise"),
    "start of momentum": ("ema", [("rho * sigma / (alpha * K)", "rho * sigma / K")], "start"),
}
WEAKENED = """
from dataclasses import replace
import bounds
from bounds.symbols import c

d1 = bounds.theorems["fixed-step"]
step = tuple(replace(i, slack=i.slack.subs(c, (1 + c) / 2)) if i.name == "alignment" else i for i in d1.proof.step)
proof = replace(d1.proof, step=step)
mine = replace(d1, name="mine", label="M1", proof=proof, claim=proof.derive().value, tuned_value=None, limits=())
"""


def test_every_shipped_statement_is_proved() -> None:
    said = lmo("check")
    assert said.status == 0 and "FAILED" not in said.out
    assert all(f"{theorem.label} {name}\n" in said.out for name, theorem in bounds.theorems.items())
    assert all(f"paper {name}\n" in said.out for name in bounds.papers)
    of_theorems = len(bounds.theorems) * len(bounds.theorems["D1"].check())
    assert said.out.count("  proved  ") >= of_theorems + sum(len(paper.proofs) for paper in bounds.papers.values())


@pytest.mark.parametrize(("statement", "changes", "inequality"), WRONG.values(), ids=WRONG)
def test_check_rejects_a_wrong_statement_by_name(
    statement: str, changes: list[tuple[str, str]], inequality: str, tmp_path: Path
) -> None:
    said = lmo("check", user_file(tmp_path, statement, *changes))
    assert said.status == 1 and f"FAILED  chain yields the claim: inequality `{inequality}` fails" in said.out
    data = strict_json(lmo("check", str(tmp_path / "mine.py"), "--json").out)
    assert any(f"`{inequality}`" in one["detail"] and not one["passed"] for checks in data.values() for one in checks)


@pytest.mark.parametrize("changes", [(), RENAMED], ids=["a copy", "a copy of another name"])
def test_check_proves_a_users_right_statement(changes: tuple[tuple[str, str], ...], tmp_path: Path) -> None:
    said = lmo("check", user_file(tmp_path, "fixed_step", *changes))
    assert said.status == 0 and said.out.count("  proved  ") == len(bounds.theorems["D1"].check())


def test_verify_rejects_a_statement_that_its_proof_does_not_yield(tmp_path: Path) -> None:
    file = user_file(tmp_path, "fixed_step", B_FOR_B_SQUARED, *RENAMED)
    said = lmo("verify", file, "--quick", "--out", str(tmp_path / "out"), "--json")
    assert said.status == 1 and "`size` fails" in said.out + said.err
    assert {v["theorem"] for v in strict_json(said.out)} == {"mine"}


def test_verify_rejects_a_false_inequality_whose_chain_adds_up(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(WEAKENED)
    assert lmo("check", str(tmp_path / "mine.py")).status == 0
    said = lmo("verify", str(tmp_path / "mine.py"), "--quick", "--out", str(tmp_path / "out"))
    assert said.status == 1 and re.search(r"violated: mine, .*`alignment` fails at step \d+ of run \d+", said.out)
    assert "VIOLATED" in said.out


def test_verify_accepts_a_users_right_statement(tmp_path: Path) -> None:
    file = user_file(tmp_path, "fixed_step", *RENAMED)
    said = lmo("verify", file, "--quick", "--out", str(tmp_path / "out"))
    assert said.status == 0 and "VIOLATED" not in said.out
    verdicts = strict_json((tmp_path / "out" / "verdicts.json").read_text())
    assert len(verdicts) > 100 and {v["theorem"] for v in verdicts} == {"mine"}
