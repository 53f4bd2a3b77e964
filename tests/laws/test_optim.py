"""`lmo.optim.LMO`: the same trajectory as `Method.step`, and everything that users of torch.optim expect."""

from __future__ import annotations

import copy
import io
import math
import pickle

import pytest
import torch
from samples import MOMENTA, ORACLES, elements, name_of
from torch import nn
from torch.func import functional_call

from lmo import Draw, Method
from lmo.balls import L2, LInf, Spectral
from lmo.momentum import Ema, HeavyBall, Nesterov, NoMomentum
from lmo.optim import LMO
from lmo.oracles import Adaptive as Certified
from lmo.oracles import Exact, NewtonSchulz, Perturbed, Random, Rounded, Shrink
from lmo.step_rules import Adaptive, Fixed, ShapeScaled

ON_MATRICES = [oracle for oracle, _ in ORACLES if oracle.ball.core_ndim == 2]
NOISY = Perturbed(Exact(Spectral()), Random(0.3))


class Tiring(Exact):
    """With a memory: its steps become shorter with every call."""

    def _direction(self, m, memory, draw, harm):
        calls = 0 if memory is None else memory
        return super()._direction(m, None, draw, harm)[0] / (1 + calls), calls + 1


INPUTS, TARGETS = elements((5,), 100, 16), elements((3,), 101, 16)


