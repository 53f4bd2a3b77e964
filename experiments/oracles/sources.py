"""Where matrices come from: a spectrum, a matrix in a file, every matrix of a checkpoint. No file's code is run."""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from experiments.oracles import spectra
from lmo.checks import unknown_name


class Matrix(NamedTuple):
    """name: the source, or the tensor's name in its checkpoint. tensor: (a, b), finite floating-point."""

    name: str
    tensor: Tensor


def read(sources: list[str], shape: tuple[int, int], seed: int, only: str | None = None) -> list[Matrix]:
    """The matrices of all sources, in their order; those of a file are named after it where there are several sources.

    Args:
        sources: spectra (`gaussian`, `power-law=1.0`, …), or paths that end in .npy, .pt, .pth or .safetensors. A .npy
            of integers is read as float64; integers and truth values of a checkpoint (counters, masks) are passed over.
        shape, seed: of the spectra.
        only: a pattern such as "*.mlp.*" for the names; all by default.

    Raises:
        ValueError: no such file or spectrum, a file that cannot be read or holds code, no matrix, a complex one,
            entries that are truth values or not finite.
    """
    found: list[Matrix] = []
    for source in sources:
        if spectra.is_spectrum(source):
            found.append(Matrix(source, spectra.matrix(source, shape, seed)))
        else:
            prefix = f"{source}:" if len(sources) > 1 else ""
            found += [Matrix(prefix + name, tensor) for name, tensor in _matrices(source)]
    chosen = [one for one in found if only is None or fnmatchcase(one.name, only)]
    if not chosen:
        raise unknown_name("tensor", str(only), [one.name for one in found])
    for name, tensor in chosen:
        if tensor.is_complex():
            kind = str(tensor.dtype).removeprefix("torch.")
            raise ValueError(f"the matrix {name!r} is complex ({kind}); all must be real, see --only to choose others")
        if not torch.isfinite(tensor).all():
            raise ValueError(f"the matrix {name!r} has entries that are NaN or infinite; all must be finite")
    return chosen


def _matrices(source: str) -> list[Matrix]:
    path, suffix = Path(source), Path(source).suffix.lower()
    if not path.is_file():
        if path.exists() or suffix in READERS or "/" in source:
            raise ValueError(f"there is no file {source!r}; a source is a file ({', '.join(READERS)}) or a spectrum")
        raise unknown_name("file or spectrum", source, [*spectra.SPECTRA, *(f"FILE{end}" for end in READERS)])
    if suffix not in READERS:
        raise ValueError(f"{source!r} must be a file that ends in {', '.join(READERS)}; got {suffix or 'no ending'}")
    tensors = list(READERS[suffix](path))
    matrices = [Matrix(name or path.name, _plain(tensor)) for name, tensor in tensors if _is_matrix(tensor)]
    if not matrices:
        kinds = [f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}" for _, tensor in tensors[:6]]
        shapes = ", ".join(kinds) or "none at all"
        raise ValueError(f"{source!r} holds no floating-point matrix (two dimensions); its tensors: {shapes}")
    return matrices


def _is_matrix(tensor: Tensor) -> bool:
    """Complex ones too: passing over them would hide that they were not looked at."""
    numbers = tensor.is_floating_point() or tensor.is_complex()
    return tensor.ndim == 2 and tensor.numel() > 0 and numbers and tensor.layout == torch.strided


def _plain(tensor: Tensor) -> Tensor:
    """A tensor without gradient, in a dtype that can be computed with: 8-bit floats are lifted, exactly."""
    return tensor.detach().to(torch.float32 if tensor.dtype.itemsize == 1 else tensor.dtype)


def _numpy(path: Path) -> Iterator[tuple[str, Tensor]]:
    try:
        array = np.load(path, allow_pickle=False)
        if array.dtype.kind == "b":
            raise ValueError("it holds truth values; allowed are floating-point numbers, and integers, read as float64")
        kept = array.dtype.kind in "fc"  # complex ones are refused by name, with those of checkpoints
        yield "", torch.from_numpy(array.astype(array.dtype.newbyteorder("=") if kept else float))
    except (ValueError, TypeError, OSError, EOFError) as error:
        raise ValueError(f"{str(path)!r} cannot be read as one array of real numbers: {_first_line(error)}") from None


def _torch(path: Path) -> Iterator[tuple[str, Tensor]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of files that torch did not write: they are read or refused
            stored = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        what = re.search(r"GLOBAL (\S+) was not an allowed global", str(error))
        raise ValueError(
            f"{str(path)!r} holds more than tensors{f' ({what.group(1)})' if what else ''}: unpickling that could run "
            "any code, so it is refused; store tensors alone, torch.save(model.state_dict(), …), or a .safetensors file"
        ) from None
    except Exception as error:  # a damaged file may fail in any way
        raise ValueError(f"{str(path)!r} cannot be read as a torch file: {_first_line(error)}") from None
    yield from _walk(stored, "")


def _walk(stored: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    """Every tensor inside nested dicts, lists and tuples, by its dotted path."""
    if isinstance(stored, Tensor):
        yield name, stored
        return
    entries = (
        stored.items() if isinstance(stored, dict) else enumerate(stored) if isinstance(stored, list | tuple) else ()
    )
    for key, value in entries:
        yield from _walk(value, f"{name}.{key}" if name else str(key))


def _safetensors(path: Path) -> Iterator[tuple[str, Tensor]]:
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError:
        raise ValueError(f"{str(path)!r} needs the package safetensors: pip install 'lmo-lab[checkpoints]'") from None
    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118  (it is no dict)
                yield name, file.get_tensor(name)
    except SafetensorError as error:
        raise ValueError(f"{str(path)!r} cannot be read as a safetensors file: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


READERS: dict[str, Callable[[Path], Iterator[tuple[str, Tensor]]]] = {
    ".npy": _numpy,
    ".pt": _torch,
    ".pth": _torch,
    ".safetensors": _safetensors,
}
