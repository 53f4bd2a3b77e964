"""Recorded chains: answers of `MomentTuned` and `Lanczos` from them are their answers, whatever was asked before.

A CUDA graph is stood in for by running the chain again into the memory that the first run left; the real ones are
tested on a GPU (`test_devices.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from samples import elements

from lmo import Draw
from lmo.balls import Scaled, Spectral
from lmo.oracles import Exact, Lanczos, MomentTuned, at_once, krylov, leading_pair, moment_tuned, recordings
from lmo.oracles.base import Oracle
from lmo.oracles.plans import plan_for_all
from lmo.oracles.recordings import PerStream, Recordings


def played(work, pool):
    answers = work()

    def again() -> None:
        for mine, new in zip(answers, work(), strict=True):
            mine.copy_(new.clone())

    return answers, again


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(recordings, "recorded", played)
    for user in (at_once, krylov):
        monkeypatch.setattr(user, "recordable", lambda m: True)
        monkeypatch.setattr(user, "_recordings", PerStream())
    yield


def plainly(oracle: Oracle, m: torch.Tensor, draw: Draw | None = None) -> torch.Tensor:
    with pytest.MonkeyPatch.context() as patch:
        for user in (at_once, krylov):
            patch.setattr(user, "recordable", lambda m: False)
        return oracle(m, draw=draw)[0]


def decaying(shape: tuple[int, int], exponent: float, seed: int) -> torch.Tensor:
    u, _, vh = torch.linalg.svd(elements(shape, seed), full_matrices=False)
    return (u * torch.arange(1.0, min(shape) + 1).double() ** -exponent) @ vh


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("shape", [(40, 40), (24, 70), (70, 24)])
def test_answers_are_those_of_the_plain_chain(shape, dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spectra come and go, tails ask for further steps; each answer stays what it was."""
    asked: list[int] = []
    record = recordings.Recording

    def counted(work, *given, dtype, pool):
        asked.append(1)
        return record(work, *given, dtype=dtype, pool=pool)

    monkeypatch.setattr(recordings, "Recording", counted)
    kept: list[tuple[torch.Tensor, torch.Tensor]] = []
    for oracle in (MomentTuned(dtype=dtype, look_first=False), MomentTuned(0.01, dtype=dtype, look_first=False)):
        for k in range(12):
            m = decaying(shape, (0.0, 0.5, 1.0, 1.4)[k % 4], k) * 10.0 ** (k % 3)
            kept.append((oracle(m)[0], plainly(oracle, m)))
    assert len(asked) == (1 if plan_for_all(min(shape), 0.1, dtype) == plan_for_all(min(shape), 0.01, dtype) else 2)
    for mine, its in kept:
        assert mine.stride() == its.stride() and mine.dtype == torch.float64
        assert torch.equal(mine, its)


@pytest.mark.parametrize("failure", [0.0, 1e-3])
@pytest.mark.parametrize("shape", [(110, 130), (130, 110)])
def test_runs_of_lanczos_are_those_of_the_plain_chain(shape, failure) -> None:
    """With products of x, in strips or not, then of the Gram matrix; several runs, to different lengths."""
    oracle = Lanczos(1e-5, failure)
    for k in range(6):
        m, draw = decaying(shape, (0.2, 0.5, 1.0)[k % 3], k), Draw(k, 0)
        mine, its = oracle(m, draw=draw)[0], plainly(oracle, m, draw)
        torch.testing.assert_close(mine, its, rtol=0, atol=1e-8)  # of another memory layout, so rounded otherwise
    matrix = min(shape)
    of_vectors = leading_pair.gram_times_in_strips if failure else leading_pair.gram_times
    made = [kind for one in krylov._recordings._found.values() for kind, found in one._kept.items() if found]
    applied = {kind[0] for kind in made if isinstance(kind, tuple)}
    assert of_vectors in applied and all(kind[3] == (matrix,) for kind in made if isinstance(kind, tuple))


def test_inside_and_outside_of_inference_mode() -> None:
    """A recording that was made in one is replayed in the other; a parameter may be asked about without autograd."""
    oracle, lanczos = MomentTuned(look_first=False), Lanczos(1e-5, 1e-3)
    questions = [elements((100, 120), k) for k in range(3)]
    its = [(plainly(oracle, m), plainly(lanczos, m, Draw(0, 0))) for m in questions]
    for first in (True, False):
        for k in range(6):
            m = questions[k % 3]
            with torch.inference_mode(first == (k % 2 == 0)):
                mine = oracle(m.clone())[0], lanczos(m.clone(), draw=Draw(0, 0))[0]
            with torch.no_grad():
                again = oracle(torch.nn.Parameter(m))[0]
            torch.testing.assert_close(mine, its[k % 3], rtol=0, atol=1e-7)
            torch.testing.assert_close(again, its[k % 3][0], rtol=0, atol=1e-12)


