"""Answers that are repeated: which calls are asked, what is remembered, and nothing shared with the caller."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from samples import elements

from lmo import Draw, Method, measure
from lmo.balls import LInf, Product, Spectral
from lmo.oracles import Adaptive, Exact, LowRank, Oracle, Perturbed, Proof, Scripted, Stale
from lmo.oracles.errors import Inflate, Random


class Counting(Exact):
    """Exact; remembers how many times it was asked, and at which steps."""

    def _direction(self, m: Any, memory: Any, draw: Draw | None, harm: Any) -> tuple[Any, Any]:
        return self.ball._lmo(m), (memory or ()) + ((draw.step if draw else None),)


def answers(oracle: Oracle, questions: Any, seeds: Any = 0) -> list[Any]:
    """The answers to one question after another."""
    memory, found = None, []
    for step, m in enumerate(questions):
        d, memory = oracle(m, memory, Draw(seeds, step))
        found.append(d)
    return found


@pytest.mark.parametrize("every", [1, 2, 3, 5])
def test_every_kth_call_is_asked_and_repeated_until_the_next(every) -> None:
    questions = elements((3, 4), 1, 11)
    for step, d in enumerate(answers(Stale(Exact(Spectral()), every), questions)):
        assert torch.equal(d, Spectral().lmo(questions[step - step % every]))


@pytest.mark.parametrize("every", [1, 2, 4])
def test_the_oracle_inside_sees_only_its_own_calls(every) -> None:
    memory: Any = None
    for step in range(9):
        _, memory = Stale(Counting(Spectral()), every)(elements((2, 3), step), memory, Draw(0, step))
        assert memory["memory"] == tuple(range(0, step + 1, every)) and memory["age"] == step % every


def test_memory_and_randomness_inside_are_those_of_the_calls_that_were_asked() -> None:
    questions = elements((5, 6), 2, 9)
    inside = Perturbed(LowRank(2), Random(0.1))
    memory = None
    for step, d in enumerate(answers(Stale(inside, 3), questions, 7)):
        if step % 3 == 0:
            expected, memory = inside(questions[step], memory, Draw(7, step))
        assert torch.equal(d, expected)


def test_stale_in_stale_multiplies() -> None:
    questions = elements((4,), 2, 13)
    twice = answers(Stale(Stale(Exact(LInf()), 2), 3), questions)
    assert all(torch.equal(a, b) for a, b in zip(twice, answers(Stale(Exact(LInf()), 6), questions), strict=True))


def test_the_script_of_an_adversary_advances_with_the_calls_that_are_asked() -> None:
    factors = torch.tensor([[[0.5], [1.5], [0.8]]], dtype=torch.float64)
    oracle = Stale(Scripted(LInf(), factors, torch.tensor([3])), 2)
    sizes = [float(d.abs()) for d in answers(oracle, torch.ones(8, 1, 1, dtype=torch.float64), [0])]
    assert sizes == [0.5, 0.5, 1.5, 1.5, 0.8, 0.8, 0.5, 0.5]


def test_no_memory_is_a_reset() -> None:
    a, b = elements((3, 4), 3, 2)
    oracle = Stale(Exact(Spectral()), 5)
    _, memory = oracle(a)
    assert torch.equal(oracle(b, memory)[0], Spectral().lmo(a)) and torch.equal(oracle(b)[0], Spectral().lmo(b))


@pytest.mark.parametrize("every", [1, 3])
def test_the_caller_may_scale_an_answer_in_place(every) -> None:
    oracle, memory = Stale(Exact(Product((Spectral(), LInf()))), every), None
    m = (elements((3, 4), 3), elements((5,), 4))
    for _ in range(5):
        d, memory = oracle(m, memory)
        assert all(torch.equal(a, b) for a, b in zip(d, oracle.ball.lmo(m), strict=True))
        for layer in d:
            layer.mul_(0.5)


def test_a_memory_can_be_used_twice() -> None:
    """The state before a step is untouched by it: two branches from one state agree."""
    questions = elements((3, 4), 5, 4)
    oracle, memory = Stale(LowRank(1), 2), None
    for m in questions[:2]:
        _, memory = oracle(m, memory)
    branches = []
    for _ in range(2):
        d, later = oracle(questions[2], memory)
        branches.append((d, oracle(questions[3], later)[0]))
    assert torch.equal(branches[0][0], branches[1][0]) and torch.equal(branches[0][1], branches[1][1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_repeated_answer_has_the_dtype_of_its_question(dtype) -> None:
    a, b = elements((3, 4), 3, 2)
    _, memory = Stale(Exact(Spectral()), 2)(a)
    d, _ = Stale(Exact(Spectral()), 2)(b.to(dtype), memory)
    assert torch.equal(d, Spectral().lmo(a).to(dtype))


def test_batches_of_any_shape_are_answered_one_by_one() -> None:
    seeds = np.array([[3, 1, 4], [1, 5, 9]])
    questions = elements((3, 4), 6, 7, 2, 3)
    oracle = Stale(Perturbed(Exact(Spectral()), Random(0.3)), 3)
    whole = answers(oracle, questions, seeds)
    for i in np.ndindex(2, 3):
        alone = answers(oracle, [m[i] for m in questions], int(seeds[i]))
        for a, b in zip(whole, alone, strict=True):
            torch.testing.assert_close(a[i], b, rtol=0, atol=1e-12)


def test_the_promise_holds_without_delay_only() -> None:
    inside = Perturbed(Exact(Spectral()), Inflate(0.25))
    assert Stale(inside, 1).promise() == inside.promise() and Stale(inside, 2).promise() is None
    assert Stale(LowRank(1), 1).promise() == LowRank(1).promise() and Stale(Exact(LInf()), 1).certify(0.5) is None
    a = elements((3, 4), 3)
    turned = answers(Stale(inside, 2), [a, -a])[1]  # the worst that delay can do: it maximises
    seen = measure(Spectral(), -a, turned)
    assert float(seen.epsilon) == pytest.approx(2.25) and float(seen.delta) == pytest.approx(2.25)
    assert float(seen.eta) == pytest.approx(0.25)  # that of the oracle, whatever the delay


def test_a_slow_question_loses_no_more_than_it_moved() -> None:
    """⟨m, d⟩ ≥ −‖m‖_* and the old answer is exact for m₀: ε ≤ 2‖m − m₀‖_*/‖m‖_*."""
    m, step = elements((4, 6), 1), 0.01 * elements((4, 6), 2)
    nuclear = Spectral().dual_norm
    questions = [m + i * step for i in range(8)]
    for i, d in enumerate(answers(Stale(Exact(Spectral()), 8), questions)):
        lost = float(measure(Spectral(), questions[i], d).epsilon)
        assert 0 <= lost + 1e-12 <= 2 * float(nuclear(i * step) / nuclear(questions[i])) + 1e-9
    assert lost > 1e-4


def test_a_proof_is_not_kept() -> None:
    m = elements((4, 6), 0)
    oracle = Stale(Adaptive(0.01), 2)
    _, memory = oracle(m)
    assert memory["memory"] is None and not isinstance(memory, Proof)
    assert not isinstance(oracle(m, memory)[1]["memory"], Proof)


def test_in_a_method() -> None:
    method, state = Method(Stale(Exact(LInf()), 2)), None
    state = method.init(torch.zeros(1, 3, dtype=torch.float64))
    for sign in (1.0, -1.0, -1.0, 1.0):
        state, _ = method.step(state, sign * torch.ones(1, 3, dtype=torch.float64), step_size=1.0)
    assert state.x.tolist() == [[0.0, 0.0, 0.0]]  # −1 −1 +1 +1


BAD = {
    "every 0": (lambda: Stale(Exact(LInf()), 0), ValueError, "`every` must be an integer >= 1, got 0"),
    "every 1.5": (lambda: Stale(Exact(LInf()), 1.5), ValueError, "`every` must be an integer >= 1"),  # type: ignore[arg-type]
    "a ball": (lambda: Stale(LInf()), TypeError, "`oracle` must be of type Oracle"),  # type: ignore[arg-type]
    "another's memory": (
        lambda: Stale(Exact(LInf()))(torch.ones(3), 3), ValueError, "memory of Stale must be what its previous call"),
    "a dict": (lambda: Stale(Exact(LInf()))(torch.ones(3), {"age": 0}), ValueError, "memory of Stale must be what its"),
    "of another shape": (
        lambda: Stale(Exact(LInf()))(torch.ones(2, 3), Stale(Exact(LInf()))(torch.ones(3))[1]), ValueError,
        r"must have one shape, got \(2, 3\) and \(3,\)"),
}  # fmt: skip


@pytest.mark.parametrize(("attempt", "error", "message"), BAD.values(), ids=BAD)
def test_bad_arguments(attempt, error, message) -> None:
    with pytest.raises(error, match=message):
        attempt()
