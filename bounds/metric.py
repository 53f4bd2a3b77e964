"""What a statement bounds: a quantity of the steps of a run, averaged, at its smallest, or after the last step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy as sp

from bounds.symbols import COLUMNS, c, lam

WORDS = {"mean": "avg_k ", "minimum": "min_k ", "last": ""}
LATEX = {"mean": r"\frac{1}{K}\sum_{k<K}", "minimum": r"\min_{k<K}", "last": ""}


@dataclass(frozen=True)
class Metric:
    """What is bounded: "mean" or "minimum" over k = 0 … K−1 of a quantity of each step, or its "last" value.

    of_step: that quantity in constants and columns (`bounds.symbols.COLUMNS`); text, tex: the same for people. For
        "last" it is one of the point that a step arrives at, so that the last step's is that of x_K.
    unit: its powers of the units of the objective and of the norm.
    """

    over: str
    of_step: sp.Expr = COLUMNS["gradient_norm"]
    text: str = "‖∇f(x_k)‖_*"
    tex: str = r"\|\nabla f(x_k)\|_*"
    unit: tuple[int, int] = (1, -1)

    def of(self, values: np.ndarray) -> np.ndarray:
        """The metric per run of the quantity (run, step)."""
        return self.running(values)[..., -1]

    def running(self, values: np.ndarray) -> np.ndarray:
        """The metric after 1, 2 … K steps, (run, step); `ValueError` where `over` is none of the three."""
        if self.over == "mean":
            return values.cumsum(-1) / np.arange(1, values.shape[-1] + 1)
        if self.over == "minimum":
            return np.minimum.accumulate(values, -1)
        if self.over == "last":
            return values
        raise ValueError(f"a metric is over {', '.join(WORDS)}, not {self.over!r}")

    def words(self) -> str:
        """The metric in a formula's words."""
        return WORDS[self.over] + self.text

    def latex(self) -> str:
        """The metric as LaTeX."""
        return LATEX[self.over] + self.tex


MEAN = Metric("mean")
MINIMUM = Metric("minimum")
MEAN_DECAYED = Metric(
    "mean",
    COLUMNS["iterate_alignment"] + c / lam * COLUMNS["gradient_norm"],
    "[⟨∇f(x_k), x_k⟩ + (c/λ)‖∇f(x_k)‖_*]",
    r"\left[\langle\nabla f(x_k),x_k\rangle+\frac{c}{\lambda}\|\nabla f(x_k)\|_*\right]",
    unit=(1, 0),
)
LAST_BALL_GAP = Metric(
    "last",
    COLUMNS["next_ball_gap"],
    "f(x_K) − min_{‖v‖ ≤ c/λ} f(v)",
    r"f(x_K)-\min_{\|v\|\le c/\lambda}f(v)",
    unit=(1, 0),
)
LAST_GAP = Metric("last", COLUMNS["next_gap"], "f(x_K) − inf f", r"f(x_K)-\inf f", unit=(1, 0))
