"""What can be seen at a few points: whether a mutant says something else, and whether a check must fail.

The same conditions as in `bounds.check`, numerically and without explanations, so that thousands of mutants take
minutes; `tests/mutants/test_every_constant.py` compares a sample with `Theorem.check`.
"""

from __future__ import annotations

from functools import lru_cache

import sympy as sp

from bounds.chain import BrokenChain, Chain
from bounds.check import GIVEN
from bounds.inequalities import Inequality, f, f_next, g
from bounds.layers import OverLayers
from bounds.memory.method_sums import sums_of_memory
from bounds.symbols import LAYER_COLUMNS, STEP_VARIABLES, alpha, gamma
from bounds.theorem import Theorem
from experiments.mutation.numbers import FAR, At, apart, differ, points

_COLUMNS = STEP_VARIABLES | set(LAYER_COLUMNS.values())


def failure(theorem: Theorem, field: str, of: Theorem | None = None) -> str | None:
    """The check that must fail after a change of `field` in the theorem `of`, None where points do not tell."""
    if field == "proof" and of is not None and leaves_a_column(of.proof, theorem.proof):
        return "chain yields the claim"
    if field in ("claim", "proof"):
        derived = _derived(theorem.proof)
        if derived is None or differ(derived, theorem.claim):
            return "chain yields the claim"
    if field == "memory" and _other_sums(theorem):
        return "momentum error"
    if field in ("tuning", "step") and theorem.step is not gamma and _other_step(theorem):
        return f"tuning ({theorem.tuning_is})"
    if field in ("tuning", "leading") and theorem.step is gamma and _not_stationary(theorem):
        return f"tuning ({theorem.tuning_is})"
    if field in ("tuning", "leading", "tuned_value") and _other_value(theorem):
        return "value at the tuning"
    if field == "limits" and _other_limits(theorem):
        return "limits"
    return None


@lru_cache(maxsize=8)
def _derived(proof: Chain) -> sp.Expr | None:
    try:
        return proof.derive().value
    except BrokenChain:
        return None


# Chains: the columns that the original's inequalities cancel must stay cancelled


def leaves_a_column(original: Chain, changed: Chain) -> bool:
    """Whether Σ weight · slack of a changed chain depends on a column that the original's does not: it then breaks."""
    if len(original.step) != len(changed.step):
        return False
    pairs = [
        (i, j) for i, j in zip(original.step, changed.step, strict=True) if (i.weight, i.slack) != (j.weight, j.slack)
    ]
    if not pairs:
        return False
    values = [[_gained(pairs, at) for at in both] for both in zip(points(), _elsewhere(original), strict=True)]
    return any(apart(one, two, max(scale, other)) for (one, scale), (two, other) in values)


def _gained(pairs: list[tuple[Inequality, Inequality]], at: At) -> tuple[complex, float]:
    """What the change adds to Σ weight · slack, and the size of its terms, whose rounding it has."""
    terms = [sign * at(i.weight) * at(i.slack) for pair in pairs for i, sign in zip(pair, (-1, 1), strict=True)]
    return sum(terms), sum(abs(term) for term in terms)


@lru_cache(maxsize=4)
def _elsewhere(chain: Chain) -> tuple[At, ...]:
    """The points with other values of the columns that the chain cancels, and of f_k and f_{k+1}."""
    plain = (i.weight * i.slack.replace(OverLayers, lambda a: a) for i in chain.step)
    kept = sp.expand(sp.Add(*plain)).free_symbols - {f, f_next}
    moved = sorted(_COLUMNS - kept, key=str)
    return tuple(at.with_({s: 1.3 * at(s) + 0.1 * n for n, s in enumerate(moved)}) for at in points())


# Parts of the momentum error


def _other_sums(theorem: Theorem) -> bool:
    """Whether a part is below the method's own sum, or not the sum that it stands for; as `check_memory`."""
    assert theorem.proof.memory is not None
    parts = dict(theorem.proof.memory.parts())
    for one in sums_of_memory(theorem.method):
        if set(one.exact) != set(parts):
            return True
        at = points()[0].with_({symbol: complex(value) for symbol, value in one.point.items()})
        for name, exact in one.exact.items():
            claimed = at(parts[name]) / at(one.units[name])
            most = one.most(name)
            if claimed == claimed and (
                claimed.real < exact * (1 - 2 * FAR) or (most is not None and claimed.real > most * (1 + FAR))
            ):
                return True
    return False


# Tunings


def _target(theorem: Theorem) -> sp.Expr | None:
    return theorem.leading if theorem.tuning_is == "leading terms" else theorem.claim


def _tuned(theorem: Theorem, at: At) -> At:
    """The point with α, then γ, as tuned there."""
    for symbol in (alpha, gamma):
        if symbol in theorem.tuning:
            at = at.with_({symbol: at(sp.sympify(theorem.tuning[symbol]))})
    return at


def _other_step(theorem: Theorem) -> bool:
    """Whether the step is not what the tuning's factor gives: times its schedule, or times ‖∇f‖_*."""
    factor = sp.sympify(theorem.tuning.get(gamma, 0))
    shape = GIVEN.get(theorem.method.step, sp.nan) if theorem.tuning_is == "given" else g
    return differ(factor * shape, theorem.step)


def _not_stationary(theorem: Theorem) -> bool:
    target = _target(theorem)
    if target is None:
        return False
    tuned = [_tuned(theorem, at) for at in points()]
    if theorem.tuning_is == "kink":
        branches = list(target.args) if isinstance(target, sp.Max) else []
        return len(branches) == 2 and any(apart(at(branches[0]), at(branches[1])) for at in tuned)
    return any(_not_zero(sp.diff(target, symbol), at) for symbol in theorem.tuning for at in tuned)


def _not_zero(formula: sp.Expr, at: At) -> bool:
    """Whether a sum is not 0, to rounding of its terms."""
    terms = [at(term) for term in sp.Add.make_args(sp.expand(formula))]
    return apart(sum(terms), 0j, sum(abs(term) for term in terms))


def _other_value(theorem: Theorem) -> bool:
    target = _target(theorem)
    if theorem.tuned_value is None or target is None:
        return False
    free = theorem.step is gamma
    return any(apart((_tuned(theorem, at) if free else at)(target), at(theorem.tuned_value)) for at in points())


def _other_limits(theorem: Theorem) -> bool:
    branches = theorem.claim.args if isinstance(theorem.claim, sp.Max) else (theorem.claim,)
    for substitutions, expected in theorem.limits:
        for at in points():
            there = at.with_({symbol: at(sp.sympify(value)) for symbol, value in substitutions.items()})
            if any(apart(there(branch), at(expected)) for branch in branches):
                return True
    return False
