"""The refusal of an unknown name. It loads nothing, so that `bounds` and `import lmo` stay quick."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def unknown_name(kind: str, name: str, allowed: Iterable[str]) -> ValueError:
    """The error for a `name` that no `kind` has; it names the nearest one, and the caller raises it."""
    names = sorted(set(allowed))  # a caller may join lists that share names
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.0)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return ValueError(f"unknown {kind} {name!r}{hint} Allowed: {', '.join(names)}.")
