"""Theory: statements as sympy, their proofs as chains of inequalities, their evaluation, tuning and checks.

`theorems` is a Mapping from names (and labels, as aliases) to `Theorem`; it finds the files of `bounds/statements` by
walking the folder at first use, so `import bounds` takes milliseconds. `laws` does the same for `bounds/closed_forms`,
and `papers` for the published theorems of `bounds/published`, each with its relation to ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bounds.law import Law
    from bounds.published.base import Published
    from bounds.theorem import Theorem


def _walk(folder: str, kind: type) -> dict[str, Any]:
    """Names → what the files of a folder of `bounds` define of a kind, in the order of the labels."""
    import importlib
    import pkgutil

    package = importlib.import_module(f"bounds.{folder}")
    found: dict[int, Any] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"bounds.{folder}.{info.name}")
        found |= {id(thing): thing for thing in vars(module).values() if isinstance(thing, kind)}
    return {one.name: one for one in sorted(found.values(), key=lambda t: t.label)}


class _Theorems(Mapping[str, "Theorem"]):
    """Names → theorems, in the order D1, D1-H, D2, S1 …; labels, and laws, work as keys but are not iterated."""

    @cached_property
    def _by_name(self) -> dict[str, Theorem]:
        from bounds.theorem import Theorem

        return _walk("statements", Theorem)

    def __getitem__(self, name: str) -> Theorem:
        by_label = {theorem.label: theorem for theorem in self._by_name.values()}
        found = self._by_name.get(name) or by_label.get(name) or laws.get(name)
        if found is None:
            from lmo.names import unknown_name

            raise UnknownName(str(unknown_name("theorem", name, [*self._by_name, *by_label, *laws])))
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._by_name or name in {theorem.label for theorem in self._by_name.values()}

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)


class _Laws(Mapping[str, Any]):
    """Names → laws: closed forms that no run of one method tests; labels work as keys but are not iterated."""

    @cached_property
    def _by_name(self) -> dict[str, Law]:
        from bounds.law import Law

        return _walk("closed_forms", Law)

    def __getitem__(self, name: str) -> Any:
        by_label = {law.label: law for law in self._by_name.values()}
        return self._by_name[name] if name in self._by_name else by_label[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name or name in {law.label for law in self._by_name.values()}

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)


class UnknownName(KeyError, ValueError):
    """A KeyError (as a Mapping must raise) that prints its sentence, not its repr."""

    def __str__(self) -> str:
        return str(self.args[0])


theorems: Mapping[str, Theorem] = _Theorems()
laws: Mapping[str, Any] = _Laws()


def load(name_or_file: str) -> Theorem:
    """A theorem by name or label, or the one that a Python file defines (the file is run: use your own).

    `ValueError`: no such name; a file that cannot be read or does not define exactly one `Theorem`.
    """
    if not str(name_or_file).endswith(".py"):
        return theorems[name_or_file]
    import importlib.util

    from bounds.theorem import Theorem

    path = Path(name_or_file)
    if not path.is_file():
        raise ValueError(f"there is no file {name_or_file!r}; give a Python file that defines one Theorem, or a name")
    spec = importlib.util.spec_from_file_location(f"theorem_file_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(f"{name_or_file} could not be run: {type(error).__name__}: {error}") from error
    shipped = {id(t) for t in theorems.values()}  # a file may import them; an equal copy of one is its own
    found = {id(t): t for t in vars(module).values() if isinstance(t, Theorem) and id(t) not in shipped}
    if len(found) != 1:
        raise ValueError(f"{name_or_file} must define exactly one Theorem, it defines {len(found)}")
    return next(iter(found.values()))


def load_theorem(name_or_file: str) -> Theorem:
    """What `load` gives; `ValueError` besides for a law, which no run of one method tests."""
    found = load(name_or_file)
    if name_or_file in laws:
        raise ValueError(
            f"{found.name} is a law ({found.kind}), which no run of one method tests: `lmo check {found.name}` proves "
            f"it, `lmo bound {found.name}` evaluates it. Theorems: {', '.join(theorems)}"
        )
    return found


def stated(name_or_file: str) -> Theorem | Published:
    """What `load` gives, or a published statement by its name. `ValueError`: no theorem or paper of that name."""
    from bounds.published import papers
    from lmo.names import unknown_name

    if name_or_file in papers:
        return papers[name_or_file]
    if not name_or_file.endswith(".py") and name_or_file not in theorems and name_or_file not in laws:
        labels = [one.label for one in (*theorems.values(), *laws.values())]
        raise unknown_name("theorem", name_or_file, [*theorems, *laws, *labels, *papers])
    return load(name_or_file)


def __getattr__(name: str) -> Any:
    if name == "papers":
        from bounds.published import papers

        return papers
    if name in ("Theorem", "Tuning", "Metric", "MEAN", "MINIMUM"):
        from bounds import theorem

        return getattr(theorem, name)
    raise AttributeError(f"module 'bounds' has no attribute {name!r}")
