"""How far a study is: a bar with rate and time left, estimated from the run-steps that its form declares."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from experiments.coupling_study.cells import Form, cost_of
from experiments.sweeps.specification import Sweep

NO_TIME = "no estimate yet"
LONGER = "more than was estimated"


class Estimate:
    """What is done of the work that a form declares, and what that says of the rest.

    Work: run-steps, those of a matrix counted as more. The form's own are an estimate with room for searches that go
    far, so the time left is one too, and rather too long. What was stored before takes no time, and is no part of the
    rate.
    """

    def __init__(self, form: Form, clock: Callable[[], float] = time.monotonic) -> None:
        self.total, self.clock = form.work, clock
        self.stored = self.computed = 0.0
        self.run_steps, self.start = 0, clock()

    def add(self, sweep: Sweep, run_steps: int, now: bool) -> None:
        """Run-steps of a sweep, computed now or stored before."""
        work = run_steps * cost_of(sweep.problem[0])
        if now:
            self.computed += work
            self.run_steps += run_steps
        else:
            self.stored += work
            if not self.run_steps:
                self.start = self.clock()  # reading what is there is no part of the rate

    @property
    def done(self) -> float:
        """The part of the work that is there; at most all of it, however long the searches get."""
        return min(1.0, (self.stored + self.computed) / self.total)

    @property
    def rate(self) -> str:
        """Run-steps per second since the first that was computed."""
        seconds = self.clock() - self.start
        return f"{self.run_steps / seconds:.3g} run-steps/s" if self.run_steps and seconds > 0 else ""

    @property
    def left(self) -> str:
        """In words, as it is an estimate."""
        rest = self.total - self.stored - self.computed
        if not self.computed:
            return NO_TIME
        if rest <= 0:
            return LONGER
        return f"about {_clock(rest * (self.clock() - self.start) / self.computed)} left, an estimate"


class Bar:
    """The estimate on a terminal; nothing where there is none."""

    def __init__(self, console: Console, form: Form) -> None:
        self.estimate = Estimate(form)
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>5.1f} %"),
                   TextColumn("{task.fields[rate]}"), TextColumn("{task.fields[left]}"))  # fmt: skip
        self.bar = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self.task = self.bar.add_task(form.name, total=1.0, rate="", left=NO_TIME)

    def __enter__(self) -> Bar:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def __call__(self, sweep: Sweep, run_steps: int, now: bool) -> None:
        """Moves it on."""
        one = self.estimate
        one.add(sweep, run_steps, now)
        self.bar.update(self.task, completed=one.done, rate=one.rate, left=one.left)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
