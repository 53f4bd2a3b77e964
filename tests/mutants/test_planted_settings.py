"""One wrong variant of every statement with decay, schedules, other momenta or gaps: a run must refute it.

Written as a user would get them wrong, before any attack knew these settings, and kept as they were.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from test_planted_theorem_files import fair_counterexample, loaded

from experiments.refutation.search import search
from experiments.refutation.target import target

_SECONDS = 20.0  # of attack; most fall within one

# name → (shipped file, [(text there, text in its place)])
WRONG: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "C1, D from the ball of radius b to the one of radius c": (
        "frank_wolfe",
        [("_diameter = 2 * b / lam", "_diameter = (b + c) / lam"), ("K, L, b, gamma", "K, L, b, c, gamma")],
    ),
    "C2, the step term of S1: decay lengthens no step": (
        "decay", [("+ L * _fraction * _diameter**2 / 2", "+ L * gamma * b**2 / (2 * lam)")],
    ),
    "S4, one smoothness for both: L̄ for L": ("storm", [("+ L * gamma * b**2 / 2", "+ Lbar * gamma * b**2 / 2")]),
    "D3, only L0 matters in the end": (
        "l0_l1",
        [("claim=(L1 * _level + sp.sqrt(L1**2 * _level**2 + 4 * L0 * _level)) / 2", "claim=sp.sqrt(L0 * _level)")],
    ),
    "D4, c/b for its square": (
        "star_convex", [("claim=1 / (1 / Delta + K * c**2 / (2 * L * R**2 * b**2))",
                         "claim=1 / (1 / Delta + K * c / (2 * L * R**2 * b))")],
    ),
    "D5, twice the rate": (
        "polyak_lojasiewicz", [("claim=(1 - mu * c**2 / (L * b**2)) ** K * Delta",
                                "claim=(1 - 2 * mu * c**2 / (L * b**2)) ** K * Delta")],
    ),
    "D1-v, a schedule costs nothing": (
        "varying_step", [("claim=Delta / (c * gamma * K) + L * gamma * nu * b**2 / (2 * c)",
                          "claim=Delta / (c * gamma * K) + L * gamma * b**2 / (2 * c)")],
    ),
    "S1-v, ν in the drift alone": ("ema_varying", [("+ L * gamma * nu * b**2 / 2", "+ L * gamma * b**2 / 2")]),
    "M, the gradient itself": (
        "muon", [("metric=WEIGHTED_DECAYED", "metric=WEIGHTED"),
                 ("    WEIGHTED_DECAYED,\n", "    WEIGHTED,\n    WEIGHTED_DECAYED,\n")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_run_refutes_it(name: str, tmp_path: Path) -> None:
    source, changes = WRONG[name]
    state = search(target(loaded(source, changes, tmp_path)), _SECONDS)
    assert state.refuted and fair_counterexample(state)
