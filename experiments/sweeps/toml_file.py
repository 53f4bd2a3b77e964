"""A TOML file of a user's, read with errors that say which file, which line and what stands there."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Made = TypeVar("Made")


def made_from(path: Path | str, make: Callable[[dict[str, Any]], Made], kind: str) -> Made:
    """What `make` makes of the file's table, named after the file unless it has a `name`.

    kind: the name where the file's own has no letter. `ValueError` for anything that is wrong in it.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no file {str(path)!r}")
    try:
        table = _parsed(path.read_text(encoding="utf-8"))
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem).strip("-_")
        return make({"name": stem or kind, **table})
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: it is not a text in UTF-8 ({error.reason}, byte {error.start})") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError) as error:  # tomllib's own errors are ValueErrors
        raise ValueError(f"{path}: {error}") from None


def _parsed(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        lines = text.split("\n")
        place = re.search(r"\(at line (\d+), column \d+\)", str(error))
        number = int(place[1]) if place else len(text.rstrip().split("\n"))
        where = f"line {number}" if place else f"the last line, {number},"
        raise ValueError(f"{error}; {where} is\n  {lines[number - 1].strip()}") from None
