"""Makes every mutant of a theorem and finds out what notices it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import sympy as sp

from bounds import check as checks
from bounds.chain import BrokenChain
from bounds.symbols import BY_SYMBOL, LAYER_COLUMNS, STEP_VARIABLES
from bounds.theorem import Theorem
from experiments.mutation.nodes import changes
from experiments.mutation.numbers import differ
from experiments.mutation.quick import failure
from experiments.mutation.sites import WORDS, Site, put, sites, with_part, without
from experiments.refutation.search import search
from experiments.refutation.target import target

_QUICK_CHECKS = (
    checks.check_assumptions,
    checks.check_metric,
    checks.check_weights,
    checks.check_largest_step,
    checks.check_units,
    checks.check_limits,
    checks.check_memory,
    checks.check_value,
    checks.check_monotone,
)
STATUSES = ("check", "run", "equivalent", "true", "survived")


@dataclass(frozen=True)
class Mutant:
    """A theorem with one thing changed. where: the field, down to the formula; what: the change.

    original, changed: the formulas, None for a word. build: makes the changed theorem. of: the theorem that it was.
    """

    name: str
    where: str
    what: str
    field: str
    original: sp.Expr | None
    changed: sp.Expr | None
    build: Callable[[], Theorem]
    of: Theorem | None = None

    @cached_property
    def theorem(self) -> Theorem:
        """The changed theorem. `BrokenChain`, `ValueError`: no statement at all follows from the change."""
        return self.build()


@dataclass(frozen=True)
class Verdict:
    """status: noticed by a "check" or a "run"; "equivalent" (of the same value); "true" as well; or "survived".

    by: what noticed it, or why nothing did.
    """

    theorem: str
    where: str
    what: str
    status: str
    by: str


def table_symbols(theorem: Theorem, formula: sp.Expr, every: bool) -> list[sp.Symbol]:
    """What a symbol of the formula may be confused with: the theorem's own constants, or every one of the table.

    For a formula of the step, its columns besides.
    """
    own = {s for site in sites(theorem) if isinstance(site.value, sp.Basic) for s in site.value.free_symbols}
    constants = own - STEP_VARIABLES | (set(BY_SYMBOL) if every else set())
    columns = STEP_VARIABLES & own if formula.free_symbols & STEP_VARIABLES else set()
    return sorted(constants | columns, key=str)


def mutants(theorem: Theorem, every: bool = True) -> Iterator[Mutant]:
    """All mutants of a theorem; `every`: with each symbol of the table in the place of each symbol."""
    for group in groups(theorem, every):
        yield from group()


def groups(theorem: Theorem, every: bool = True) -> list[Callable[[], Iterator[Mutant]]]:
    """The same as one function for each formula, word and part of the momentum error, and one for the assumptions."""
    parts = theorem.proof.memory.parts() if theorem.proof.memory else ()
    at_sites = [partial(_of_site, theorem, site, every) for site in sites(theorem)]
    of_parts = [partial(_of_part, theorem, name, formula, every) for name, formula in parts]
    return [*at_sites, *of_parts, partial(_of_assumptions, theorem)]


def _of_site(theorem: Theorem, site: Site, every: bool) -> Iterator[Mutant]:
    field = str(site.path[0])
    if isinstance(site.value, sp.Basic):
        for change in changes(site.value, table_symbols(theorem, site.value, every)):
            build = partial(put, theorem, site.path, change.formula)
            yield Mutant(theorem.name, str(site), change.what, field, site.value, change.formula, build, theorem)
    else:
        for other in _words(site):
            build = partial(put, theorem, site.path, other)
            yield Mutant(theorem.name, str(site), f"{site.value!r} → {other!r}", field, None, None, build)


def _words(site: Site) -> Iterable[object]:
    if isinstance(site.value, int) and not isinstance(site.value, bool):
        return {site.value + 1, site.value - 1, 2 * site.value} - {site.value}
    return [word for word in WORDS[str(site.path[-1])] if word != site.value]


def _of_part(theorem: Theorem, name: str, formula: sp.Expr, every: bool) -> Iterator[Mutant]:
    """Wrong parts of the momentum error with the claim that follows from them."""
    for change in changes(formula, table_symbols(theorem, formula, every)):
        build = partial(with_part, theorem, name, change.formula)
        yield Mutant(theorem.name, f"memory part {name}", change.what, "memory", formula, change.formula, build)


def _of_assumptions(theorem: Theorem) -> Iterator[Mutant]:
    """The theorem without each of its assumptions in turn."""
    for i, assumption in enumerate(theorem.assumes):
        what = f"{type(assumption).__name__} dropped"
        yield Mutant(theorem.name, f"assumes.{i}", what, "assumes", None, None, partial(without, theorem, i))


def judge(mutant: Mutant, seconds: float) -> Verdict:
    """What notices the mutant: rational points, all checks, then an attack of so many seconds."""
    with np.errstate(all="ignore"):  # what a mutant cannot evaluate is a finding, no warning
        return _judged(mutant, seconds)


def _judged(mutant: Mutant, seconds: float) -> Verdict:
    def verdict(status: str, by: str) -> Verdict:
        return Verdict(mutant.name, mutant.where, mutant.what, status, by)

    try:
        theorem = mutant.theorem
    except (BrokenChain, ValueError) as error:
        return verdict("check", f"no statement follows: {error}")
    try:
        seen = failure(theorem, mutant.field, mutant.of)
    except (ValueError, TypeError, ArithmeticError, AttributeError, KeyError):
        seen = None  # the checks themselves say what is wrong with it
    if seen:
        return verdict("check", seen)
    if mutant.original is not None and mutant.changed is not None and says_the_same(mutant.original, mutant.changed):
        return verdict("equivalent", "equal at rational points, and by simplification")
    reason = true_anyway(mutant)
    if reason:
        return verdict("true", reason)
    failed = first_failure(mutant.theorem)
    if failed:
        return verdict("check", failed)
    return _attacked(mutant, seconds, verdict)


def says_the_same(left: sp.Expr, right: sp.Expr) -> bool:
    """Whether a change is none: equal at rational points and after simplification."""
    if differ(left, right):
        return False
    of_a_step = (left.free_symbols | right.free_symbols) & (STEP_VARIABLES | set(LAYER_COLUMNS.values()))
    return bool(sp.simplify(left - right) == 0) if of_a_step else checks.identical(left, right)


def first_failure(theorem: Theorem) -> str | None:
    """The name of a check that fails, the quick ones first; None where all pass."""
    for run in _QUICK_CHECKS:
        one = checks.guarded(run, theorem)
        if not one.passed:
            return one.name
    return next((one.name for one in theorem.check() if not one.passed), None)


def true_anyway(mutant: Mutant) -> str | None:
    """Why a change leaves the statement true, None where it does not."""
    field, theorem = mutant.where.rpartition(".")[2], mutant.theorem
    if mutant.where.startswith("limits.") and mutant.where.split(".")[2] == "0":
        absent = field not in {str(s) for s in theorem.claim.free_symbols}
        return f"the claim does not contain {field}, so it may be anything" if absent else None
    if field == "over" and theorem.metric.over == "minimum":
        return "a minimum is below the mean: the statement says less"
    if field == "over" and theorem.proof.closing.floor is None:
        return "the chain sums a convex function of the metric over all steps, so it bounds the mean as well (Jensen)"
    if field == "expectation" and theorem.expectation:
        return "what holds on every run holds on average: the statement says less"
    if mutant.where == "method.start" and theorem.method.momentum == "none":
        return "without momentum nothing is started"
    return None


def _attacked(mutant: Mutant, seconds: float, verdict: Callable[[str, str], Verdict]) -> Verdict:
    try:
        state = search(target(mutant.theorem), seconds)
    except ValueError as error:
        return verdict("survived", f"passes the checks; no attack: {error}")
    if state.refuted:
        return verdict("run", "refuted by a counterexample")
    return verdict("survived", f"passes the checks; attacks reached {state.tightest:.4f} of the bound")
