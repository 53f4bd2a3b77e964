"""What does an oracle answer, and which answers count as having error δ?"""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr

from lmo.balls import L1, L2, LInf, Lp, NormBall

BALLS: dict[str, NormBall] = {"ℓ1: one coordinate": L1(), "ℓ2: normalised": L2(), "ℓ3": Lp(3.0), "ℓ∞: signs": LInf()}


def planes(gradient: tuple[float, float] = (0.55, 1.25), delta: float = 0.3, points: int = 400) -> xr.Dataset:
    """Unit balls in the plane, their answers to `gradient`, and the ball of radius δ around each answer."""
    angle = torch.linspace(0, 2 * np.pi, points + 1, dtype=torch.float64)[:-1]
    circle = torch.stack([angle.cos(), angle.sin()], -1)
    m = torch.tensor(gradient, dtype=torch.float64)
    boundary = [circle / ball.norm(circle).unsqueeze(-1) for ball in BALLS.values()]
    answers = [ball.lmo(m) for ball in BALLS.values()]
    near = [answer + delta * edge for answer, edge in zip(answers, boundary, strict=True)]
    return xr.Dataset(
        {
            "boundary": (("ball", "point", "xy"), torch.stack(boundary).numpy()),
            "tolerance": (("ball", "point", "xy"), torch.stack(near).numpy()),
            "answer": (("ball", "xy"), torch.stack(answers).numpy()),
            "gradient": ("xy", m.numpy()),
        },
        {"ball": list(BALLS)},
        {"delta": delta},
    )
