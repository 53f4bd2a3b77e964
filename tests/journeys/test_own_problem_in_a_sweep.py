"""A user's own problem and oracle in a grid: computed, sent to workers, and kept apart when their code changes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import lmo

from experiments.problems.digits_network import DigitsNetwork
from experiments.sweeps import catalogue, engine
from experiments.sweeps.collect import collect
from experiments.sweeps.plan import plan_of_text
from experiments.sweeps.specification import Sweep, load
from experiments.sweeps.store import Store

CODE = """
import torch
from experiments.problems.base import Known, Problem, repeated
from lmo.oracles import Exact, Perturbed
from lmo.oracles.errors import Shrink

SCALE = 1.0

class Bowl(Problem):
    name, shape, core_ndim = "bowl", (3,), 1
    infimum = Known(0.0, "exact", "at 0")

    def value(self, x):
        return SCALE * (x**2).sum(-1) / 2

    def true_gradient(self, x):
        return SCALE * x

    def start(self, runs):
        return repeated(torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64), runs)

    def euclidean_smoothness(self):
        return Known(SCALE, "exact", "a quadratic")

bowl = Bowl()

def half(ball):
    return Perturbed(Exact(ball), Shrink(0.5))
"""
GRID = """
problem = "mine.py:Bowl"
ball = "l-inf"
oracle = ["exact", "mine.py:half"]
step_size = [0.1, 0.4]
steps = 8
record_every = 1
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(CODE)
    (tmp_path / "grid.toml").write_text(GRID)
    return tmp_path


def by_hand(step: float, factor: float, scale: float = 1.0) -> float:
    """The mean ‖∇f‖₁ of sign descent, in plain Python."""
    x, norms = [1.0, -2.0, 0.5], []
    for _ in range(8):
        norms.append(scale * sum(abs(v) for v in x))
        x = [v - step * factor * ((v > 0) - (v < 0)) for v in x]
    return sum(norms) / 8


def test_it_is_run_and_its_numbers_are_those_of_a_plain_loop(folder: Path) -> None:
    done = lmo("sweep", "grid.toml", "--json")
    assert json.loads(done.out)["runs"] == 4
    found = collect(Store.of(Path("out/sweeps"), load("grid.toml")))
    for oracle, factor in (("exact", 1.0), ("mine.py:half", 0.5)):
        for step in (0.1, 0.4):
            (mean,) = found["mean_gradient_norm"].values[(found.oracle == oracle) & (found.step_size == step)]
            assert mean == pytest.approx(by_hand(step, factor), rel=1e-12)


def test_changed_code_never_mixes_with_what_was_computed(folder: Path) -> None:
    first = json.loads(lmo("sweep", "grid.toml", "--json").out)["folder"]
    before = collect(Store.open(Path(first)))
    (folder / "mine.py").write_text(CODE.replace("SCALE = 1.0", "SCALE = 2.0"))
    again = lmo("sweep", "grid.toml", "--resume")
    assert f"the source of mine.py:Bowl, mine.py:half has changed since {first} was computed" in again.out
    second = Store.of(Path("out/sweeps"), load("grid.toml"))
    assert str(second.folder) != first and second.before_changes() == [Path(first)]
    (mean,) = collect(second).mean_gradient_norm.values[[0]]
    assert mean == pytest.approx(by_hand(0.1, 1.0, 2.0), rel=1e-12)
    after = collect(Store.open(Path(first)))  # the old results are still there, and still read
    assert np.array_equal(before.mean_gradient_norm.values, after.mean_gradient_norm.values)
    assert len(json.loads(lmo("results", "list", "--json").out)) == 2


def test_workers_find_it_and_a_module_is_named_as_well(folder: Path) -> None:
    here = json.loads(lmo("sweep", "grid.toml", "--json", "--out", "here").out)["folder"]
    there = json.loads(lmo("sweep", "grid.toml", "--json", "--workers", "1", "--out", "there").out)["folder"]
    one, other = (collect(Store.open(Path(f))).mean_gradient_norm.values for f in (here, there))
    assert np.array_equal(one, other)
    assert catalogue.problem_called("mine.py:bowl").shape == (3,)
    assert isinstance(catalogue.problem_called("experiments.problems.digits_network:DigitsNetwork"), DigitsNetwork)


