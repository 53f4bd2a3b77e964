"""The command `lmo` as a user meets it: every example of its help, its files, its exit statuses, its refusals."""

from __future__ import annotations

import base64
import contextlib
import csv
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import pytest
import typer.main
from command_line import Said, lmo, strict_json
from matplotlib.image import imread

import bounds
import figures
from bounds.evaluate import code_names
from experiments import cli, store, verify
from experiments.studies import geometry

COMMANDS = list(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]
DRAWN = set(figures.names()) - {"coupling_map", "sweep_growth"}  # by `lmo verify`; those two by commands of their own
HEAVY = {"torch", "sympy", "matplotlib", "scipy", "sklearn", "xarray"}


def example(command: str) -> list[str]:
    """The words after `lmo` of the example in a command's help."""
    found = re.search(r"Example:(.*?)╭", lmo(command, "--help").out, re.DOTALL)
    assert found is not None, f"the help of {command} has no example"
    words = shlex.split(found.group(1))
    assert words[:2] == ["lmo", command]
    return words[1:]


class Verified(NamedTuple):
    """A folder where the example of `lmo verify` was run, and what the command printed."""

    home: Path
    said: Said

    @property
    def files(self) -> Path:
        return self.home / "out" / "verify"

    def verdicts(self) -> list[dict[str, Any]]:
        return strict_json((self.files / "verdicts.json").read_text())


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Verified:
    home = tmp_path_factory.mktemp("home")
    (home / "my.toml").write_text(
        'problem = "quadratic:5"\nball = "l2"\noracle = "exact"\nstep_size = [0.1, 0.3]\nsteps = 4\n'
    )
    with contextlib.chdir(home):
        return Verified(home, lmo(*example("verify")))


# --- help and its examples --------------------------------------------------------------------------------------------


def test_the_installed_command_lists_every_command() -> None:
    done = subprocess.run([Path(sys.executable).with_name("lmo"), "--help"], capture_output=True, text=True, check=True)
    assert len(COMMANDS) >= 6 and all(re.search(rf"\b{name}\b", done.stdout) for name in COMMANDS)
    assert lmo().out.split() == lmo("--help").out.split()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_example_of_every_help_runs(command: str, verified: Verified) -> None:
    if command == "verify":
        assert verified.said.status == 0
        return
    with contextlib.chdir(verified.home):
        said = lmo(*example(command))
    refuted = command in ("refute", "replay")  # their example is a wrong bound
    assert said.status == int(refuted) and said.out and not said.err


@pytest.mark.parametrize("command", [[], *[[name] for name in COMMANDS]], ids=lambda words: " ".join(words) or "lmo")
def test_help_is_printed_as_it_was_written(command: list[str]) -> None:
    assert not re.search("[\U0001f000-\U0001faff]", lmo(*command, "--help").out), "an emoji took the place of :letters:"


# --- lmo verify -------------------------------------------------------------------------------------------------------


def test_verify_says_in_a_paragraph_what_came_out(verified: Verified) -> None:
    out, verdicts = verified.said.out, verified.verdicts()
    count = {status: sum(v["status"] == status for v in verdicts) for status in ("holds", "vacuous", "violated")}
    assert f"{len(verdicts)} settings of {len(bounds.theorems)} theorems were run: {count['holds']} hold" in out
    assert count["violated"] == 0 and "0 are violated" in out
    for words in ("confirmed for: inflate", "points the other way", "shrink", "Without error D1 is attained", "open"):
        assert words in out
    assert re.search(r"ships\s+with\s+torch\s+has\s+10\.0\s+times", out) and re.search(r"a\s+factor\s+3\.48", out)


def test_the_table_of_verdicts_is_not_cut(verified: Verified) -> None:
    table = verified.said.out.split("Verdicts by theorem and oracle")[1].split("measured, ±, bound, ratio:")[0]
    assert all(name in table for name in bounds.theorems) and "…" not in table


