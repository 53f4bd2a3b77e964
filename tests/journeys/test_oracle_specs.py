"""How oracles and matrices are spelled: specs, spectra, checkpoints, untrusted files."""

from __future__ import annotations

import pickle
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import lmo, matrix
from safetensors.torch import save_file

from experiments.oracles import candidates, sources, spectra
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
    Quantised,
    Rounded,
    TorchNewtonSchulz,
)
from lmo.oracles.scales import MomentBound, Schatten4
from lmo.polynomials.design import designed
from lmo.randomness import Draw

pytestmark = pytest.mark.usefixtures("home")


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
    "dion:3": LowRank(3),
    "quantised": Quantised(Exact(Spectral())),
    "quantised:4": Quantised(Exact(Spectral()), 4),
    "rounded@float16": Rounded(Exact(Spectral()), torch.float16),
}


@pytest.mark.parametrize("text", SPECS)
def test_a_spec_stands_for_its_oracle(text: str) -> None:
    assert parse(text) == Spec(text, SPECS[text])


def test_every_name_that_is_offered_is_an_oracle() -> None:
    for name in spellable():
        more = {"minimax": ":3=0.01", "low-rank": ":2", "dion": ":2", "randomised-svd": ":2"}.get(name, "")
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


def test_the_real_matrices_beside_a_complex_one_can_be_chosen(home: Path) -> None:
    torch.save({"w": matrix(2, 3), "rotations": torch.ones(2, 3, dtype=torch.complex64)}, home / "c.pt")
    assert [m.name for m in sources.read(["c.pt"], (2, 2), 0, only="w")] == ["w"]


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
