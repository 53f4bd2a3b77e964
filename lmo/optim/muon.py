"""Muon as a composition, to the bit what torch.optim.Muon does."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from lmo.checks import check_number, unknown_name
from lmo.method import Method
from lmo.momentum import Ema, Nesterov
from lmo.optim.lmo import LMO
from lmo.oracles import Oracle, TorchNewtonSchulz
from lmo.step_rules import ShapeScaled

_ADJUSTMENTS = ("original", "match_rms_adamw")


def shape_factor(adjust_lr_fn: str | None, shape: tuple[int, ...]) -> float:
    """What torch.optim.Muon multiplies lr by: √max(1, rows/columns), or 0.2·√max(rows, columns)."""
    rows, columns = shape[:2]
    if adjust_lr_fn == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1, rows / columns))


class Muon(LMO):
    """torch.optim.Muon's signature, defaults and trajectory: zero-start Nesterov EMA, bfloat16 Newton–Schulz, decay.

    Built from `Nesterov(start="zero")` (or `Ema`), α = 1 − momentum, `TorchNewtonSchulz`, `ShapeScaled` and weight
    decay with the unadjusted lr. With the default oracle every parameter equals torch's to the bit (with momentum in
    {0} ∪ [0.5, 1), where 1 − (1 − momentum) is momentum in floating point).

    Args:
        params, lr, weight_decay, momentum, nesterov, ns_coefficients, eps, ns_steps, adjust_lr_fn: as in torch.
        oracle: any other oracle for the spectral ball in place of the bfloat16 one, such as `Exact(Spectral())`.

    Theory's step size is lr · `shape_factor`, the effective step size.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
        *,
        oracle: Oracle | None = None,
    ) -> None:
        check_number("momentum", momentum, at_least=0.0, below=1.0)
        if adjust_lr_fn is not None and adjust_lr_fn not in _ADJUSTMENTS:
            raise unknown_name("adjust_lr_fn", adjust_lr_fn, _ADJUSTMENTS)
        self.adjust_lr_fn = adjust_lr_fn
        if oracle is None:  # a list of coefficients is fine; a wrong number of them is refused there
            oracle = TorchNewtonSchulz(tuple(ns_coefficients), ns_steps, eps)  # type: ignore[arg-type]
        super().__init__(
            params,
            lr,
            oracle=oracle,
            momentum=Nesterov(start="zero") if nesterov else Ema(start="zero"),
            alpha=1 - momentum,
            weight_decay=weight_decay,
        )

    def method_for(self, group: dict[str, Any], parameter: Tensor) -> Method:
        factor = shape_factor(self.adjust_lr_fn, tuple(parameter.shape)) if parameter.ndim == 2 else 1.0
        return Method(group["oracle"], group["momentum"], ShapeScaled(factor), group["weight_decay"])
