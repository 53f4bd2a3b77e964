"""C1: Frank–Wolfe with an inexact oracle (weight decay on a convex objective), open-loop steps."""

from bounds.assumptions import Describes, ExactGradients, OracleWithin, Smooth, StartInside
from bounds.chain import Chain
from bounds.inequalities import (
    convexity_in_the_ball,
    decayed_smoothness,
    gradient_alignment_holds,
    inside,
    net_triangle,
    size,
)
from bounds.metric import LAST_BALL_GAP
from bounds.recursion import OpenLoop
from bounds.shape_assumptions import Convex
from bounds.symbols import COLUMNS, K, L, b, gamma, lam
from bounds.theorem import Theorem

_share = 2 / (COLUMNS["index"] + 2)  # τ_k = λγ_k of x⁺ = (1 − τ_k)x + τ_k·d̂/λ
_step = _share / lam
_diameter = 2 * b / lam

FrankWolfe = Theorem(
    name="frank-wolfe",
    label="C1",
    kind="upper",
    source="paper_notes.md, C1 (exact oracle: Jaggi, ICML 2013, Theorem 1)",
    says="on a convex objective, weight decay λ with steps 2/((k+2)λ) is Frank–Wolfe in the ball of radius b/λ; an "
    "oracle of errors ε, η comes within 2LD²/(K+2), D = 2b/λ, of the least value in the ball shrunk to radius c/λ",
    method=Describes(momentum="none", step="open-loop", decay=True),
    assumes=(Smooth(), Convex(), OracleWithin(), ExactGradients(), StartInside()),
    metric=LAST_BALL_GAP,
    claim=2 * L * _diameter**2 / (K + 2),
    tuning={gamma: 1 / lam},  # the factor of 2/(k + 2)
    tuning_is="given",
    tuned_value=2 * L * _diameter**2 / (K + 2),
    step=_step,
    limits=(({b: 1}, 8 * L / (lam**2 * (K + 2))), ({b: 1, K: 2}, 2 * L / lam**2)),
    proof=Chain(
        step=(
            decayed_smoothness(_step),
            gradient_alignment_holds(_step),
            net_triangle(L * _step**2 / 2),
            size(L * _step**2),
            inside(L * _step**2 * lam**2),
            convexity_in_the_ball(_share),
        ),
        closing=OpenLoop(),
    ),
)
