"""A case run again, in plain Python where its expectation is exact: it shares no line with the search.

Every rule of the claim's setting is checked on the way: the answers' errors, the noise, the tuned parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bounds import evaluate
from experiments.expressions import parse
from experiments.refutation import plain
from experiments.refutation.adapted import ADAPTED
from experiments.refutation.case import Case, instance_of, target_of
from experiments.refutation.plain_rules import broken_rules, constants_of
from experiments.refutation.problem_case import PROBLEM
from experiments.refutation.programme_case import PROGRAMME
from experiments.refutation.ranges import read_range
from experiments.refutation.ratio import exceeds
from experiments.refutation.score import Scored, bernstein, largest_metric
from experiments.refutation.simulate import simulate
from experiments.refutation.worst_case import WORST
from experiments.verdict import TABLE_ERROR


@dataclass
class Replay:
    """What came out again. broken: rules of the claim's setting that the case does not keep (none: it is fair)."""

    constants: dict[str, float]
    measured: float
    uncertainty: float
    bound: float
    norms: list[float]  # ‖∇f(x_k)‖_* per step, of the likeliest path
    broken: list[str] = field(default_factory=list)

    @property
    def ratio(self) -> float | None:
        """measured / bound; None of a bound that is not positive."""
        return self.measured / self.bound if self.bound > 0 else None

    @property
    def violates(self) -> bool:
        """Whether a fair case lies above its bound, beyond rounding and uncertainty."""
        return not self.broken and bool(exceeds(self.measured - self.uncertainty, self.bound))


def replay(case: Case) -> Replay:
    """Runs the case again; `ValueError` where it is damaged."""
    try:
        if case.kind in (PROBLEM, WORST, PROGRAMME, ADAPTED):
            return _framework_again(case)
        one, claim = plain.completed(case.instance), case.claim
        constants = constants_of(one, claim)
        bound = value(claim["bound"], constants)
        broken = broken_rules(one, claim, constants, value)
        if claim.get("where") and not read_range(claim["where"], constants).holds(constants):
            broken.append(f"it is out of the claim's range, {claim['where']}")
        likely = plain.path(one, claim, [False] * (one["steps"] * len(one["start"])))
        width = plain.ROUNDING * likely.largest
        if case.exact:
            measured = plain.expectation(one, claim)
        else:
            scored = _drawn_again(case)
            measured, width = float(scored.measured[0]), width + float(scored.uncertainty[0])
        return Replay(constants, measured, width, bound, likely.norms, broken)
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"the case is damaged: {type(error).__name__}: {error}") from None


def _framework_again(case: Case) -> Replay:
    """A run by what measured it: one of the problems, a worst case, what a programme found, or adapted noise."""
    from experiments.refutation import adapted, problem_case, programme_case, worst_case

    target = target_of(case.claim)
    if case.kind in (WORST, PROGRAMME):
        again = (worst_case if case.kind == WORST else programme_case).measure(case.instance, target)
    elif case.kind == ADAPTED:
        again = adapted.measure(case.instance, target, case.runs, case.seed)
    else:
        again = problem_case.measure(case.instance, target, case.runs, case.seed)
    return Replay(again["constants"], again["measured"], again["uncertainty"], again["bound"], [])


def value(text: str, constants: dict[str, float]) -> float:
    """A formula at constants."""
    expression = parse(text)
    names = evaluate.code_names(expression)
    return float(
        evaluate.value(expression, evaluate.check_constants({n: constants[n] for n in names}, names, "the case"))
    )


def _drawn_again(case: Case) -> Scored:
    """The same draws, by the same seed."""
    one, rules = instance_of(case), target_of(case.claim).rules
    outcome = simulate(one, rules, case.runs, case.seed)
    width = bernstein(outcome, largest_metric(one, rules), TABLE_ERROR)
    return Scored(outcome.mean(), width, outcome.mean(), False)
