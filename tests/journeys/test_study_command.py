"""`lmo study` as a user meets it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import lmo, strict_json


def test_the_regime_in_seconds(tmp_path: Path) -> None:
    said = lmo("study", "regime", "--quick", "--out", str(tmp_path), "--json")
    made = strict_json(said.out)
    assert said.status == (0 if all(f["agrees"] for f in made["findings"]) else 1)
    titles = list(made["tables"])
    assert len(titles) == 4 and titles[0].startswith("S1: from which K on")
    first, _, errors, usual = made["tables"].values()
    assert {row["n"]: row["within 50%"] for row in first}["0.5"] == "54"
    assert "two lengths" in {row["error"] for row in errors} and usual[0]["regret"]
    assert (tmp_path / "data" / "regime.zarr").is_dir() and (tmp_path / "figures" / "regime.png").is_file()


def test_what_the_command_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "is a file" in lmo("study", "regime", "--quick", "--out", str(tmp_path / "file")).err
    assert lmo("study", "regim").status == 2


def test_ctrl_c_ends_a_study_and_its_workers_cleanly(home: Path) -> None:
    heeds = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # a background job ignores it
    words = ["study", "coupling", "--quick", "--out", "here"]
    command = [sys.executable, "-c", f"{heeds}; from experiments.cli import main; main()", *words]
    root = str(Path(__file__).resolve().parents[2])
    process = subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": root}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    until = time.monotonic() + 120
    while not list(Path("here").glob("quick/sweeps/*/chunks/*.npy")) and time.monotonic() < until:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # to the workers too, as a terminal does
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and not err and "Traceback" not in out
    assert out.splitlines()[-1] == "stopped; every finished chunk is stored, --resume goes on from there"
    assert list(Path("here").glob("quick/sweeps/*/chunks/*.npy"))
    until = time.monotonic() + 20
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < until:  # what is left of the group, as the tracker of multiprocessing, ends by itself
            os.killpg(process.pid, 0)
            time.sleep(0.05)


def test_a_study_is_computed_in_one_place(home: Path) -> None:
    said = lmo("study", "coupling", "--quick", "--workers", "2", "--scheduler", "tcp://127.0.0.1:1")
    assert said.status == 2 and "give either --workers" in said.err and not Path("out").exists()
