"""The torch.optim shell around `lmo.Method`: what theory checks is what users train with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from lmo.balls import Spectral
from lmo.checks import check_alpha, check_number
from lmo.method import Method, State
from lmo.momentum import Ema, Momentum
from lmo.oracles import Exact, Oracle
from lmo.oracles.proof import without_proof
from lmo.randomness import Draw
from lmo.step_rules import Fixed, StepRule

_PARTS = ("oracle", "momentum", "step_rule")


class LMO(torch.optim.Optimizer):
    """x ← (1 − λ·lr)x + γ·oracle(m) for every parameter, by the same `lmo.Method` that the theorems are checked on.

    Each parameter is one element of the oracle's ball, without batch dimensions: its number of dimensions must be the
    ball's `core_ndim` (2 for `Spectral`, 1 for `LInf()`, `LInf(core_ndim=2)` for a matrix taken as a vector).
    The oracle's direction decreases ⟨m, ·⟩, so it is added. `alpha` is the weight of the NEW gradient, 1 − beta.

    Args:
        params: parameters or param groups; a group may set lr, alpha, oracle, momentum, step_rule, weight_decay itself.
        lr: γ ≥ 0 (with `Adaptive`: its factor); schedulers of torch work on it.
        oracle, momentum, step_rule: the parts of the method. alpha: in (0, 1], ignored by a momentum without it.
        weight_decay: λ ≥ 0. seed: of oracles that draw random numbers; each step and parameter has its own.

    Raises:
        TypeError, ValueError: numbers out of range; a parameter that does not fit the ball; a momentum that needs two
            gradients a step (`Storm`); a sparse, complex, NaN or infinite gradient.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        *,
        oracle: Oracle | None = None,
        momentum: Momentum | None = None,
        alpha: float = 0.05,
        step_rule: StepRule | None = None,
        weight_decay: float = 0.0,
        seed: int = 0,
    ) -> None:
        defaults = {
            "lr": lr,
            "alpha": alpha,
            "oracle": oracle or Exact(Spectral()),
            "momentum": momentum or Ema(),
            "step_rule": step_rule or Fixed(),
            "weight_decay": weight_decay,
            "seed": seed,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group after checking its numbers and that its parameters fit its ball; a refused one is not added."""
        super().add_param_group(param_group)
        try:
            self._check_group(self.param_groups[-1])
        except Exception:
            self.param_groups.pop()
            raise

    def state_dict(self) -> dict[str, Any]:
        """As torch's, without the parts of the method, so that `torch.load` reads it without running code.

        Load it into an optimiser that was built with the same oracles, momenta and step rules.
        """
        saved = super().state_dict()
        for group in saved["param_groups"]:
            for part in _PARTS:
                group.pop(part)
        return saved

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As torch's; the parts of the method stay those of this optimiser."""
        groups = state_dict["param_groups"]
        if len(groups) == len(self.param_groups):  # otherwise torch refuses
            groups = [
                group | {p: mine[p] for p in _PARTS} for group, mine in zip(groups, self.param_groups, strict=True)
            ]
        super().load_state_dict(state_dict | {"param_groups": groups})

    def method_for(self, group: dict[str, Any], parameter: Tensor) -> Method:
        """The method that moves `parameter`; subclasses let it depend on the shape."""
        return Method(group["oracle"], group["momentum"], group["step_rule"], group["weight_decay"])

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of every parameter that has a gradient; returns the closure's loss."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        everything = [(group, parameter) for group in self.param_groups for parameter in group["params"]]
        for position, (group, parameter) in enumerate(everything):
            if parameter.grad is not None:
                self._move(group, parameter, position)
        return loss

    def _move(self, group: dict[str, Any], parameter: Tensor, position: int) -> None:
        gradient = parameter.grad
        assert gradient is not None
        if gradient.is_sparse or gradient.is_complex():
            raise TypeError("sparse and complex gradients have no linear minimisation oracle here")
        method = self.method_for(group, parameter)
        memory = self.state[parameter]
        count = memory.get("step", 0)
        state, _ = method.step(
            State(parameter, memory.get("buffer"), memory.get("memory")),
            gradient,
            step_size=float(group["lr"]),
            alpha=group["alpha"] if method.momentum.needs_alpha else None,
            draw=Draw(group["seed"] + 1_000_003 * position, count, parameter.device),
        )
        parameter.copy_(state.x)  # type: ignore[arg-type]
        buffer = state.buffer
        # without memory the buffer may be the gradient itself, which the next backward pass writes into
        memory["buffer"] = buffer.clone() if buffer is gradient else buffer
        memory["memory"] = without_proof(state.memory)
        memory["step"] = count + 1

    def _check_group(self, group: dict[str, Any]) -> None:
        check_number("lr", group["lr"], at_least=0.0)
        if not isinstance(group["seed"], int) or group["seed"] < 0:
            raise ValueError(f"`seed` must be a non-negative integer, got {group['seed']!r}")
        for parameter in group["params"]:
            method = self.method_for(group, parameter)  # checks oracle, momentum, step rule and decay
            if method.momentum.needs_before:
                raise ValueError(
                    f"the momentum {method.momentum.name!r} needs two gradients a step, of one sample at two points, "
                    "and an optimiser has one; use Ema, Nesterov, HeavyBall or NoMomentum, or `lmo.Method.step` with "
                    "`gradient_before`"
                )
            if method.momentum.needs_alpha:
                check_alpha(group["alpha"])
            self._check_fits(parameter, method)

    def _check_fits(self, parameter: Tensor, method: Method) -> None:
        wanted = method.oracle.ball.core_ndim
        if parameter.is_complex():
            raise TypeError("complex parameters have no linear minimisation oracle here")
        if parameter.ndim != wanted:
            raise ValueError(
                f"a parameter of shape {tuple(parameter.shape)} has {parameter.ndim} dimension(s), the ball "
                f"{method.oracle.ball} needs {wanted}; put it in a group with another ball, such as "
                f"LInf(core_ndim={parameter.ndim}) or L2(core_ndim={parameter.ndim})"
            )
