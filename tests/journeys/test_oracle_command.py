"""`lmo oracle` as a user meets it: the table, the contract on a callable, refusals (of `lmo plan` too)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import SHAPE, lmo, matrix, strict_json
from safetensors.torch import save_file

from experiments.oracles import commands, contract
from experiments.oracles.specs import parse
from lmo.testing import CALLABLE_LAWS

pytestmark = pytest.mark.usefixtures("home")


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
        assert row["rounded"] == (row["oracle"] == "exact"), "0 is certified in exact arithmetic"
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
    assert len(re.findall(r"\d†", printed)) == 4 and "†: certified in exact arithmetic, no bound on" in printed


def test_a_certificate_below_rounding_is_marked_in_every_precision() -> None:
    words = ["gaussian", "--shape", "48x96", "--no-figure", "--oracle"]
    assert rows(*words, "polar-express:8")[0]["rounded"]  # δ ≤ 2e-16, measured 6e-15
    for text in ("polar-express:8", "classical-2:10", "exact"):
        (row,) = rows(*words, text, "--dtype", "float32")
        assert row["rounded"] and row["delta"] > row["certified"]["delta"]
    assert not rows(*words, "jordan", "--dtype", "float32")[0]["rounded"]
    assert not rows(*words, "adaptive=1e-8")[0]["rounded"], "its proof includes rounding"


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
        assert re.search(r"−⟨m, d⟩ is 0\.9\d* ‖m‖_\*", broken["aligned"]), "of −f"
        assert re.search(r"0\.2\d* away from the minimisers", broken["distance"]), "of −f"
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
    assert said.out.splitlines()[1].startswith("The sign is flipped throughout: on every question it increases ⟨m, ·⟩")
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
    "no matrix": (["plan", "vector.npy"], r"'vector.npy' holds no floating-point matrix .*its tensors: \(3,\) float64"),
    "nan": (["oracle", "nan.npy"], "the matrix 'nan.npy' has entries that are NaN or infinite; all must be finite"),
    "complex": (["oracle", "complex.npy"], r"the matrix 'complex.npy' is complex \(complex128\); all must be real"),
    "complex in a checkpoint": (
        ["plan", "complex.pt"],
        r"the matrix 'rotations' is complex \(complex64\); all must be",
    ),
    "complex in safetensors": (["plan", "complex.safetensors"], r"the matrix 'rotations' is complex \(complex64\)"),
    "truth values": (
        ["oracle", "mask.npy"],
        "'mask.npy' cannot be read as .*: it holds truth values; allowed are float",
    ),
    "no floats": (["plan", "counters.pt"], r"no floating-point matrix .* its tensors: \(2, 2\) int64, \(2, 2\) bool"),
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
    np.save(home / "complex.npy", np.eye(4) + 1j)
    np.save(home / "mask.npy", np.eye(4) > 0)
    rotations = {"rotations": torch.ones(2, 3, dtype=torch.complex64), "w": torch.ones(2, 3)}
    torch.save(rotations, home / "complex.pt")
    save_file(rotations, home / "complex.safetensors")
    torch.save({"ids": torch.ones(2, 2, dtype=torch.int64), "mask": torch.ones(2, 2).bool()}, home / "counters.pt")
    before = sorted(home.iterdir())
    said = lmo(*words)
    assert said.status == 2 and re.search(rf"\Aerror: .*{says}.*\n\Z", said.err), said.err
    assert [p for p in sorted(home.iterdir()) if p.name != "__pycache__"] == before, "it leaves nothing behind"


def test_json_has_no_nan() -> None:
    found = json.dumps(rows("low-rank=2", *SHAPE, "--oracle", "exact", "--oracle", "jordan", "--no-figure"))
    assert "NaN" not in found and "Infinity" not in found
