"""What errors do the oracles in use have, which numbers say something about them, and what do two short cuts cost?"""

from __future__ import annotations

from experiments.studies.base import Finding, Result, Tick, silent
from experiments.studies.lessons import aol_bias, delta_against_epsilon, delta_table, gram_rounding

QUESTION = __doc__


def study(tick: Tick = silent) -> Result:
    """The lessons, one figure each, on the CPU in float64 where no precision is named."""
    lessons = {
        "delta_table": (delta_table.data, delta_table.findings),
        "delta_against_epsilon": (delta_against_epsilon.data, delta_against_epsilon.findings),
        "gram_rounding": (gram_rounding.data, gram_rounding.findings),
        "aol_bias": (aol_bias.data, aol_bias.findings),
    }
    result = Result("oracle-lessons", QUESTION or "", figures={name: name for name in lessons})
    for i, (name, (make, judge)) in enumerate(lessons.items()):
        tick(f"lessons · {name.replace('_', ' ')}", i / len(lessons))
        result.data[name] = make()
        found: list[Finding] = judge(result.data[name])
        result.findings += found
    return result
