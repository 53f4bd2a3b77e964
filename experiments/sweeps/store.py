"""Results on disk as they come: one folder per specification, one file per chunk, complete or not there.

    sweep.json                              the specification, its hash, the number of chunks, versions
    chunks/000012-0123456789abcdef.npy      results of chunk 12, a structured array; the checksum is in the name
    lock                                    held by the process that computes

A chunk is written to a temporary file, flushed to the disk and renamed, so a file of that name is whole unless the
disk damaged it, which the checksum shows. The checksum covers the content hash of the specification too: results of
another specification do not pass, even if their file is copied here.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from experiments.sweeps import disk
from experiments.sweeps.plan import Plan, plan_of_layout
from experiments.sweeps.simulate import result_names
from experiments.sweeps.specification import Sweep, of_table

CHUNK = re.compile(r"(\d{6,})-([0-9a-f]{16})\.npy")
NOTHING_LOST = "Nothing was computed, and what was there stays; `--out` gives another folder"


class Damaged(NamedTuple):
    """A file among the chunks that is not what its name says."""

    path: Path
    why: str


class Scan(NamedTuple):
    """What is there: chunk number → file, damaged files, and what an earlier end left behind."""

    finished: dict[int, Path]
    damaged: list[Damaged]
    leftovers: list[Path]


class Store:
    """The folder of one specification on one kind of device."""

    def __init__(
        self, folder: Path, sweep: Sweep, device: str = "cpu", sources: dict[str, str] | None = None
    ) -> None:  # fmt: skip
        self.folder, self.sweep, self.device = Path(folder), sweep, device.split(":")[0]
        self.sources = sweep.sources() if sources is None else sources
        self.hash = sweep.content_hash(device, self.sources)
        self.chunks = self.folder / "chunks"

    @classmethod
    def of(cls, out: Path, sweep: Sweep, device: str = "cpu") -> Store:
        """The store below `out` that belongs to this specification and no other."""
        return cls(Path(out) / f"{sweep.name}-{sweep.content_hash(device)[:12]}", sweep, device)

    @classmethod
    def open(cls, folder: Path) -> Store:
        """The store in a folder; `ValueError` where there is none, or its specification is damaged.

        It is that of the user's code as it was when the results were computed: they can be read without that code, and
        a sweep with changed code goes to another folder.
        """
        try:
            about = json.loads((Path(folder) / "sweep.json").read_text(encoding="utf-8"))
            store = cls(folder, of_table(about["sweep"]), about["device"], about.get("sources", {}))
            stated = about["hash"], about["layout_hash"]
            held = store.hash, _digest(about["layout"])
        except OSError:
            raise ValueError(
                f"there are no results in {str(folder)!r}; `lmo results list` shows what is there"
            ) from None
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{Path(folder) / 'sweep.json'} is damaged: {error}") from None
        if stated != held:
            raise ValueError(
                f"{Path(folder) / 'sweep.json'} is damaged, changed, or of another version of lmo-lab: "
                "its hash is not that of its content"
            )
        return store

    def before_changes(self) -> list[Path]:
        """Folders beside this one of the same grid with the user's code as it was before."""
        found = []
        for path in sorted(self.folder.parent.glob(f"{self.sweep.name}-*/sweep.json")) if self.sources else []:
            with contextlib.suppress(ValueError):  # damaged: of nothing
                other = Store.open(path.parent)
                if other.sweep == self.sweep and other.sources != self.sources:
                    found.append(path.parent)
        return found

    def create(self, plan: Plan) -> None:
        """The folder with its specification; what is there stays.

        Raises:
            ValueError: what is there was planned otherwise, by a version that puts other runs into its chunks.
        """
        with disk.writing(self.chunks, NOTHING_LOST):
            self.chunks.mkdir(parents=True, exist_ok=True)
        layout = json.loads(json.dumps(plan.layout))
        stored = self._stored_layout()
        if stored == layout:
            return
        if stored is not None:
            raise ValueError(
                f"{str(self.folder)!r} was planned by another version of lmo-lab, which put other runs into its "
                "chunks; compute it in another place with --out"
            )
        about = {
            "sweep": self.sweep.table, "hash": self.hash, "device": self.device, "chunks": len(plan.chunks),
            "runs": plan.runs, "run_steps": plan.run_steps, "left_out": list(plan.left_out), "sources": self.sources,
            "layout": layout, "layout_hash": _digest(layout),
            "versions": {"torch": torch.__version__, "numpy": np.__version__, "machine": platform.machine()},
        }  # fmt: skip
        self._write(self.folder / "sweep.json", json.dumps(about, indent=1, ensure_ascii=False).encode())

    def _stored_layout(self) -> dict[str, Any] | None:
        """None: not there yet, or damaged, and then what belongs there is known."""
        try:
            layout: dict[str, Any] = Store.open(self.folder).about["layout"]
        except ValueError:
            return None
        return layout

    def plan(self) -> Plan:
        """Which runs its chunks hold: as it was stored, so that neither the user's code nor another version matters."""
        return plan_of_layout(self.sweep, self.about["layout"])

    @property
    def about(self) -> dict[str, Any]:
        """What `sweep.json` says."""
        return json.loads((self.folder / "sweep.json").read_text(encoding="utf-8"))

    def scan(self, whole: bool = True) -> Scan:
        """Every chunk that is there; `whole`: read each file and compare its checksum."""
        found: dict[int, Path] = {}
        damaged, leftovers = [], []
        for path in sorted(self.chunks.iterdir()) if self.chunks.is_dir() else []:
            match = CHUNK.fullmatch(path.name)
            if match is None:
                leftovers.append(path)
            elif whole and (why := self._fault(path)):
                damaged.append(Damaged(path, why))
            else:
                found[int(match[1])] = path
        return Scan(found, damaged, leftovers)

    def write(self, index: int, results: dict[str, np.ndarray]) -> Path:
        """Stores the results of a chunk: whole, or not at all.

        Raises:
            OSError: the disk is full or not writable; everything stored before is intact.
            ValueError: the user's code has changed since the sweep began, so it is not known which one this is of.
        """
        self.sweep.check_sources(self.sources)
        names = result_names(self.sweep)
        array = np.empty(len(results[names[0]]), dtype=[(name, "<f8") for name in names])
        for name in names:
            array[name] = results[name]
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        content = buffer.getvalue()
        return self._write(self.chunks / f"{index:06d}-{self._checksum(index, content)}.npy", content)

    def read(self, index: int, path: Path) -> np.ndarray:
        """The structured array of a chunk; `ValueError` if the file is damaged."""
        content = path.read_bytes()
        if self._checksum(index, content) != CHUNK.fullmatch(path.name)[2]:  # type: ignore[index]
            raise ValueError(
                f"{path} is damaged: its content does not have its checksum; `lmo sweep --resume` redoes it"
            )
        return np.load(io.BytesIO(content), allow_pickle=False)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Held while computing; `ValueError` if another process computes here. The system frees it at any end."""
        with disk.writing(self.folder, NOTHING_LOST):
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = open(self.folder / "lock", "a+")  # noqa: SIM115 closed below, where errors are of other files
        with handle:
            try:
                import fcntl

                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except ImportError:  # no such lock on this system: two at once would write the same files
                pass
            except BlockingIOError:
                raise ValueError(
                    f"another process is computing into {str(self.folder)!r}; wait for it or end it"
                ) from None
            yield

    def _fault(self, path: Path) -> str:
        match = CHUNK.fullmatch(path.name)
        assert match is not None
        try:
            content = path.read_bytes()
        except OSError as error:
            return f"it cannot be read: {error}"
        if self._checksum(int(match[1]), content) == match[2]:
            return ""
        return f"its {len(content)} bytes do not have its checksum (half written, changed, or of another sweep)"

    def _checksum(self, index: int, content: bytes) -> str:
        return hashlib.sha256(f"{self.hash} {index} ".encode() + content).hexdigest()[:16]

    def _write(self, path: Path, content: bytes) -> Path:
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        try:
            with open(temporary, "wb") as handle:
                handle.write(content)
                handle.flush()
                os.fsync(handle.fileno())
            os.replace(temporary, path)
        except BaseException as error:  # Ctrl-C may come here, too
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            if not isinstance(error, OSError):
                raise
            go_on = f"{'free some space' if error.errno in disk.FULL else 'mend that'}, then go on with --resume"
            with disk.writing(path, f"Every chunk stored before is intact; {go_on}"):
                raise
        return path


def _digest(layout: Any) -> str:
    """64 hexadecimal digits of plain data."""
    return hashlib.sha256(json.dumps(layout, sort_keys=True).encode()).hexdigest()
