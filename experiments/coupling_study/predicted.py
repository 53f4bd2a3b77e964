"""What theory says of an arm: the tuned step size, alpha and value of the theorem that its method falls under."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import bounds
from bounds.theorem import Theorem
from experiments.coupling_study.cells import Setting
from experiments.sweeps import catalogue

OF_MOMENTUM = {"ema": "ema", "ema-zero": "ema-zero", "nesterov": "nesterov", "nesterov-zero": "nesterov-zero",
               "storm": "storm"}  # fmt: skip


@dataclass(frozen=True)
class Prediction:
    """step_size, alpha (1 without momentum), value: of the exact optimum of the bound, not of its leading terms."""

    step_size: float
    alpha: float
    value: float


def theorem_of(setting: Setting) -> Theorem:
    """D1 and S2 without momentum, else the statement of that momentum; `ValueError` where there is none."""
    if setting.momentum == "none":
        return bounds.theorems["no-momentum" if setting.noisy else "fixed-step"]
    if setting.momentum not in OF_MOMENTUM:
        raise ValueError(f"no theorem here covers the momentum {setting.momentum!r}; {', '.join(OF_MOMENTUM)} have one")
    return bounds.theorems[OF_MOMENTUM[setting.momentum]]


@functools.cache
def constants_of(setting: Setting) -> dict[str, float]:
    """The constants of the setting's problem in its ball, those that its theorem needs."""
    plain = catalogue.problem_called(setting.problem)
    problem = catalogue.with_noise(plain, setting.noise)
    ball = catalogue.ball_called(setting.ball, plain)
    mean_smoothness = problem.mean_smoothness(ball)
    known: dict[str, Any] = {
        "initial_gap": problem.initial_gap().value,
        "smoothness": problem.smoothness(ball).value,
        "steps": float(setting.steps),
        "noise_std": problem.noise_std.value if problem.noise_std else 0.0,
        "norm_ratio": ball.norm_ratio(problem.shape),
        "mean_smoothness": mean_smoothness.value if mean_smoothness else None,
    }
    needed = set(theorem_of(setting).constants)
    missing = [name for name, value in known.items() if value is None and name in needed]
    if missing:
        raise ValueError(f"{missing[0]} of {setting.problem!r} is not known, and {theorem_of(setting).label} needs it")
    return {name: value for name, value in known.items() if name in needed}


def predict(setting: Setting, epsilon: float, eta: float) -> Prediction | None:
    """The tuning that is best for the bound at an error (ε, η); None where it says nothing (ε ≥ 1).

    The additive model is epsilon = eta = δ.
    """
    if epsilon >= 1 or eta <= -1:
        return None
    return _tuned(setting, round(float(epsilon), 12), round(float(eta), 12))


@functools.cache
def _tuned(setting: Setting, epsilon: float, eta: float) -> Prediction:
    at = theorem_of(setting).tune(**constants_of(setting), epsilon=epsilon, eta=eta)
    assert at.step_size is not None
    return Prediction(float(at.step_size), 1.0 if at.alpha is None else float(at.alpha), float(at.value))


def bound_at(setting: Setting, step_size: float, alpha: float, epsilon: float, eta: float) -> float | None:
    """The bound at a tuning; None where it says nothing."""
    if epsilon >= 1 or eta <= -1:
        return None
    theorem, given = theorem_of(setting), {"step_size": step_size, "epsilon": epsilon, "eta": eta}
    if theorem.has_alpha:
        given["alpha"] = min(alpha, 1.0)
    return float(theorem.bound(**constants_of(setting), **given))


def scale_of(setting: Setting) -> float:
    """√(2Δ/(LK)), D1's step for an exact oracle: where searches start."""
    known = constants_of(setting)
    return (2 * known["initial_gap"] / (known["smoothness"] * known["steps"])) ** 0.5
