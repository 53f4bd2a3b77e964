"""`lmo oracle` and `lmo plan` as a user meets them: specs, sources, untrusted files, contract, plan, refusals."""

from __future__ import annotations

import itertools
import json
import pickle
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from test_cli import lmo, strict_json
from torch.utils.flop_counter import FlopCounterMode

from experiments.oracles import candidates, commands, contract, plan, sources, spectra
from experiments.oracles.specs import Spec, parse, spellable
from lmo.balls import Spectral
from lmo.oracles import (
    QDWH,
    Adaptive,
    Exact,
    GramNewtonSchulz,
    Lanczos,
    LowRank,
    MomentTuned,
    NewtonSchulz,
    Polar,
    PowerIteration,
    TorchNewtonSchulz,
)
from lmo.oracles.newton_schulz import PolynomialOracle
from lmo.oracles.scales import MomentBound, Schatten4
from lmo.polynomials.design import designed
from lmo.randomness import Draw
from lmo.testing import CALLABLE_LAWS

SHAPE = ["--shape", "12x20"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def matrix(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- specs ------------------------------------------------------------------------------------------------------------

SPECS = {
    "jordan": NewtonSchulz("jordan"),
    "you@bfloat16": NewtonSchulz("you", dtype=torch.bfloat16),
    "polar-express:8": NewtonSchulz("polar-express", 8),
    "polar-express-1.01:3": NewtonSchulz("polar-express-1.01", 3),
    "gram:you": GramNewtonSchulz("you"),
    "gram:classical-2:9/schatten-4@float32": GramNewtonSchulz("classical-2", 9, torch.float32, scale=Schatten4()),
    "you/moments": NewtonSchulz("you", scale=MomentBound()),
    "minimax:5=0.001": NewtonSchulz(designed(0.001, 5)),
    "gram:minimax:3=1e-2": GramNewtonSchulz(designed(0.01, 3)),
    "moment-tuned": MomentTuned(),
    "moment-tuned=0.05@bfloat16": MomentTuned(0.05, torch.bfloat16),
    "adaptive=0.01": Adaptive(0.01),
    "exact": Exact(Spectral()),
    "torch": TorchNewtonSchulz(),
    "torch:8": TorchNewtonSchulz(steps=8),
    "lanczos=0.001": Lanczos(0.001),
    "low-rank:2": LowRank(2),
    "qdwh": QDWH(),
    "qdwh=1e-3": QDWH(1e-3),
    "polar": Polar(),
    "polar=1e-6": Polar(1e-6),
    "power-iteration:7": PowerIteration(7),
}


@pytest.mark.parametrize("text", SPECS)
def test_a_spec_stands_for_its_oracle(text: str) -> None:
    assert parse(text) == Spec(text, SPECS[text])


def test_every_name_that_is_offered_is_an_oracle() -> None:
    for name in spellable():
        more = {"minimax": ":3=0.01", "low-rank": ":2", "randomised-svd": ":2"}.get(name, "")
        assert parse(name + more).oracle(matrix(3, 4), draw=Draw(0, 0))[0].shape == (3, 4)


def test_every_candidate_of_a_plan_is_a_spec_of_its_own() -> None:
    specs = candidates.polynomial()
    assert len({spec.text for spec in specs}) == len(specs) > 500
    assert {type(spec.oracle) for spec in specs} == {NewtonSchulz, GramNewtonSchulz}


WRONG_SPECS = {
    "jordn": "unknown oracle 'jordn'; did you mean 'jordan'",
    "gram:yuo": "unknown schedule 'yuo'; did you mean 'you'",
    "gram:exact": "unknown schedule 'exact'",
    "perturbed": "unknown oracle 'perturbed'",
    "jordan@bfloat61": "unknown dtype 'bfloat61'; did you mean 'bfloat16'",
    "you/momnts": "unknown scale 'momnts'; did you mean 'moments'",
    "jordan:x": "after NAME: comes one whole number, for example polar-express:8",
    "jordan:1:2": "after NAME: comes one whole number",
    "jordan=0.1": "the schedule `jordan` takes no number",
    "adaptive=small": "'small' is not a number, for example adaptive=0.01",
    "adaptive=2": "`target` must be a finite number >= 1e-08 and < 1",
    "adaptive:3": "`adaptive` takes no count",
    "exact=0.1": "`exact` takes no number",
    "exact@bfloat16": "the oracle `exact` takes no dtype",
    "torch/moments": "takes no scale",
    "cans:6": "the schedule 'cans' has 5 steps and no more, got steps = 6",
    "minimax:5": "`minimax` needs steps and the lower end of its interval: minimax:5=0.001",
    "low-rank": "`low-rank` needs a count, for example low-rank:8",
    "minimax:5=2": "`low` must be below `high`",
    "": "unknown oracle ''",
}


@pytest.mark.parametrize(("text", "says"), WRONG_SPECS.items())
def test_a_wrong_spec_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        parse(text)


# --- sources ----------------------------------------------------------------------------------------------------------

SIGMA = {
    "power-law=1.5": np.arange(1, 9) ** -1.5,
    "power-law": 1 / np.arange(1, 9),
    "spiked=0.25": np.array([1.0] + [0.25] * 7),
    "geometric=1e-7": np.geomspace(1, 1e-7, 8),
    "low-rank=3": np.array([1.0] * 3 + [0.0] * 5),
    "low-rank": np.ones(8),
}


@pytest.mark.parametrize("source", SIGMA)
@pytest.mark.parametrize("shape", [(8, 8), (8, 13), (13, 8)])
def test_a_spectrum_has_its_singular_values(source: str, shape: tuple[int, int]) -> None:
    m = spectra.matrix(source, shape, 5)
    assert m.shape == shape and m.dtype == torch.float64
    np.testing.assert_allclose(np.linalg.svd(m.numpy(), compute_uv=False), SIGMA[source], atol=1e-14)
    assert torch.equal(m, spectra.matrix(source, shape, 5)) and not torch.equal(m, spectra.matrix(source, shape, 6))


def test_gaussian_entries_are_standard_normal() -> None:
    entries = spectra.matrix("gaussian", (200, 300), 0)
    assert abs(float(entries.mean())) < 0.02 and abs(float(entries.std()) - 1) < 0.02


def checkpoint() -> dict[str, Any]:
    return {
        "model": {"a.weight": matrix(4, 6).float(), "a.bias": torch.ones(4), "conv": torch.ones(2, 2, 3, 3)},
        "state": {0: {"exp_avg": matrix(5, 3).bfloat16(), "step": torch.tensor(7)}},
        "groups": [{"lr": 0.1, "kept": (matrix(2, 2),)}],
        "tokens": torch.ones(3, 3, dtype=torch.int64),
        "parameter": torch.nn.Parameter(matrix(3, 3)),
        "eight": matrix(3, 4).to(torch.float8_e4m3fn),
    }


@pytest.mark.parametrize("ending", ["pt", "pth"])
def test_every_matrix_of_a_checkpoint_is_found_however_deep(home: Path, ending: str) -> None:
    torch.save(checkpoint(), home / f"c.{ending}")
    found = {m.name: m.tensor for m in sources.read([f"c.{ending}"], (2, 2), 0)}
    assert list(found) == ["model.a.weight", "state.0.exp_avg", "groups.0.kept.0", "parameter", "eight"]
    assert torch.equal(found["model.a.weight"], matrix(4, 6).float()) and not found["parameter"].requires_grad
    assert found["state.0.exp_avg"].dtype == torch.bfloat16 and found["eight"].dtype == torch.float32
    assert torch.equal(found["eight"], matrix(3, 4).to(torch.float8_e4m3fn).float())


def test_safetensors_and_arrays_are_read(home: Path) -> None:
    save_file({"w": matrix(4, 6), "b": torch.ones(3), "h": matrix(3, 2).half()}, home / "c.safetensors")
    np.save(home / "m.npy", matrix(3, 5).numpy().astype(">f4"))
    np.save(home / "whole.npy", np.arange(6).reshape(2, 3))
    found = sources.read(["c.safetensors", "m.npy", "whole.npy", "gaussian"], (2, 2), 0)
    assert [m.name for m in found] == ["c.safetensors:h", "c.safetensors:w", "m.npy:m.npy", "whole.npy:whole.npy",
                                       "gaussian"]  # fmt: skip
    assert torch.equal(found[1].tensor, matrix(4, 6)) and torch.equal(found[2].tensor, matrix(3, 5).float())
    assert found[3].tensor.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert [m.name for m in sources.read(["c.safetensors"], (2, 2), 0, only="w*")] == ["w"]


class Malicious:
    """Unpickling it writes a file."""

    def __reduce__(self) -> Any:
        return (exec, ("import pathlib; pathlib.Path('owned').touch()",))


@pytest.mark.parametrize("kind", ["torch", "legacy torch", "pickle", "npy"])
@pytest.mark.parametrize("command", ["oracle", "plan"])
def test_code_in_a_file_is_refused_and_does_not_run(kind: str, command: str, home: Path) -> None:
    evil = {"w": matrix(2, 2), "x": Malicious()}
    if kind == "npy":
        np.save(home / "evil.npy", np.array([Malicious()], dtype=object), allow_pickle=True)
    elif kind == "pickle":
        (home / "evil.pt").write_bytes(pickle.dumps(evil))
    else:
        torch.save(evil, home / "evil.pt", _use_new_zipfile_serialization=kind == "torch")
    said = lmo(command, "evil.npy" if kind == "npy" else "evil.pt")
    assert said.status == 2 and not (home / "owned").exists() and not said.out
    says = "cannot be read as one array of real numbers" if kind == "npy" else r"holds more than tensors.*refused"
    assert re.search(rf"\Aerror: 'evil.*{says}.*\n\Z", said.err), said.err
    pickle.loads(pickle.dumps(Malicious()))
    assert (home / "owned").exists(), "the attack itself does not work"


def test_without_safetensors_the_extra_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_file({"w": matrix(2, 2)}, home / "c.safetensors")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    said = lmo("oracle", "c.safetensors")
    assert said.status == 2 and "needs the package safetensors: pip install 'lmo-lab[checkpoints]'" in said.err


# --- lmo oracle -------------------------------------------------------------------------------------------------------


def rows(*words: str) -> list[dict[str, Any]]:
    return strict_json(lmo("oracle", *words, "--repeats", "1", "--json").out)


def test_rows_are_what_numpy_measures_and_no_more_than_is_certified(home: Path) -> None:
    np.save(home / "m.npy", matrix(9, 25).numpy())
    found = rows("m.npy", *(w for text in ("jordan", "you:4/schatten-4", "adaptive=0.01", "exact", "torch")
                            for w in ("--oracle", text)))  # fmt: skip
    assert [row["oracle"] for row in found] == ["jordan", "you:4/schatten-4", "adaptive=0.01", "exact", "torch"]
    u, s, vt = np.linalg.svd(matrix(9, 25).numpy(), full_matrices=False)
    for row in found:
        d = parse(row["oracle"]).oracle(matrix(9, 25))[0].numpy()
        assert row["delta"] == pytest.approx(np.linalg.norm(d + u @ vt, 2), abs=1e-12)
        assert row["epsilon"] == pytest.approx(1 + (matrix(9, 25).numpy() * d).sum() / s.sum(), abs=1e-12)
        assert row["eta"] == pytest.approx(np.linalg.norm(d, 2) - 1, abs=1e-12)
        assert row["shape"] == [9, 25] and row["condition"] == pytest.approx(s[0] / s[-1]) and row["milliseconds"] > 0
        for proved in filter(None, (row["certified"], row["by_spectrum"])):
            measured = {name: row[name] for name in ("delta", "epsilon", "eta") if proved[name] is not None}
            assert all(value <= proved[name] + 1e-12 for name, value in measured.items())
            assert not row["rounded"]
    kinds = [row["certified"] and row["certified"]["kind"] for row in found]
    assert kinds == ["interval", "interval", "proof", "interval", None]
    assert found[1]["by_spectrum"]["epsilon"] < found[1]["certified"]["epsilon"]


def test_rounding_above_a_certificate_is_marked() -> None:
    words = ["power-law", *SHAPE, "--oracle", "you", "--oracle", "you@bfloat16", "--no-figure"]
    plain, half = rows(*words)
    assert plain["certified"] == half["certified"] and (plain["rounded"], half["rounded"]) == (False, True)
    (stored,) = rows("power-law", *SHAPE, "--oracle", "you", "--dtype", "bfloat16", "--no-figure")
    assert stored["rounded"]
    printed = lmo("oracle", *words, "--repeats", "1").out
    assert len(re.findall(r"\d†", printed)) == 4 and "†: certified in exact arithmetic; the rounding" in printed


def test_files_beside_the_table(home: Path) -> None:
    words = ["gaussian", "low-rank=2", *SHAPE, "--oracle", "jordan", "--oracle", "exact", "--repeats", "1"]
    said = lmo("oracle", *words)
    assert said.status == 0 and "out/oracle/oracle_pareto.png" in said.out and "σ_max/σ_min = ∞" in said.out
    written = strict_json((home / "out/oracle/rows.json").read_text())
    assert [(row["tensor"], row["oracle"]) for row in written] == [
        (tensor, oracle) for tensor in ("gaussian", "low-rank=2") for oracle in ("jordan", "exact")
    ]
    assert (home / "out/oracle/oracle_pareto.png").stat().st_size > 10_000
    again = lmo("figures", "oracle_pareto", "--data", "out/oracle", "--out", "again")
    assert again.status == 0 and (home / "again/oracle_pareto.png").is_file()
    assert lmo("oracle", *words, "--no-figure", "--out", "other").status == 0 and not (home / "other").exists()


def test_an_oracle_without_an_answer_is_a_row_and_a_status() -> None:
    words = ["oracle", "gaussian", *SHAPE, "--oracle", "lanczos=1e-18", "--oracle", "jordan", "--repeats", "1"]
    said = lmo(*words, width=200)
    assert said.status == 1 and re.search(r"lanczos=1e-18 +no answer( +–)+ *\n", said.out)
    assert "no answer of lanczos=1e-18 to gaussian: `target` must be at least" in said.out
    failed, answered = strict_json(lmo(*words, "--json").out)
    assert failed["delta"] is failed["products"] is failed["milliseconds"] is None and "`target`" in failed["failed"]
    assert answered["failed"] == "" and answered["products"] > 0
    assert lmo(*words[:6]).status == 1, "a figure without any point is drawn too"


def test_the_usual_call_names_nothing() -> None:
    found = rows("--shape", "6x10", "--no-figure")
    assert {row["tensor"] for row in found} == set(commands.SOURCES)
    assert {row["oracle"] for row in found} == set(commands.ORACLES)


def test_a_zero_matrix_is_answered(home: Path) -> None:
    np.save(home / "zero.npy", np.zeros((3, 5)))
    for row in rows("zero.npy", "--no-figure"):
        assert (row["delta"], row["epsilon"], row["eta"], row["condition"]) == (0, 0, -1, None)


# --- lmo oracle --callable --------------------------------------------------------------------------------------------


def laws(*words: str) -> dict[str, str]:
    said = lmo("oracle", "--callable", *words, "--json")
    checks = strict_json(said.out)
    assert said.status == (0 if all(check["passed"] for check in checks) else 1)
    return {check["law"]: check["message"] for check in checks}


def test_the_contract_on_torchs_own_orthogonalisation() -> None:
    for name in contract.TORCH:
        found = laws(name, "--ball", "spectral", "--shape", "6x8")
        assert {*found} == {*CALLABLE_LAWS} - {"batch"} | {"untouched, in bfloat16"}
        broken = {law: message for law, message in found.items() if message}
        assert {*broken} == {
            "shape", "sign", "feasible", "aligned", "distance", "homogeneous", "untouched, in bfloat16",
        }  # fmt: skip
        assert "a question in torch.float64 is answered in torch.bfloat16" in broken["shape"]
        assert "it maximises" in broken["sign"] and "leaves the unit ball: norm 1.2" in broken["feasible"]
        assert "additive constant in the normalisation" in broken["homogeneous"]
        assert "modified in place" in broken["untouched, in bfloat16"]
    inexact = {law for law, message in laws("torch.optim", "--inexact", "--dtype", "float32").items() if message}
    assert inexact == {"shape", "sign", "homogeneous", "untouched, in bfloat16"}
    half = {law for law, message in laws("torch.optim", "--inexact", "--dtype", "bfloat16").items() if message}
    assert half == {"sign", "homogeneous", "untouched"}


def test_torch_really_overwrites_a_momentum_buffer() -> None:
    """What the report calls "modified in place": Muon without Nesterov hands its bfloat16 buffer to that function."""
    weight = torch.nn.Parameter(matrix(8, 8).bfloat16())
    weight.grad = (1000 * matrix(8, 8, seed=1)).bfloat16()
    optimizer = torch.optim.Muon([weight], lr=0.01, momentum=0.95, nesterov=False)
    optimizer.step()
    assert float(weight.grad.float().norm()) * 0.05 > 100  # what the buffer was
    assert float(optimizer.state[weight]["momentum_buffer"].float().norm()) == pytest.approx(1, abs=0.01)


def test_the_report_is_printed_law_by_law() -> None:
    said = lmo("oracle", "--callable", "torch.optim", width=200)
    assert said.status == 1 and said.out.startswith("torch-muon as the LMO of Spectral(), asked in float64 at 6×8\n")
    marks = re.findall(r"^  (holds|FAILS)  (\w+)", said.out, re.MULTILINE)
    assert len(marks) == len(CALLABLE_LAWS) and marks[0] == ("FAILS", "shape")
    assert said.out.endswith("7 of 11 laws are broken\n")


MINE = """
import torch
from lmo.oracles import NewtonSchulz

def right(m):
    u, s, vh = torch.linalg.svd(m, full_matrices=False)
    kept = s > 8 * torch.finfo(s.dtype).eps * s[..., :1]
    return -(u * kept.to(m).unsqueeze(-2)) @ vh

def signs(m):
    return -m.sign()

def transposed(m):
    return right(m).mT

def fails(m):
    raise RuntimeError("out of paper")

oracle = NewtonSchulz("you")
number = 3
"""


def test_ones_own_function(home: Path) -> None:
    (home / "mine.py").write_text(MINE)
    (home / "mine_too.py").write_text(MINE)
    for where in ("mine.py", "mine_too"):
        assert set(laws(f"{where}:right", "--batched").values()) == {""}
    assert set(laws("mine.py:signs", "--ball", "l-inf").values()) == {""}
    assert set(laws("mine.py:signs", "--ball", "l-inf", "--shape", "7").values()) == {""}
    assert "wrong ball: this answers for LInf" in laws("mine.py:signs")["feasible"]
    assert list(laws("mine.py:transposed")) == ["shape"]
    assert "raised RuntimeError: out of paper" in laws("mine.py:fails")["shape"]
    assert set(laws("mine.py:oracle").values()) == {""} and "batch" in laws("mine.py:oracle")


# --- lmo plan ---------------------------------------------------------------------------------------------------------


def planned(*words: str) -> list[dict[str, Any]]:
    said = lmo("plan", *words, "--json")
    assert said.status == 0, said.err
    return strict_json(said.out)


def products(oracle: PolynomialOracle, a: int, b: int) -> float:
    """By hand, in products of 2a²b, for matrices below the size from which symmetric products are done by half."""
    lengths, square = [len(p) for p in oracle.polynomials], a / b
    total = square if isinstance(oracle.scale, MomentBound) else 0.0
    if isinstance(oracle, NewtonSchulz):
        return total + sum(2 + (n - 2) * square for n in lengths)
    assert isinstance(oracle, GramNewtonSchulz)
    ends = [0, *(r for r in oracle.restarts if r < len(lengths)), len(lengths)]
    for block in (lengths[start:end] for start, end in itertools.pairwise(ends)):
        steps = sum((n - 2) * square for n in block)
        total += 2 + steps + 3 * square * (len(block) - 1)
    return total


@pytest.mark.parametrize("source", ["gaussian", "power-law=1.0", "spiked=0.01", "geometric=1e-6", "low-rank=8"])
@pytest.mark.parametrize("target", [0.2, 0.01, 1e-5])
def test_the_plan_is_certified_and_the_cheapest_of_all(source: str, target: float) -> None:
    (choice,) = planned(source, *SHAPE, "--target", repr(target))
    m = spectra.matrix(source, (12, 20), 0)
    u, s, vt = np.linalg.svd(m.numpy())
    assert all(choice[of][what] <= target for of in ("certified", "answer") for what in ("epsilon", "eta"))
    d = parse(choice["oracle"]).oracle(m)[0].numpy()
    assert 1 + (m.numpy() * d).sum() / s.sum() <= choice["answer"]["epsilon"]
    assert np.linalg.norm(d, 2) - 1 <= choice["answer"]["eta"]
    counter = FlopCounterMode(display=False)
    with counter:
        parse(choice["oracle"]).oracle(m)
    assert choice["products"] == pytest.approx(counter.get_total_flops() / (2 * 12 * 12 * 20))
    assert choice["relative"] == pytest.approx(choice["products"] / (5 * 2.6))
    for spec in candidates.polynomial():
        oracle = spec.oracle
        assert isinstance(oracle, PolynomialOracle)
        if products(oracle, 12, 20) < choice["products"] - 1e-9:
            answer = oracle(m)[0].numpy()
            p = -np.diag(u.T @ answer @ vt.T[:, :12])
            missed, excess = (s * np.maximum(1 - p, 0)).sum() / s.sum(), np.linalg.norm(answer, 2) - 1
            assert max(missed, excess) > target - 1e-9, f"{spec.text} is cheaper"


def test_costs_by_hand_are_those_counted() -> None:
    m = matrix(12, 20)
    for text in ("jordan", "cubic5:3/moments", "gram:classical-3:7/schatten-4", "gram:you:2", "gram:jordan:1/moments"):
        oracle = parse(text).oracle
        assert isinstance(oracle, PolynomialOracle)
        counter = FlopCounterMode(display=False)
        with counter:
            oracle(m)
        counted = counter.get_total_flops() / (2 * 12 * 12 * 20)
        assert products(oracle, 12, 20) == pytest.approx(counted) == plan.cost_on(oracle, m).products


def test_an_answer_may_be_longer_where_that_is_asked_for() -> None:
    (tight,), (loose,) = (planned("gaussian", *SHAPE, "--target", "0.05", *more) for more in ([], ["--eta", "0.5"]))
    assert loose["products"] < tight["products"] and tight["certified"]["eta"] <= 0.05 < loose["certified"]["eta"]


def test_a_plan_for_a_checkpoint(home: Path) -> None:
    stored = {"model": {"a.weight": matrix(4, 6), "b.weight": matrix(6, 4).bfloat16()}, "zero": torch.zeros(4, 6)}
    torch.save(stored, home / "c.pt")
    found = planned("c.pt")
    assert [c["layer"] for c in found] == ["model.a.weight", "model.b.weight", "zero"]
    assert all(c["answer"]["epsilon"] <= 0.01 for c in found) and found[-1]["condition"] is None
    printed = lmo("plan", "c.pt", "--time", width=200)
    assert "The cheapest oracle that certifies ε ≤ 0.01 and η ≤ 0.01" in printed.out
    assert printed.status == 0 and re.search(r"All together: \d+ % of the flops of jordan:5", printed.out)
    assert re.search(r"layer +shape +σ_max/σ_min +oracle +certificate +ε ≤ +η ≤ +products +cost +ms", printed.out)
    for c in found:
        assert re.search(rf"^ *{c['layer']} .*{re.escape(c['oracle'])} +{c['certified']['kind']} ", printed.out, re.M)
        assert f"certificate {c['certified']['kind']}: " in printed.out
    assert [c["layer"] for c in planned("c.pt", "--only", "model.*")] == ["model.a.weight", "model.b.weight"]


# --- refusals ---------------------------------------------------------------------------------------------------------

REFUSED = {
    "source": (["oracle", "gausian"], "unknown file or spectrum 'gausian'; did you mean 'gaussian'"),
    "no such file": (["plan", "no.safetensors"], r"there is no file 'no.safetensors'; a source is a file \(.npy, .pt"),
    "folder": (["oracle", "."], r"there is no file '\.'"),
    "ending": (
        ["oracle", "text.txt"],
        r"'text.txt' must be a file that ends in .npy, .pt, .pth, .safetensors; got .txt",
    ),
    "damaged torch": (["oracle", "bad.pth"], "'bad.pth' (cannot be read as a torch file|holds more than tensors)"),
    "damaged numpy": (["oracle", "bad.npy"], "'bad.npy' cannot be read as one array of real numbers: "),
    "damaged safetensors": (["oracle", "bad.safetensors"], "'bad.safetensors' cannot be read as a safetensors file: "),
    "no matrix": (["plan", "vector.npy"], r"'vector.npy' holds no floating-point matrix .*its tensors: \(3,\)"),
    "nan": (["oracle", "nan.npy"], "the matrix 'nan.npy' has entries that are NaN or infinite; all must be finite"),
    "only": (["oracle", "gaussian", "--only", "gausian"], "unknown tensor 'gausian'; did you mean 'gaussian'"),
    "number of a spectrum": (["oracle", "low-rank=x"], "`low-rank` takes a number, low-rank=8; got 'low-rank=x'"),
    "no number": (["oracle", "gaussian=2"], "the spectrum `gaussian` takes no number, got 'gaussian=2'"),
    "rank": (["oracle", "low-rank=9", "--shape", "4x8"], "`low-rank` must be an integer from 1 to 4"),
    "exponent": (["plan", "power-law=-1"], "`power-law` must be a finite number >= 0.0, got -1.0"),
    "ratio": (["plan", "geometric=0"], "`geometric` must be a finite number > 0.0, got 0.0"),
    "seed": (["plan", "--seed", "-1"], "`seeds` must be non-negative integers"),
    "shape": (["oracle", "--shape", "4y5"], "`--shape` must be sizes >= 1 with x between them, .*; got '4y5'"),
    "zero shape": (["oracle", "--shape", "0x5"], "`--shape` must be sizes >= 1"),
    "three sizes": (["plan", "--shape", "2x3x4"], "`--shape` of a matrix has two sizes, for example 128x512"),
    "dtype": (["plan", "--dtype", "int8"], "unknown dtype 'int8'"),
    "device": (["oracle", "--device", "tpu"], "`--device` must be cpu, or cuda on a machine that has one; got 'tpu'"),
    "oracle": (["oracle", "--oracle", "jordn"], "unknown oracle 'jordn'; did you mean 'jordan'"),
    "out is a file": (
        ["oracle", "--out", "text.txt"],
        "`--out` 'text.txt' cannot be written to: 'text.txt' is no folder",
    ),
    "out is in a file": (
        ["oracle", "--out", "text.txt/a/b"],
        "'text.txt/a/b' cannot be written to: '.*text.txt' is no",
    ),
    "target": (["plan", "--target", "1"], "`target` must be a finite number >= 1e-08 and < 1"),
    "eta": (["plan", "--eta", "-1"], "`eta` must be a finite number >= 0"),
    "beyond float32": (
        ["plan", *SHAPE, "--dtype", "float32", "--target", "1e-8"],
        "no oracle certifies `target` 1e-08 on 'gaussian' in float32 with η ≤ 1e-08; ask for more than the rounding",
    ),
    "callable": (["oracle", "--callable", "mine"], "`--callable` must be module:function, file.py:function or torch"),
    "module": (["oracle", "--callable", "no_such:f"], r"there is no module 'no_such' \(no_such was not found\)"),
    "file": (["oracle", "--callable", "no.py:f"], "there is no file 'no.py'"),
    "function": (["oracle", "--callable", "mine.py:rihgt"], "unknown name in 'mine.py' 'rihgt'; did you mean 'right'"),
    "no function": (["oracle", "--callable", "mine.py:number"], "must be a function m → d or an Oracle, .* int"),
    "ball": (["oracle", "--callable", "mine.py:right", "--ball", "spektral"], "unknown ball 'spektral'; .* 'spectral'"),
    "ball's number": (["oracle", "--callable", "mine.py:right", "--ball", "lp=0"], "`p` must be a finite number"),
    "no number of a ball": (["oracle", "--callable", "mine.py:right", "--ball", "l1=2"], "`l1=2` takes no number"),
    "vectors of a ball of matrices": (
        ["oracle", "--callable", "mine.py:right", "--shape", "7"],
        "the ball `spectral` is one of 2 dimensions; give a shape of as many sizes",
    ),
    "both": (["oracle", "gaussian", "--callable", "mine.py:right"], "leave out sources, --oracle and --only"),
    "of a callable": (["oracle", "--ball", "spectral"], "--ball, --batched and --inexact are for --callable"),
}


@pytest.mark.parametrize(("words", "says"), REFUSED.values(), ids=REFUSED)
def test_bad_input_is_one_sentence_and_status_2(words: list[str], says: str, home: Path) -> None:
    (home / "mine.py").write_text(MINE)
    for name in ("text.txt", "bad.pth", "bad.npy", "bad.safetensors"):
        (home / name).write_text("no numbers here")
    np.save(home / "vector.npy", np.ones(3))
    np.save(home / "nan.npy", np.array([[1.0, np.nan]]))
    before = sorted(home.iterdir())
    said = lmo(*words)
    assert said.status == 2 and re.search(rf"\Aerror: .*{says}.*\n\Z", said.err), said.err
    assert [p for p in sorted(home.iterdir()) if p.name != "__pycache__"] == before, "it leaves nothing behind"


def test_json_has_no_nan() -> None:
    found = json.dumps(rows("low-rank=2", *SHAPE, "--oracle", "exact", "--oracle", "jordan", "--no-figure"))
    assert "NaN" not in found and "Infinity" not in found
