"""The whole study: pilot, power, measurement, verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from experiments.coupling_study import measured, resolution, search
from experiments.coupling_study.cells import Arm, Form, Line
from experiments.coupling_study.exponents import Exponent, exponents
from experiments.coupling_study.measured import Measured
from experiments.coupling_study.resolution import Resolvable
from experiments.coupling_study.rounds import Rounds, Say
from experiments.coupling_study.runners import Tick, runner_of, unwatched
from experiments.coupling_study.verdicts import Verdict, judged_arm, level_of, verdicts


@dataclass(frozen=True)
class Outcome:
    """What a study found. level: of each interval. run_steps: that its sweeps hold, computed now or before."""

    form: Form
    level: float
    resolved: dict[Arm, Resolvable]
    measured: list[Measured]
    verdicts: list[Verdict]
    exponents: list[Exponent]
    run_steps: int

    def at(self, line: Line) -> tuple[Measured, int]:
        """The setting of a line, and the place of its judged arm there."""
        of = next(one for one in self.measured if one.setting == line.setting)
        return of, judged_arm(line, of)


def study(
    form: Form, out: Path, say: Say, workers: int = 0, device: str = "cpu", scheduler: str | None = None,
    tick: Tick = unwatched,
) -> Outcome:  # fmt: skip
    """Runs what is not stored below `out` yet; a pure function of the form and of what is stored.

    Args:
        workers, scheduler: who computes (`experiments.coupling_study.runners`); tick: who is told how far it is.

    Raises:
        ValueError: a form that is declared to take more than it may, before anything is run; what runners refuse.
    """
    if form.run_steps > form.most_run_steps:
        raise ValueError(
            f"the form {form.name!r} takes about {form.run_steps:.3g} run-steps; at most {form.most_run_steps:.3g} are "
            "allowed (`most_run_steps`)"
        )
    level = level_of(form)
    with runner_of(workers, scheduler) as runner:
        rounds = Rounds(out, say, runner, device, tick)
        piloted = search.pilot(form, rounds)
        resolved = resolution.resolvable(form, piloted, level)
        for sentence in resolution.sentences(form, resolved, level):
            say(sentence)
        found = search.measure(form, piloted, rounds)
        settings = measured.judge_settings(form, found, rounds, level)
    judged = verdicts(form, settings, resolved, level)
    return Outcome(
        form, level, resolved, settings, judged, exponents((*form.lines, *form.scalings), settings, level), rounds.asked
    )