def network() -> nn.Module:
    """Two matrices and two vectors, float64, the same ones every time."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)).double()


def groups(model: nn.Module, oracle=None, **options) -> list[dict]:
    """The matrices under `oracle`, the vectors under sign descent."""
    parameters = list(model.parameters())
    matrices = {"params": [p for p in parameters if p.ndim == 2], "oracle": oracle or Exact(Spectral())}
    return [matrices | options, {"params": [p for p in parameters if p.ndim == 1], "oracle": Exact(LInf())} | options]


def loss_of(model: nn.Module) -> torch.Tensor:
    return ((model(INPUTS) - TARGETS) ** 2).mean()


def train(model: nn.Module, optimizer, steps: int = 8, scheduler=None, **zero_options) -> list[torch.Tensor]:
    for _ in range(steps):
        optimizer.zero_grad(**zero_options)
        loss_of(model).backward()
        optimizer.step()
        if scheduler:
            scheduler.step()
    return values(model)


def values(model: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in model.parameters()]


def by_hand(method_of, lr_of) -> list[torch.Tensor]:
    """8 times `Method.step` with α = 0.3 on copies of the parameters, one by one; `method_of(ndim)`, `lr_of(step)`."""
    model = network()
    names, x = zip(*((n, p.detach().clone()) for n, p in model.named_parameters()), strict=True)
    states = [method_of(a.ndim).init(a) for a in x]
    in_groups = sorted(range(len(x)), key=lambda i: x[i].ndim != 2)  # matrices first: it draws by position
    for k in range(8):
        leaves = [s.x.requires_grad_(True) for s in states]
        loss = ((functional_call(model, dict(zip(names, leaves, strict=True)), INPUTS) - TARGETS) ** 2).mean()
        for i, g in enumerate(torch.autograd.grad(loss, leaves)):
            method, state = method_of(g.ndim), states[i]._replace(x=leaves[i].detach())
            options = {
                "alpha": 0.3 if method.momentum.needs_alpha else None,
                "draw": Draw(1_000_003 * in_groups.index(i), k),
            }
            states[i], _ = method.step(state, g, step_size=lr_of(k), **options)
    return [s.x for s in states]


def equal(ours, theirs) -> bool:
    return all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("momentum", MOMENTA, ids=name_of)
@pytest.mark.parametrize("oracle", [*ON_MATRICES, Tiring(Spectral())], ids=name_of)
def test_the_trajectory_is_that_of_the_method(oracle, momentum) -> None:
    for rule, decay in ((Fixed(), 0.0), (Adaptive(), 0.1), (ShapeScaled(0.7), 0.1)):
        model = network()
        options = {"momentum": momentum, "step_rule": rule, "weight_decay": decay}
        trained = train(model, LMO(groups(model, oracle), lr=0.05, alpha=0.3, **options))
        expected = by_hand(lambda n, r=rule, w=decay: Method(oracle if n == 2 else Exact(LInf()), momentum, r, w),
                           lambda k: 0.05)  # fmt: skip
        assert equal(trained, expected) and not equal(trained, values(network()))


def test_the_defaults() -> None:
    """Exact spectral steps along an average with α = 0.05 from the first gradient, no decay."""
    model, explicit = network(), network()
    options = {"lr": 1e-3, "alpha": 0.05, "momentum": Ema("first gradient"), "weight_decay": 0.0, "step_rule": Fixed()}
    plain = LMO([p for p in model.parameters() if p.ndim == 2])
    train(explicit, LMO([p for p in explicit.parameters() if p.ndim == 2], oracle=Exact(Spectral()), **options))
    assert equal(train(model, plain), values(explicit)) and not equal(values(model), values(network()))


SCHEDULES = {
    "exponential": (lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.8), lambda k: 0.8**k),
    "cosine": (
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 8), lambda k: (1 + math.cos(math.pi * k / 8)) / 2
    ),
    "a function, down to 0": (
        lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda k: max(0.0, 1 - k / 5)), lambda k: max(0.0, 1 - k / 5)
    ),
}  # fmt: skip


@pytest.mark.parametrize(("schedule", "factor"), SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize("lr", [0.1, torch.tensor(0.1, dtype=torch.float64)], ids=["number", "tensor"])
def test_schedulers_of_torch(schedule, factor, lr) -> None:
    model = network()
    options = {"momentum": Nesterov(), "weight_decay": 0.2}
    optimizer = LMO(groups(model), lr=lr if isinstance(lr, float) else lr.clone(), alpha=0.3, **options)
    trained = train(model, optimizer, scheduler=schedule(optimizer))
    expected = by_hand(
        lambda n: Method(Exact(Spectral() if n == 2 else LInf()), Nesterov(), weight_decay=0.2),
        lambda k: 0.1 * factor(k),
    )
    for ours, theirs in zip(trained, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_a_scheduler_that_would_overwrite_the_momentum() -> None:
    """OneCycleLR writes β into `momentum` unless told not to: refused, not taken for something else."""
    model = network()
    optimizer = LMO(groups(model), lr=0.1)
    torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=20)
    with pytest.raises(TypeError, match=r"`momentum` must be of type Momentum, got 0\.\d+"):
        train(model, optimizer, 1)
    calm = LMO(groups(model), lr=0.1)
    train(model, calm, 8, torch.optim.lr_scheduler.OneCycleLR(calm, 0.1, total_steps=20, cycle_momentum=False))


def test_groups_have_their_own_numbers_and_parts() -> None:
    """Two groups in one optimiser move like two optimisers; what a group leaves out is the default."""
    first = {"lr": 0.2, "alpha": 0.9, "momentum": HeavyBall(), "weight_decay": 0.3, "oracle": NewtonSchulz()}
    second = {"lr": 0.01, "oracle": Exact(L2()), "step_rule": Adaptive()}
    default = {"alpha": 0.4, "momentum": Nesterov("zero")}
    together, apart = network(), network()
    matrices, vectors = ([p for p in together.parameters() if p.ndim == n] for n in (2, 1))
    optimizer = LMO([{"params": matrices, **first}], lr=7.0, **default)
    optimizer.add_param_group({"params": vectors, **second})
    matrices, vectors = ([p for p in apart.parameters() if p.ndim == n] for n in (2, 1))
    pair = [LMO(matrices, **first), LMO(vectors, **default | second)]
    for _ in range(6):
        train(together, optimizer, 1)
        apart.zero_grad()
        loss_of(apart).backward()
        for one in pair:
            one.step()
    assert equal(values(together), values(apart))


@pytest.mark.parametrize("oracle", [Exact(Spectral()), Tiring(Spectral()), NewtonSchulz(), NOISY], ids=name_of)
@pytest.mark.parametrize("momentum", MOMENTA, ids=name_of)
@pytest.mark.parametrize("way", ["file", "dictionary"])
def test_saved_and_loaded_it_goes_on_to_the_bit(oracle, momentum, way) -> None:
    """By torch's recipe, torch.save and torch.load as they come; numbers and buffers are those of the saved one."""
    straight, model = network(), network()
    options = {"lr": 0.1, "alpha": 0.2, "momentum": momentum, "weight_decay": 0.1, "seed": 5}
    expected = train(straight, LMO(groups(straight, oracle), **options), 9)
    optimizer = LMO(groups(model, oracle), **options)
    train(model, optimizer, 4)
    checkpoint = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    if way == "file":
        file = io.BytesIO()
        torch.save(checkpoint, file)
        file.seek(0)
        checkpoint = torch.load(file)
    resumed = network()
    resumed.load_state_dict(checkpoint["model"])
    again = LMO(groups(resumed, oracle), lr=9.0, alpha=0.9, momentum=momentum, weight_decay=0.9, seed=9)
    again.load_state_dict(checkpoint["optimizer"])
    assert equal(train(model, optimizer, 5), expected)  # going on with the first one does not disturb the second
    assert equal(train(resumed, again, 5), expected)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda both: pickle.loads(pickle.dumps(both))])
