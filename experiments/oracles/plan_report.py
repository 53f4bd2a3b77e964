"""What `lmo plan` shows."""

from __future__ import annotations

import json
import math

from rich.console import Console
from rich.table import Table

from experiments.oracles.certificates import KINDS
from experiments.oracles.plan import REFERENCE, Choice
from experiments.oracles.report import FACTORED, number

LEGEND = (
    "products: flops over those of one product with a square matrix; cost: products over those of "
    f"{REFERENCE}, the iteration of torch.optim.Muon. Each answer was computed too, in the dtype of its layer, and "
    "keeps to the targets as rounded to it: rounded ε ≤, η ≤ are proved of it, the rounding of the iteration included."
)
LIFTED = (
    "@float32: iterated in float32, the answer rounded to half; no candidate that iterates in half kept to the targets."
)


HEADS = (
    "layer", "dtype", "shape", "σ_max/σ_min", "oracle", "certificate", "ε ≤", "η ≤", "rounded ε ≤", "η ≤", "products",
    "cost",
)  # fmt: skip
LEFT = ("layer", "dtype", "oracle", "certificate")


def show(choices: list[Choice], target: float, most_eta: float, console: Console) -> None:
    """The table of layers, what the certificates mean, and the sum."""
    table = Table(box=None, header_style="bold", title_justify="left", title_style="bold")
    table.title = f"The cheapest oracle that certifies ε ≤ {target:g} and η ≤ {most_eta:g}"
    for head in HEADS:
        table.add_column(head, justify="left" if head in LEFT else "right", no_wrap=True)
    timed = any(choice.milliseconds is not None for choice in choices)
    if timed:
        table.add_column("ms", justify="right", no_wrap=True)
    for choice in choices:
        time = [f"{choice.milliseconds:.3g}"] if choice.milliseconds is not None else []
        table.add_row(*_cells(choice), *time)
    needed = Console(width=10_000).measure(table).maximum
    Console(width=max(console.width, needed)).print(table)
    console.print()
    for kind in dict.fromkeys(choice.certified.kind for choice in choices):
        console.print(f"certificate {kind}: {KINDS[kind]}", style="dim", highlight=False, markup=False)
    factored, lifted = any(choice.svd for choice in choices), any("@float32" in choice.oracle for choice in choices)
    for note in [LEGEND, *([LIFTED] if lifted else []), *([FACTORED] if factored else [])]:
        console.print(note, style="dim", highlight=False, markup=False)
    if len(choices) > 1:
        console.print(f"All together: {100 * together(choices):.0f} % of the flops of {REFERENCE}", highlight=False)


def together(choices: list[Choice]) -> float:
    """Flops of all choices over those of `REFERENCE` on all layers."""
    products = [2 * min(c.shape) ** 2 * max(c.shape) for c in choices]
    spent = math.fsum(c.products * p for c, p in zip(choices, products, strict=True))
    return spent / math.fsum(c.products / c.relative * p for c, p in zip(choices, products, strict=True))


def as_json(choices: list[Choice]) -> str:
    """A list with one object per layer."""
    return json.dumps([choice.record() for choice in choices], ensure_ascii=False, allow_nan=False)


def _cells(choice: Choice) -> list[str]:
    return [
        choice.layer,
        choice.dtype,
        f"{choice.shape[0]}×{choice.shape[1]}",
        number(choice.condition),
        choice.oracle,
        choice.certified.kind,
        number(choice.certified.epsilon),
        number(choice.certified.eta),
        number(choice.answer.epsilon),
        number(choice.answer.eta),
        f"{choice.products:.2f}{'*' if choice.svd else ''}",
        f"{100 * choice.relative:.0f} %",
    ]
