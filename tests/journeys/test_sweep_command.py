"""`lmo sweep` and `lmo results` as a user meets them."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import lmo, strict_json

GRID = """
problem = ["quadratic:5", "matrix-quadratic:3x3"]
ball = ["l-inf", "spectral"]
oracle = ["exact", "mixed", "jordan:5"]
delta = [0.0, 0.4]
step_size = { from = 0.02, to = 0.5, count = 3 }
steps = 12
seeds = 2
"""


@pytest.fixture
def grid(home: Path) -> Path:
    path = Path("my.toml")
    path.write_text(GRID)
    return path


def test_a_sweep_is_run_listed_shown_exported_and_resumed(grid: Path) -> None:
    said = lmo("sweep", "my.toml")
    assert said.status == 0 and "10 of 10 chunks" not in said.err
    assert "left out: the oracle 'jordan:5' does not answer for the ball 'l-inf'" in said.out
    listed = strict_json(lmo("results", "list", "--json").out)
    runs = 3 * 2 * (3 + 3 + 4)  # quadratic l-inf: exact, two mixed; matrix l-inf: the same; spectral: jordan too
    assert len(listed) == 1 and listed[0]["runs"] == runs and listed[0]["finished"] == listed[0]["chunks"]
    assert "my-" in lmo("results", "list").out
    shown = lmo("results", "show", "my", width=200)
    assert "smallest mean gradient norm" in shown.out and "matrix-quadratic:3x3" in shown.out
    best = strict_json(lmo("results", "show", "my", "--json").out)["best"]
    assert len(best) == 10
    assert f"{runs} runs" in lmo("results", "export", "my", "runs.csv").out
    with open("runs.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    chosen = [r for r in rows if (r["ball"], r["oracle"], float(r["delta"])) == ("spectral", "mixed", 0.4)]
    means = {
        s: sum(float(r["mean_gradient_norm"]) for r in chosen if r["step_size"] == s) / 2
        for s in {r["step_size"] for r in chosen}
    }
    told = next(b for b in best if (b["ball"], b["oracle"], b["delta"]) == ("spectral", "mixed", 0.4))
    assert told["mean_gradient_norm"] == pytest.approx(min(means.values())) and len(rows) == runs
    assert "--resume" in lmo("sweep", "my.toml").err
    chunk = next(Path(listed[0]["folder"], "chunks").iterdir())
    chunk.write_bytes(b"half")
    assert "1 damaged" in lmo("results", "show", "my").out and "damaged" in lmo("results", "export", "my", "x.csv").err
    again = lmo("sweep", "my.toml", "--resume")
    assert f"damaged, computed again: {chunk.name}" in again.out and "1 computed now, 1 of them in place" in again.out
    assert strict_json(lmo("sweep", "my.toml", "--resume", "--json").out)["computed"] == 0


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        (GRID.replace("steps", "stps"), (), "did you mean 'steps'"),
        ("x = 1\n\ny = exact\n" + GRID, (), "my.toml: Invalid value (at line 3, column 5); line 3 is\n  y = exact\n"),
        (GRID + "x =", (), "at end of document); the last line, 9, is\n  x =\n"),
        (GRID + "x = [1,\n2\n\n", (), "Unclosed array (at end of document); the last line, 10, is\n  2\n"),
        (GRID, ("--workers", "2", "--scheduler", "tcp://127.0.0.1:1"), "give either"),
        (GRID, ("--device", "gpu"), "`device` must be cpu"),
    ],
)
def test_bad_sweeps_are_refused(text: str, words: tuple[str, ...], said: str, grid: Path) -> None:
    grid.write_text(text)
    answer = lmo("sweep", "my.toml", *words)
    assert answer.status == 2 and said in answer.err and not Path("out/sweeps").exists()


def test_a_grid_that_is_not_text_is_refused(grid: Path) -> None:
    grid.write_bytes(b"name = '\xff'")
    assert "my.toml: it is not a text in UTF-8 (invalid start byte, byte 8)" in lmo("sweep", "my.toml").err


def test_what_cannot_be_written_is_said_in_words(grid: Path) -> None:
    said = lmo("sweep", "my.toml", "--out", "my.toml/out").err
    assert "part of that path is a file, not a folder: 'my.toml/out/my-" in said and "[Errno" not in said
    assert "was not stored. Nothing was computed" in said
    Path("blocked").mkdir()
    assert lmo("sweep", "my.toml").status == 0
    folder = Path(strict_json(lmo("results", "list", "--json").out)[0]["folder"])
    Path("blocked", folder.name).write_text("in its place")
    said = lmo("sweep", "my.toml", "--out", "blocked").err
    assert "a file is in the place of that folder" in said and "[Errno" not in said
    Path("there.csv").mkdir()
    for path in ("there.csv", "my.toml/x.csv", "my.toml/x.nc", "x" * 300 + ".csv"):
        said = lmo("results", "export", "my", path).err
        assert f"{path!r} was not stored. The results of the sweep are intact" in said and "[Errno" not in said
    assert sorted(path.name for path in Path().glob("*.tmp")) == []
    assert "File name too long" in (said := lmo("sweep", "x" * 300 + ".toml").err) and "[Errno" not in said
    Path("folder.toml").mkdir()
    assert "there is no file 'folder.toml'" in lmo("sweep", "folder.toml").err


def test_an_error_by_parts_is_left_out_of_layers_for_a_true_reason(grid: Path) -> None:
    grid.write_text(
        GRID.replace('"quadratic:5", "matrix-quadratic:3x3"', '"quadratic:5", "layered-quadratic"')
        .replace('"l-inf", "spectral"', '"l-inf", "product", "product:3"')
        .replace(', "jordan:5"', "")
    )
    said = lmo("sweep", "my.toml")
    assert said.status == 0 and said.out.count("part by part") == 1  # of product:3 alone, a sum over layers
    assert "part by part (its entries, singular values or rows), which the ball 'product' does not offer" in said.out


def test_axes_without_effect_are_said_when_a_sweep_is_planned(grid: Path) -> None:
    quiet = GRID.replace("[0.0, 0.4]", "0.0").replace('"exact", ', "").replace(', "jordan:5"', "")
    grid.write_text(quiet + 'name = "quiet"')
    assert "no effect" not in lmo("sweep", "my.toml").out + lmo("results", "show", "quiet").out
    grid.write_text(quiet.replace("delta = 0.0", "delta = 0.4\nalpha = 1.0") + 'name = "quiet-too"')
    assert "no effect" not in lmo("sweep", "my.toml").out
    grid.write_text(GRID + 'alpha = [0.1, 0.5]\nmomentum = ["none", "ema"]')
    notes = (
        "`delta` has no effect on exact, jordan:5, run once at delta = 0",
        "`alpha` has no effect with momentum none, run once at alpha = 1",
    )
    said = lmo("sweep", "my.toml", "--json")
    assert all(note in said.err for note in notes) and strict_json(said.out)["computed"] > 0
    assert all(note in lmo("results", "show", "my").out for note in notes)
    assert strict_json(lmo("results", "show", "my", "--json").out)["without_effect"] == list(notes)


def test_results_that_are_not_there_are_said(grid: Path) -> None:
    assert "there is no file 'your.toml'" in lmo("sweep", "your.toml").err
    assert "there are no results" in lmo("results", "list").out
    assert "there are no results" in lmo("results", "show", "my").err
    lmo("sweep", "my.toml")
    assert "did you mean 'my-" in lmo("results", "show", "mine").err
    assert "did you mean '.csv'" in lmo("results", "export", "my", "x.cvs").err


def test_ctrl_c_ends_cleanly_and_resume_goes_on(grid: Path) -> None:
    grid.write_text(GRID.replace("steps = 12", "steps = 400").replace("seeds = 2", "seeds = 40\nchunk_runs = 6"))
    heeds = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # a background job ignores it
    command = [sys.executable, "-c", f"{heeds}; from experiments.cli import main; main()", "sweep", "my.toml"]
    root = str(Path(__file__).resolve().parents[2])
    process = subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": root}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 60
    while not list(Path("out/sweeps").glob("*/chunks/*.npy")) and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (
        process.returncode == 130 and "stopped; every finished chunk is stored" in out and "Traceback" not in out + err
    )
    stored = {path: path.read_bytes() for path in Path("out/sweeps").glob("*/chunks/*.npy")}
    assert stored and not list(Path("out/sweeps").glob("*/chunks/*.tmp"))
    listed = strict_json(lmo("results", "list", "--json").out)[0]
    assert 0 < listed["finished"] == len(stored) < listed["chunks"]
