"""The check that a proof moves as its method does: by its step size, of the form that its rule names, and its decay."""

from __future__ import annotations

import sympy as sp

from bounds.checking import Check
from bounds.inequalities import f_next, g, gradient_alignment, iterate_alignment
from bounds.layers import OverLayers
from bounds.symbols import COLUMNS, L0, L1, LAYER_COLUMNS, c, gamma
from bounds.theorem import Theorem
from bounds.tuning_checks import identical_step

NAME = "the proof moves as the method does"
_k, _gamma_k = COLUMNS["index"], COLUMNS["step_size"]
_g_i, _a_i = LAYER_COLUMNS["layer_gradient_norm"], LAYER_COLUMNS["layer_alignment"]
_MULTIPLES = {  # rule: what theorem.step over this is a constant of
    "adaptive": g,
    "layer-adaptive": g,
    "l0-l1": g / (L0 + L1 * g),
    "open-loop": 1 / (_k + 2),
}
_FREE = {"fixed": gamma, "scheduled": _gamma_k, "layer-fixed": gamma / c}  # rules with a free γ, and the step itself


def check_step(theorem: Theorem) -> Check:
    """The step size and the decay of the descent inequality are those of the method."""
    rule = theorem.method.step
    if rule not in _FREE | _MULTIPLES:
        return Check(NAME, False, f"no step rule {rule!r}; the rules are {', '.join([*_FREE, *_MULTIPLES])}")
    if rule in _FREE:
        step, fits = _FREE[rule], theorem.step == gamma
    else:
        step = theorem.step.subs(g, _g_i) if rule == "layer-adaptive" else theorem.step
        fits = not sp.cancel(theorem.step / _MULTIPLES[rule]).free_symbols & {g, _k, gamma}
    if rule.startswith("layer") != any(one.slack.has(OverLayers) for one in theorem.proof.step):
        return Check(NAME, False, f"the rule {rule!r} and the proof do not agree on whether there are layers")
    if not fits:
        return Check(NAME, False, f"the statement's step {theorem.step} is none of the rule {rule!r}")
    for one in theorem.proof.step:
        slack = one.slack.replace(OverLayers, lambda inner: inner)
        moved = slack.diff(gradient_alignment) + slack.diff(_a_i)
        if f_next not in slack.free_symbols or moved == 0:
            continue
        if not identical_step(moved, step):
            return Check(NAME, False, f"the proof steps by {moved}, the method by {step} (`{one.name}`)")
        if slack.has(iterate_alignment) != theorem.method.decay:
            says = "the method decays" if theorem.method.decay else "the method does not decay"
            return Check(NAME, False, f"{says}, and `{one.name}` is of another one")
    return Check(NAME, True, f"{rule}: {step}")
