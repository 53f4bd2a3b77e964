"""The self-contained HTML report of `lmo verify`: the paragraph, the verdicts, the figures, the statements."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure

import bounds
import figures
from experiments.verdict import STATUSES, summarise

if TYPE_CHECKING:
    from experiments.verify import Outcome

CAPTIONS = {
    "convergence": "Each panel is one theorem on one problem: a matrix quadratic, with noise or without, a layered "
    "one for Lw and Lw-f, a ball for C1. The red-orange curve is what the theorem proves for that many steps, the "
    "blue one what happened on average over seeds. An average above the red-orange curve would refute the theorem. "
    "What is below 0 is not drawn.",
    "best_step": "For each error the step size was searched on a grid. The theory's advice, “shrink the step as the "
    "error grows”, is the falling line of D1; only errors that make the answer too long follow it.",
    "value": "The gradient that is reached with the best step, relative to an exact oracle. The distance to D1's "
    "line is what the worst-case analysis charges too much on this problem.",
    "lower_bounds": "Two adversaries built by hand. What they reach is proved possible, and nothing is possible "
    "above D1. The figure of worst cases narrows what lies between, from both sides.",
    "coupling": "How much step size and α should move when the oracle gets worse. Hollow: what the closed forms say; "
    "filled: the exact optimum of the same bound. Powers of 1 − δ are divided out (`lmo coupling` prints them), so a "
    "mark left of 0 may be a step that grows; a row without a mark follows no power law. Right: from how many steps "
    "on the closed form is right.",
    "coupling_map": "Every cell is a tuned setting with one kind of error. Left: what a user loses who tunes for an "
    "exact oracle and changes nothing. Blue: the best step size, α or value moves as the additive model predicts; "
    "light blue: by more; yellow: that is an upper bound only; red-orange: it moves the other way; grey: the runs do "
    "not tell. The corner is the signed model’s verdict.",
    "regime": "Left: how α* moves with the error in S1, by noise and horizon, and in runs at the same places. "
    "Middle: what an error does depends on where the oracle is too long; S1's pair of exponents is one point of a "
    "line. Right: what the most harmful error does to α*. Drawn from few seeds; `lmo study regime` takes more.",
    "worst_cases": "What the worst adversary can make a fixed step pay, as a part of what D1 charges for the error. "
    "Blue dots are runs; the grey band is what nobody knows. Right: the best step against the worst run known, and "
    "the two that theory advises.",
    "slack_budget": "A proof is a list of inequalities. Each bar splits the bound into the measured value and what "
    "every inequality gave away, so the longest coloured piece is the one to improve.",
    "delta_table": "Each cell is an oracle, proved: how far its answer can be from the exact one if no singular "
    "value is below the one in the panel's title. Read along a row: more steps do not always help. Read down a "
    "column: what ships is not what has the smallest error.",
    "delta_against_epsilon": "δ is the distance to the exact answer, ε the part of the gradient's norm that the "
    "answer misses. One tiny singular value ruins δ, and with it every bound in δ; the step loses next to nothing.",
    "kim_oh": "The factor that a published analysis puts on Muon's convergence, and how much alignment the same "
    "steps can lose on any spectrum at all. Where a solid line is above the dashed one of its colour, the analysis "
    "charges for the error model, not for the steps.",
    "gram_rounding": "The same polynomials, computed on the small Gram matrix: cheaper, and exact in exact "
    "arithmetic. In half precision its rounding errors are fed back; above the black line the answer is all error.",
    "aol_bias": "Scaling the rows first lets one step be left out, but the answer is then that of another matrix. "
    "Left: how far it turns; middle: what that loses, which is far less; right: what it gains.",
    "oracle_pareto": "How well every oracle for the spectral ball answers, and how long it takes: the table of `lmo "
    "oracle`. Left is faster, down is closer to the exact answer; the dashed line joins those that none beats in "
    "both.",
    "sweep_growth": "What `lmo sweep` costs by the number of runs, on the machine that drew this. A batch that fits "
    "into the cache is computed at a time, so the time is in proportion to the runs and the memory does not grow.",
    "ball": "Four unit balls, one gradient. The shaded patch holds the answers that count as having error at most δ.",
}
ORDER = list(CAPTIONS)


def render(outcome: Outcome, folder: Path) -> str:
    """The report as HTML with every figure inlined; the figures are also written to `folder` as PNG."""
    from experiments.verify import paragraph

    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for name in ORDER:
        if name not in outcome.drawings:
            continue
        data = base64.b64encode(figures.save(name, outcome.drawings[name], folder).read_bytes()).decode()
        pictures.append({"name": name, "data": data, "caption": CAPTIONS[name]})
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("experiments"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    names = sorted({v.theorem for v in outcome.table.verdicts}, key=lambda n: list(bounds.theorems).index(n))
    return environment.get_template("report.html").render(
        paragraph=paragraph(outcome),
        passed=not outcome.failed,
        findings=outcome.findings,
        summary=summarise(outcome.table.verdicts),
        verdicts=sorted(outcome.table.verdicts, key=lambda v: (STATUSES.index(v.status), v.theorem, -v.ratio)),
        skipped=outcome.table.skipped,
        figures=pictures,
        statements=[(bounds.theorems[n], Markup(formula(bounds.theorems[n].latex()))) for n in names],
        labels={n: bounds.theorems[n].label for n in names},
    )


def formula(latex: str) -> str:
    """A formula as inline SVG, drawn by matplotlib's own mathtext (no scripts, no fonts to load)."""
    text = latex.replace(r"\mathbb{E}\,", r"\mathrm{E}\ ").replace(r"\left\{", r"\{").replace(r"\le ", r"\leq ")
    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": "lmo-lab", "mathtext.fontset": "cm"}):
        drawn = Figure(figsize=(0.1, 0.1))
        drawn.text(0, 0, f"${text}$", fontsize=13)
        out = io.StringIO()
        drawn.savefig(
            out, format="svg", bbox_inches="tight", pad_inches=0.05, transparent=True, metadata={"Date": None}
        )
    svg = out.getvalue()
    return svg[svg.index("<svg") :]
