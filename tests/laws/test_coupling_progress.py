"""How far a study is: rate, time left, and what is said where nothing can be said."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from experiments.coupling_study.cells import Arm, Form, Setting, cost_of, line, sweep_of
from experiments.coupling_study.progress import LONGER, NO_TIME, Bar, Estimate

VECTORS = Setting("isotropic:4", "l-inf", 0.0, "none", 60)
MATRICES = Setting("matrix-quadratic:3x3", "spectral", 0.0, "none", 60)
FORM = Form("both", (line(VECTORS, "shrink", (0.5,)), line(MATRICES, "shrink", (0.5,))), 4, 4)
ONE, OTHER = (sweep_of(Arm(setting, "exact"), [0.0], [0.1], [1.0], [0]) for setting in (VECTORS, MATRICES))


class Clock:
    """A time that is set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_time_left_is_by_work_and_what_was_stored_takes_none() -> None:
    clock = Clock()
    told = Estimate(FORM, clock)
    cost = cost_of("matrix-quadratic:3x3")
    assert (told.total, cost) == (pytest.approx(FORM.run_steps / 2 * (1 + cost)), 50) and told.left == NO_TIME
    half = FORM.run_steps // 2
    clock.now = 103.0
    told.add(ONE, half, False)  # all vectors were there
    assert (told.rate, told.left) == ("", NO_TIME) and told.done == pytest.approx(1 / (1 + cost), rel=1e-3)
    clock.now = 113.0
    told.add(OTHER, half // 4, True)
    assert told.rate == f"{half // 4 / 10:.3g} run-steps/s"
    assert told.left == "about 0:30 left, an estimate"
    clock.now = 113.0 + 3 * 3600
    assert told.left.startswith("about 9:00:") or told.left.startswith("about 9:01:")
    told.add(OTHER, half, True)
    assert told.left == LONGER and told.done == 1.0


@pytest.mark.parametrize("terminal", [True, False])
def test_the_bar_is_drawn_on_a_terminal_alone(terminal: bool) -> None:
    out = io.StringIO()
    with Bar(Console(file=out, force_terminal=terminal, width=150), FORM) as bar:
        bar(OTHER, FORM.run_steps // 4, True)
        bar.bar.refresh()
    said = out.getvalue()
    assert ("run-steps/s" in said and "left, an estimate" in said and "both" in said) if terminal else not said.strip()
