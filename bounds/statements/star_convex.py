"""D4: the gap of a star-convex objective falls as 1/K."""

from bounds.assumptions import Describes, ExactGradients, OracleWithin, Smooth
from bounds.chain import Chain
from bounds.inequalities import g, gradient_alignment_holds, size, smoothness, star_convexity
from bounds.metric import LAST_GAP
from bounds.recursion import Reciprocal
from bounds.shape_assumptions import StarConvex
from bounds.symbols import Delta, K, L, R, b, c, gamma
from bounds.theorem import Theorem

_step = c * g / (L * b**2)

StarConvexStep = Theorem(
    name="star-convex",
    label="D4",
    kind="upper",
    source="paper_notes.md, D4 (derived for this project)",
    says="on a star-convex objective the step of D2 brings f(x_K) − inf f below 1/(1/Δ + Kc²/(2LR²b²)), R the radius "
    "of the level set about the minimiser",
    method=Describes(momentum="none", step="adaptive"),
    assumes=(Smooth(), StarConvex(), OracleWithin(), ExactGradients()),
    metric=LAST_GAP,
    claim=1 / (1 / Delta + K * c**2 / (2 * L * R**2 * b**2)),
    tuning={gamma: c / (L * b**2)},
    tuned_value=1 / (1 / Delta + K * c**2 / (2 * L * R**2 * b**2)),
    step=_step,
    limits=(({b: 1, c: 1}, 1 / (1 / Delta + K / (2 * L * R**2))),),
    proof=Chain(
        step=(
            smoothness(_step),
            gradient_alignment_holds(_step),
            size(L * _step**2 / 2),
            star_convexity(c**2 / (2 * L * R**2 * b**2)),
        ),
        closing=Reciprocal(),
    ),
)