def test_the_memory_layout_is_that_of_the_input() -> None:
    for m in (elements((6, 9), 0), elements((9, 6), 0).mT, elements((9, 6), 1), elements((6, 9), 1).mT):
        for _ in range(4):
            oracle = MomentTuned(look_first=False)
            assert oracle(m)[0].stride() == plainly(oracle, m).stride() == MomentTuned()(m)[0].stride()


def test_what_a_recording_cannot_hold_goes_the_plain_way() -> None:
    oracle, m = MomentTuned(look_first=False), elements((5, 5), 0)
    for _ in range(3):
        oracle(m)
    for other in (m * 1e-150, m * 1e150, torch.zeros_like(m)):
        assert torch.equal(oracle(other)[0], plainly(oracle, other))
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="`m` has entries that are NaN or infinite"):
            oracle(m.clone().index_put_((torch.tensor(1), torch.tensor(2)), torch.tensor(wrong).double()))
    half = MomentTuned(dtype=torch.float16, look_first=False)
    for _ in range(3):
        torch.testing.assert_close(half(m)[0], plainly(half, m), rtol=0, atol=0)


def test_the_least_recently_used_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "KEPT", 2)
    kept, x = Recordings(), torch.ones(2)

    def double(given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (2 * given,)

    assert kept.get("a", double, x) is None
    first = kept.get("a", double, x)
    assert first is not None and kept.get("a", double, x) is first
    assert torch.equal(first(3 * x)[0], 6 * x)
    kept.get("b", double, x)
    assert kept.get("a", double, x) is first
    kept.get("c", double, x)  # forgets b
    assert kept.get("b", double, x) is None
    assert kept.get("a", double, x) is None


def test_further_steps_keep_the_precision_of_the_iteration(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.dtype] = []
    step = moment_tuned.one_step
    monkeypatch.setattr(moment_tuned, "one_step", lambda y, p: (seen.append(y.dtype), step(y, p))[1])
    m = decaying((64, 64), 0.0, 0)
    m = m - (1 - 5e-4) * m @ torch.diag(torch.arange(64) < 32).double()  # half of the spectrum is tiny
    for given, iterated in ((torch.bfloat16, torch.float32), (torch.float32, torch.bfloat16)):
        oracle, found = MomentTuned(1e-5, dtype=iterated, look_first=False), []
        for _ in range(4):
            answer = oracle(m.to(given))[0]
            found.append(list(seen))
            seen.clear()
            assert answer.dtype == given
        assert found[0] and all(one == found[0] for one in found) and set(found[0]) == {iterated}


def test_what_the_radius_makes_infinite_is_refused() -> None:
    for oracle in (MomentTuned(ball=Scaled(Spectral(), 1e39)), Exact(Scaled(Spectral(), 1e39))):
        with pytest.raises(ValueError, match="`direction` has entries that are NaN or infinite"):
            oracle(elements((4, 4), 0).float())


@pytest.mark.parametrize("told", [
    (1.0, float("nan"), 1.0, 1.0), (1.0, float("inf"), 1.0, float("inf")), (float("nan"), 2.0, 4.0, 1.0),
    (1e30, 2.0, 4.0, 1.0), (1.0, 2.0, 4.0, float("nan")), (1.0, 1.0, 0.1, 1e-3),
])  # fmt: skip
def test_answers_that_are_not_good_enough_are_known(told) -> None:
    plan = plan_for_all(4, 0.1, torch.float32)
    assert at_once.converged(at_once.Told(1.0, 2.0, 4.0, 1.0), 4, plan, 0.1, torch.float32)
    assert not at_once.converged(at_once.Told(*told), 4, plan, 0.1, torch.float32)


def test_another_matmul_precision_is_another_recording() -> None:
    before = recordings.matmul_settings()
    torch.set_float32_matmul_precision("high")
    try:
        assert recordings.matmul_settings() != before
    finally:
        torch.set_float32_matmul_precision("highest")
    assert recordings.matmul_settings() == before
    if hasattr(torch.backends.cuda.matmul, "fp32_precision"):  # torch's newer way
        old = torch.backends.cuda.matmul.fp32_precision
        torch.backends.cuda.matmul.fp32_precision = "tf32"
        try:
            assert recordings.matmul_settings() != before
        finally:
            torch.backends.cuda.matmul.fp32_precision = old
    assert recordings.matmul_settings() == before


def test_nothing_is_recorded_on_a_cpu() -> None:
    assert not recordings.recordable(torch.ones(1, 3, 3))
