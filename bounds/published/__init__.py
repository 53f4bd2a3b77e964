"""Published convergence theorems, one a file: as printed, in our conventions, and how each stands to ours.

`bounds.papers` is a Mapping from their names, found by walking this folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bounds.published.base import Published


class _Papers(Mapping[str, "Published"]):
    """Names → published statements, in the order of their names."""

    @cached_property
    def _by_name(self) -> dict[str, Published]:
        import importlib
        import pkgutil

        from bounds.published.base import Published

        found: list[Published] = []
        for info in pkgutil.iter_modules(__path__):
            module = importlib.import_module(f"{__name__}.{info.name}")
            found += [thing for thing in vars(module).values() if isinstance(thing, Published)]
        return {paper.name: paper for paper in sorted(found, key=lambda p: p.name)}

    def __getitem__(self, name: str) -> Published:
        if name not in self._by_name:
            from bounds import UnknownName
            from lmo.names import unknown_name

            raise UnknownName(str(unknown_name("paper", name, self._by_name)))
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)


papers: Mapping[str, Published] = _Papers()
