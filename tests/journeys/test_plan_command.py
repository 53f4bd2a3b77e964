"""`lmo plan`: certified, the cheapest of all candidates, costs counted by hand."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import SHAPE, lmo, matrix, strict_json
from torch.utils.flop_counter import FlopCounterMode

from experiments.oracles import candidates, plan, spectra
from experiments.oracles.specs import parse
from lmo.oracles import (
    GramNewtonSchulz,
    NewtonSchulz,
)
from lmo.oracles.newton_schulz import PolynomialOracle
from lmo.oracles.scales import MomentBound

HEAD = r"layer +dtype +shape +σ_max/σ_min +oracle +certificate +ε ≤ +η ≤ +rounded ε ≤ +η ≤ +products +cost +ms"
pytestmark = pytest.mark.usefixtures("home")


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


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("target", [0.1, 0.01, 0.002])
def test_half_precision_is_planned_in_itself(dtype: str, target: float) -> None:
    words = ["power-law=1.0", *SHAPE, "--target", repr(target), "--dtype", dtype]
    (choice,) = planned(*words)
    m = spectra.matrix("power-law=1.0", (12, 20), 0).to(getattr(torch, dtype))
    d = parse(choice["oracle"]).oracle(m)[0]
    assert choice["dtype"] == dtype and d.dtype == m.dtype
    question, answer = m.double().numpy(), d.double().numpy()
    missed = 1 + (question * answer).sum() / np.linalg.svd(question, compute_uv=False).sum()
    excess = np.linalg.norm(answer, 2) - 1
    assert missed <= choice["answer"]["epsilon"] <= target
    assert excess <= choice["answer"]["eta"] <= min(target, excess + 1e-9)
    printed = lmo("plan", *words, width=250)
    assert re.search(rf"power-law=1.0 +{dtype} .* {excess:.3g} ", printed.out), printed.out
    assert ("@float32" in choice["oracle"]) == ("@float32: iterated in float32" in printed.out)


def test_below_the_rounding_of_half_precision_there_is_no_plan() -> None:
    said = lmo("plan", "power-law=1.0", *SHAPE, "--target", "1e-6", "--dtype", "bfloat16")
    assert said.status == 2
    found = re.search(r"in bfloat16 with η ≤ 1e-06; .*rounded to bfloat16, has ε ≤ (\S+) and η ≤ (\S+)\n", said.err)
    assert found, said.err
    u, _, vt = np.linalg.svd(spectra.matrix("power-law=1.0", (12, 20), 0).bfloat16().double(), full_matrices=False)
    rounded = torch.as_tensor(u @ vt).bfloat16().double().numpy()
    assert float(found[2]) == pytest.approx(np.linalg.norm(rounded, 2) - 1, rel=0.05) and float(found[2]) > 1e-4
    assert planned("power-law=1.0", *SHAPE, "--target", "1e-6", "--dtype", "float32")[0]["answer"]["eta"] <= 1e-6


def test_a_plan_for_a_checkpoint(home: Path) -> None:
    stored = {"model": {"a.weight": matrix(4, 6), "b.weight": matrix(6, 4).bfloat16()}, "zero": torch.zeros(4, 6)}
    torch.save(stored, home / "c.pt")
    found = planned("c.pt")
    assert [c["layer"] for c in found] == ["model.a.weight", "model.b.weight", "zero"]
    assert all(c["answer"]["epsilon"] <= 0.01 for c in found) and found[-1]["condition"] is None
    printed = lmo("plan", "c.pt", "--time", width=200)
    assert "The cheapest oracle that certifies ε ≤ 0.01 and η ≤ 0.01" in printed.out
    assert printed.status == 0 and re.search(r"All together: \d+ % of the flops of jordan:5", printed.out)
    assert re.search(HEAD, printed.out)
    for c in found:
        assert re.search(rf"^ *{c['layer']} .*{re.escape(c['oracle'])} +{c['certified']['kind']} ", printed.out, re.M)
        assert f"certificate {c['certified']['kind']}: " in printed.out
    assert [c["layer"] for c in planned("c.pt", "--only", "model.*")] == ["model.a.weight", "model.b.weight"]
