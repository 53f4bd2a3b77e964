"""The README as printed: its Python runs, its commands exist, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from experiments.cli import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)
PYTHON = [code for kind, code in BLOCKS if kind == "python"]
SHELL = [line.split("#")[0].strip() for kind, text in BLOCKS if kind == "sh" for line in text.splitlines()]


def test_there_is_an_example_for_each_kind_of_user() -> None:
    assert len(PYTHON) == 3
    assert all(len(code.strip().splitlines()) <= 12 for code in PYTHON)
    assert [name for name in ("theorist", "practitioner", "teacher") if f"## For a {name}" not in README] == []


@pytest.mark.parametrize("code", PYTHON, ids=["theorist", "practitioner", "teacher"])
def test_the_example_runs_and_prints(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code, "README.md", "exec"), {})
    assert len(capsys.readouterr().out) > 100


def test_the_theorists_example_names_the_inequality(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(PYTHON[0], "README.md", "exec"), {})
    assert "inequality `size` fails" in capsys.readouterr().out


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all commands, with the README's TOML files under the names in their first line."""
    folder = tmp_path_factory.mktemp("readme")
    for kind, text in BLOCKS:
        if kind == "toml":
            (folder / text.split()[1]).write_text(text, encoding="utf-8")
    return folder


def _short(line: str) -> bool:
    """Whether a test has the time for a command: of studies, for one's own."""
    command = line.split()[1]
    return command not in ("verify", "figures", "study") or ".toml" in line


@pytest.mark.parametrize("line", [line for line in SHELL if line[:4] == "lmo " and _short(line)])
def test_the_command_runs(line: str, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)
    refuted = line.split()[1] in ("refute", "replay")  # the bound of the example is false, which is status 1
    assert CliRunner().invoke(app, shlex.split(line)[1:]).exit_code == (1 if refuted else 0)


def test_every_command_is_one() -> None:
    known = {command.name or command.callback.__name__.replace("_", "-") for command in app.registered_commands}  # type: ignore[union-attr]
    known |= {group.name for group in app.registered_groups}
    used = {line.split()[1] for line in SHELL if line.startswith("lmo ")}
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert used <= known
    assert {line.split()[1] for line in SHELL if line.startswith("make ")} <= targets


def test_paths_and_pictures_exist() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert pictures and all((ROOT / path).is_file() for path in pictures)
    for name in re.findall(r"`((?:lmo|bounds|experiments|figures|tests|benchmarks)/[\w/.]*)`", README):
        assert (ROOT / name).exists(), name