def test_a_worker_with_other_code_refuses(folder: Path) -> None:
    """And one that lives long sees that a module has changed."""
    (folder / "own_module_of_a_sweep.py").write_text(CODE)
    sweep = Sweep("own_module_of_a_sweep:bowl", "l-inf", "exact", 0.1, 3)
    text = json.dumps({"sweep": sweep.table, "sources": sweep.sources()})
    start = float(plan_of_text(text, "cpu").chunks[0].run_steps)
    assert start == 3 and float(catalogue.problem_called(sweep.problem[0]).value(torch.ones(1, 3))) == 1.5
    (folder / "own_module_of_a_sweep.py").write_text(CODE.replace("SCALE = 1.0", "SCALE = 4.0  # another length"))
    plan_of_text.cache_clear()
    with pytest.raises(ValueError, match="is not the one that this sweep began with"):
        plan_of_text(text, "cpu")
    assert float(catalogue.problem_called(sweep.problem[0]).value(torch.ones(1, 3))) == 6.0


def test_content_without_own_code_keeps_its_hash() -> None:
    sweep = Sweep("quadratic:3", "l-inf", ["exact", "stale:2"], 0.1, 3)
    assert sweep.sources() == {} and sweep.content_hash() == sweep.content_hash(sources={})
    assert Sweep("mine.py:bowl", "l-inf", "exact", 0.1, 3).sources().keys() == {"mine.py:bowl"}
    assert Sweep("matrix-quadratic:3x3", "spectral", "gram:jordan", 0.1, 3).sources() == {}


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        ("missing.py:bowl", "there is no file 'missing.py'"),
        ("mine.py:bow", "did you mean 'bowl'"),
        (
            "mine.py:SCALE",
            "'mine.py:SCALE' must be a Problem, or a function without arguments that makes one; got float",
        ),
        ("no_such_module:bowl", "there is no module 'no_such_module'"),
    ],
)
def test_wrong_names_are_refused(folder: Path, problem: str, message: str) -> None:
    (folder / "grid.toml").write_text(GRID.replace("mine.py:Bowl", problem))
    done = lmo("sweep", "grid.toml")
    assert done.status == 2
    assert message in " ".join(done.err.split())


def test_what_is_stored_is_labelled_as_it_was_run_whatever_became_of_the_code(folder: Path) -> None:
    """Another shape, another fit of oracle and ball, or no file at all."""
    (folder / "grid.toml").write_text(GRID + "seeds = 200\n")
    first = json.loads(lmo("sweep", "grid.toml", "--json").out)["folder"]
    before = collect(Store.open(Path(first)))
    for code in (CODE.replace("(3,)", "(3000,)"), CODE.replace("Exact(ball)", "Exact(None)"), None):
        (folder / "mine.py").write_text(code) if code else (folder / "mine.py").unlink()
        after = collect(Store.open(Path(first)))
        assert before.identical(after)


def test_code_that_changes_while_a_sweep_runs_ends_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "grid.toml").write_text(GRID + "chunk_runs = 1\n")
    once, compute = load("grid.toml"), engine.here

    def edited(chunks, the_plan, device, tick):
        for i, done in enumerate(compute(chunks, the_plan, device, tick)):
            yield done
            if i == 0:
                (folder / "mine.py").write_text(CODE.replace("SCALE = 1.0", "SCALE = 3.0"))

    with pytest.raises(ValueError, match="is not the one that this sweep began with"):
        engine.run_sweep(once, Path("out"), compute=edited)
    (stored,) = Path("out").glob("grid-*/chunks")
    assert len(list(stored.iterdir())) == 1


MORE = """
from __future__ import annotations
from dataclasses import dataclass
from lmo.balls import LInf
from lmo.oracles import Oracle

@dataclass(frozen=True)
class Scaled(Bowl):
    scale: float = 2.0

class Plain(Oracle):
    ball, name = LInf(), "plain"

    def _direction(self, m, memory, draw, harm):
        return self.ball.lmo(m), memory

plain = Plain()
"""


def test_code_with_dataclasses_loads_and_an_oracle_for_another_ball_leaves_its_runs_out(folder: Path) -> None:
    top, rest = MORE.split("from lmo.balls", 1)
    (folder / "mine.py").write_text(f"{top}{CODE}\nfrom lmo.balls{rest}")
    assert catalogue.problem_called("mine.py:Scaled").scale == 2.0  # type: ignore[attr-defined]
    (folder / "grid.toml").write_text(GRID.replace('"l-inf"', '["l-inf", "l2"]').replace(":half", ":plain"))
    assert json.loads(lmo("sweep", "grid.toml", "--json").out)["runs"] == 6  # not the oracle of ℓ∞ in ℓ2
