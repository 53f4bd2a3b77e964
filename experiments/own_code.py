"""What a user names as `module:name` or `file.py:name`: found, and its source read."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from lmo.names import unknown_name

_loaded: dict[str, bytes] = {}  # modules of the user's, with their source when they were loaded
SHAPE = re.compile(r"(?P<where>.+\.py|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)")


def thing_called(text: str) -> Any:
    """What `module:name` or `file.py:name` names; files are those of the working directory.

    Raises:
        ValueError: no such module, file or name. A module that fails on import fails here.
    """
    where, _, name = text.rpartition(":")
    thing: Any = _module(where)
    for part in name.split("."):
        if not hasattr(thing, part):
            raise unknown_name(
                f"name in {where!r}", part, [n for n in vars(thing) if not n.startswith("__")] or [where]
            )
        thing = getattr(thing, part)
    return thing


def source_hash(text: str) -> str:
    """64 hexadecimal digits of the file that `text` names a thing in; what that file imports is not followed.

    Raises:
        ValueError: no such file, or a module that has none.
    """
    where = text.rpartition(":")[0]
    origin = where if where.endswith(".py") else getattr(_module(where), "__file__", None) or ""
    if not Path(origin).is_file():
        raise ValueError(f"there is no file {where!r}" if where.endswith(".py") else f"{where!r} has no source file")
    return hashlib.sha256(Path(origin).read_bytes()).hexdigest()


def _module(where: str) -> ModuleType:
    if where.endswith(".py"):
        path = Path(where)
        if not path.is_file():
            raise ValueError(f"there is no file {where!r}")
        name = f"own_code_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None  # it ends in .py
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look themselves up there
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module
    sys.path.insert(0, "")  # the user's own folder, as `python -m` would have it
    try:
        module = importlib.import_module(where)
        source = getattr(module, "__file__", None)
        now = Path(source).read_bytes() if source and Path(source).is_file() else b""
        if _loaded.setdefault(where, now) != now:  # a process that lives long, as a worker does
            module, _loaded[where] = importlib.reload(module), now
        return module
    except ModuleNotFoundError as error:
        if error.name is None or not f"{where}.".startswith(f"{error.name}."):
            raise
        raise ValueError(
            f"there is no module {where!r} ({error.name} was not found); a file is file.py:function"
        ) from None
    finally:
        sys.path.remove("")