@pytest.mark.parametrize("momentum", MOMENTA, ids=name_of)
def test_a_copy_goes_its_own_way(duplicate, momentum) -> None:
    model = network()
    optimizer = LMO(groups(model, NOISY), lr=0.1, alpha=0.2, momentum=momentum)
    middle = train(model, optimizer, 4)
    twin, second = duplicate((model, optimizer))
    ahead = train(twin, second, 5)
    assert equal(values(model), middle) and not equal(ahead, middle)
    assert equal(train(model, optimizer, 5), ahead)


def test_the_closure_is_called_once_with_gradients_on() -> None:
    model, plain = network(), network()
    optimizer, calls = LMO(groups(model), lr=0.1), []

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = loss_of(model)
        loss.backward()
        calls.append(float(loss.detach()))
        return loss

    with torch.no_grad():
        losses = [float(optimizer.step(closure).detach()) for _ in range(5)]
    assert losses == calls and losses[-1] < losses[0]
    assert equal(values(model), train(plain, LMO(groups(plain), lr=0.1), 5))
    assert optimizer.step() is None


def test_random_errors_belong_to_seed_step_and_parameter() -> None:
    def once(**options) -> list[torch.Tensor]:
        twins = [nn.Parameter(torch.zeros(3, 4, dtype=torch.float64)) for _ in range(2)]
        optimizer = LMO(twins, lr=1.0, oracle=NOISY, momentum=NoMomentum(), **options)
        moves = []
        for _ in range(2):
            for p in twins:
                p.data.zero_()
                p.grad = elements((3, 4), 0)
            optimizer.step()
            moves += [p.detach().clone() for p in twins]
        return moves

    moves = once()
    assert equal(moves, once()) and equal(moves, once(seed=0))
    assert all(not torch.equal(a, b) for i, a in enumerate(moves) for b in moves[:i])
    assert all(not torch.equal(a, b) for a, b in zip(moves, once(seed=1), strict=True))


def test_many_parameters_do_not_share_their_errors() -> None:
    """Also in a group of more than 1000."""
    vectors = [nn.Parameter(torch.zeros(2, dtype=torch.float64)) for _ in range(1002)]
    oracle = Perturbed(Exact(LInf()), Random(0.3))
    optimizer = LMO([{"params": vectors[:1001]}, {"params": vectors[1001:]}], lr=1.0, oracle=oracle)
    for p in vectors:
        p.grad = torch.ones(2, dtype=torch.float64)
    optimizer.step()
    assert len({tuple(p.tolist()) for p in vectors}) == len(vectors)


@pytest.mark.parametrize("momentum", MOMENTA, ids=name_of)
def test_gradients_and_storage_are_left_alone(momentum) -> None:
    """Also where zero_grad writes zeros into the gradient that the first buffer was made of."""
    model, other = network(), network()
    places = [p.data_ptr() for p in model.parameters()]
    optimizer = LMO(groups(model), lr=0.1, momentum=momentum)
    kept = train(model, optimizer, set_to_none=False)
    assert equal(kept, train(other, LMO(groups(other), lr=0.1, momentum=momentum), set_to_none=True))
    assert [p.data_ptr() for p in model.parameters()] == places
    assert all(p.requires_grad and p.is_leaf for p in model.parameters())
    before = [p.grad.clone() for p in model.parameters()]
    optimizer.step()
    assert equal([p.grad for p in model.parameters()], before)


def test_a_parameter_without_gradient_stays() -> None:
    model = network()
    model[0].weight.requires_grad_(False)
    frozen = model[0].weight.clone()
    optimizer = LMO(groups(model), lr=0.1)
    train(model, optimizer)
    assert torch.equal(model[0].weight, frozen) and model[0].weight not in optimizer.state


def test_a_proof_is_not_part_of_the_saved_state(tmp_path) -> None:
    weight = torch.nn.Parameter(torch.randn(4, 5, generator=torch.Generator().manual_seed(0)))
    optimizer = LMO([weight], oracle=Certified(0.01), lr=0.1)
    weight.grad = torch.ones_like(weight)
    optimizer.step()
    torch.save(optimizer.state_dict(), tmp_path / "state.pt")
    optimizer.load_state_dict(torch.load(tmp_path / "state.pt"))
    assert optimizer.state[weight]["memory"] is None


def test_a_changed_answer_carries_no_proof() -> None:
    m = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    for changed in (Rounded(Certified(0.01)), Perturbed(Certified(0.01), Shrink(0.5))):
        assert changed(m)[1] is None and changed.oracle(m)[1] is not None