def test_verdicts_as_csv_are_the_verdicts_as_json(verified: Verified) -> None:
    verdicts = verified.verdicts()
    with open(verified.files / "verdicts.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows == [{name: str(value) for name, value in v.items()} for v in verdicts]
    assert {v["theorem"] for v in verdicts} == set(bounds.theorems)
    for v in verdicts:
        assert v["status"] in ("holds", "vacuous") and v["bound"] >= 0
        assert v["measured"] - v["uncertainty"] <= v["bound"] * (1 + 1e-9) + 1e-12
        if v["bound"] > 1e-12:  # contraction may bring a bound below what a gap's rounding lets one see
            assert v["ratio"] == pytest.approx(v["measured"] / v["bound"])


def test_findings_are_written_and_all_agree(verified: Verified) -> None:
    findings = strict_json((verified.files / "findings.json").read_text())
    assert len(findings) >= 10
    assert all(finding["agrees"] and finding["statement"] for finding in findings)
    assert not (verified.files / "cases").exists(), "cases are written for violations only"


def test_data_open_again(verified: Verified) -> None:
    folders = {path.stem for path in (verified.files / "data").glob("*.zarr")}
    assert folders == {*DRAWN, *(f"trajectory-{name}" for name in bounds.theorems)}
    for name in bounds.theorems:
        run = store.load(verified.files / "data" / f"trajectory-{name}.zarr")
        assert run.attrs["theorem"] == name and np.isfinite(run["gradient_norm"].values).all()
        assert run["gradient_norm"].dims == ("run", "step")


def test_figures_are_drawn_and_not_blank(verified: Verified) -> None:
    drawn = {path.stem: imread(path) for path in (verified.files / "figures").glob("*.png")}
    assert set(drawn) == DRAWN
    for name, picture in drawn.items():
        inked = (picture[..., :3] < 0.9).any(-1)
        assert 0.005 < inked.mean() < 0.6 and len(np.unique(picture[..., 0][inked])) > 20, name


def test_figures_are_drawn_again_from_the_data_alone(verified: Verified, tmp_path: Path) -> None:
    with mock.patch.object(verify, "verify", side_effect=AssertionError("nothing may be run")):
        said = lmo("figures", "--data", str(verified.files), "--out", str(tmp_path))
    assert said.status == 0 and {path.stem for path in tmp_path.glob("*.png")} == DRAWN
    for path in tmp_path.glob("*.png"):
        assert path.name in said.out.replace("\n", "")
        assert np.array_equal(imread(path), imread(verified.files / "figures" / path.name)), path.name


def test_the_report_loads_nothing(verified: Verified) -> None:
    text = (verified.files / "report.html").read_text(encoding="utf-8")
    addresses = re.findall(r"""\b(?:src|href|srcset|action|data)\s*=\s*["']([^"']*)""", text)
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert not re.search(r"<(link|iframe|script\s+src)|@import|url\(\s*['\"]?(?!#)|fetch\(|XMLHttp|\bimport\(", text)
    pictures = re.findall(r'<img alt="([^"]+)" src="data:image/png;base64,([^"]+)">', text)
    assert len(pictures) == text.count("<img")
    files = {path.read_bytes() for path in (verified.files / "figures").glob("*.png")}
    assert {base64.b64decode(data) for _, data in pictures} == files


def test_the_report_holds_every_setting_and_statement(verified: Verified) -> None:
    text = (verified.files / "report.html").read_text(encoding="utf-8")
    rows = text.split('<table id="all">')[1].split("<tbody>")[1].split("</tbody>")[0]
    assert rows.count("<tr") == len(verified.verdicts())
    for name, theorem in bounds.theorems.items():
        assert f"<b>{theorem.label} ({name})</b>" in text
    assert text.count("<svg") == len(bounds.theorems)


# --- lmo bound, lmo tune, lmo explain ---------------------------------------------------------------------------------


D1 = ["initial_gap=4.5", "smoothness=1", "steps=400"]
S1 = ["initial_gap=0.5", "smoothness=1", "steps=400", "noise_std=0.1", "norm_ratio=4.5"]
MORE = [
    "l0=1",
    "l1=1",
    "mean_smoothness=1",
    "weight_decay=0.1",
    "mu=0.01",
    "diameter=2",
    "variation=1.5",
    "peak=2",
    "iterate_bound=12",
]


def test_bound_is_the_bound_of_the_library() -> None:
    rows = strict_json(lmo("bound", "fixed-step", *D1, "step_size=0.1:0.2:3", "delta=0:0.9:10", "--json").out)
    grid = {"step_size": np.linspace(0.1, 0.2, 3)[:, None], "delta": np.linspace(0, 0.9, 10)}
    expected = bounds.theorems["fixed-step"].bound(initial_gap=4.5, smoothness=1, steps=400, **grid)
    assert [row["bound"] for row in rows] == expected.ravel().tolist()
    assert [row["delta"] for row in rows] == np.tile(grid["delta"], 3).tolist()
    assert {row["initial_gap"] for row in rows} == {4.5}


@pytest.mark.parametrize("name", bounds.theorems)
def test_tune_is_the_tuning_of_the_library(name: str) -> None:
    theorem = bounds.theorems[name]
    needed = {*theorem.constants, *(n for e in theorem.tuning.values() for n in code_names(e))}
    words = [w for w in S1 + MORE if w.split("=")[0] in needed]
    rows = strict_json(lmo("tune", name, *words, "delta=0:0.8:2", "--json").out)
    constants = {key: float(value) for key, _, value in (word.partition("=") for word in words)}
    expected = []
    for delta in (0.0, 0.8):
        tuned = theorem.tune(**constants, delta=delta)
        for one in (tuned, tuned.leading) if tuned.leading else (tuned,):
            numbers = {"step_size": one.step_size, "alpha": one.alpha, "value": one.value}
            known = {key: float(value) for key, value in numbers.items() if value is not None}
            expected.append({**constants, "delta": delta, "how": one.how, **known})
    assert rows == expected


@pytest.mark.parametrize("words", [["bound", "D1", *D1, "step_size=0.1", "delta=0:0.9:4"], ["tune", "ema", *S1]])
def test_the_printed_table_is_the_json(words: list[str]) -> None:
    rows, (head, *lines) = strict_json(lmo(*words, "--json").out), lmo(*words).out.splitlines()
    assert head.split() == list(rows[0])
    for line, row in zip(lines, rows, strict=True):
        cells = re.split(r"\s{2,}", line.strip())
        assert cells == [f"{value:.6g}" if isinstance(value, float) else value for value in row.values()]


@pytest.mark.parametrize(("name", "theorem"), bounds.theorems.items())
def test_labels_and_symbols_are_aliases(name: str, theorem: Any) -> None:
    assert lmo("explain", theorem.label) == lmo("explain", name)
    by_symbol = [w.replace("initial_gap", "Delta").replace("smoothness", "L").replace("steps", "K") for w in D1]
    if set(theorem.constants) <= {"initial_gap", "smoothness", "steps", "epsilon", "eta", "delta", "step_size"}:
        more = ["step_size=0.1"] if "step_size" in theorem.constants else []
        long, short = lmo("bound", name, *D1, *more, "--json"), lmo("bound", theorem.label, *by_symbol, *more, "--json")
        assert long == short and long.status == 0


def test_explain_lists_and_explains() -> None:
    listing = lmo("explain").out.splitlines()
    both = [*bounds.theorems.items(), *bounds.laws.items(), *bounds.papers.items()]
    assert [line.split()[:2] for line in listing] == [[statement.label, name] for name, statement in both]
    for name, statement in both:
        assert lmo("explain", name).out == statement.explain() + "\n"


# --- refusals and costs -----------------------------------------------------------------------------------------------


REFUSED = {
    "theorem": (["bound", "fixed-stp"], "unknown theorem 'fixed-stp'; did you mean 'fixed-step'"),
    "paper": (["explain", "kovalef"], "unknown theorem 'kovalef'; did you mean 'kovalev'"),
    "missing constants": (["bound", "D1", *D1], "needs step_size"),
    "nan": (["tune", "D1", "initial_gap=nan", "L=1", "K=4"], "`initial_gap` .* must be finite and >= 0, got nan"),
    "file": (["check", "no-such.py"], "there is no file 'no-such.py'"),
    "device": (["verify", "--device", "tpu"], "`--device` must be cpu, or cuda on a machine that has one; got 'tpu'"),
    "figure": (["figures", "bst_step"], "unknown figure 'bst_step'; did you mean 'best_step'"),
    "data": (["figures", "--data", "no-such", "--out", "new"], "there is no data folder .*run `lmo verify` first"),
    "data that are none": (["figures", "ball", "--data", "empty", "--out", "new"], "ball.zarr"),
    "out is a file": (["figures", "ball", "--data", "good", "--out", "a-file"], "a-file"),
    "verify's out is a file": (["verify", "--quick", "--out", "a-file"], "a-file"),
}


@pytest.mark.parametrize(("words", "says"), REFUSED.values(), ids=REFUSED)
def test_bad_input_is_one_sentence_and_status_2(
    words: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").touch()
    (tmp_path / "empty" / "data" / "ball.zarr").mkdir(parents=True)
    store.save(geometry.planes(), tmp_path / "good" / "data" / "ball.zarr")
    monkeypatch.setattr(verify, "verify", lambda *_: pytest.fail("refused only after minutes of runs"))
    said = lmo(*words)
    assert said.status == 2 and re.search(rf"\Aerror: .*{says}.*\n\Z", said.err), said.err
    assert not (tmp_path / "new").exists(), "a refused command leaves nothing behind"


@pytest.mark.parametrize("words", [["nope"], ["bound"], ["verify", "--nope"], ["verify", "a", "b"]])
def test_a_malformed_command_line_is_status_2(words: list[str]) -> None:
    said = lmo(*words)
    assert said.status == 2 and "Traceback" not in said.err and "--help" in said.err


@pytest.mark.parametrize("code", ["import lmo", "import bounds", "from experiments.cli import main", "lmo --help"])
def test_what_is_not_needed_is_not_imported(code: str) -> None:
    if code == "lmo --help":
        code = "import sys, contextlib\nfrom experiments.cli import main\nsys.argv = ['lmo', '--help']\n"
        code += "with contextlib.suppress(SystemExit): main()"
    code += "\nimport sys; print('loaded:', *{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert loaded & HEAVY == set() and loaded & {"lmo", "bounds", "experiments"}
