"""What the file system refuses, in words: what was being written, why not, and what is kept."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
WHY = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk is full (your quota of it is used up)",
    errno.EACCES: "you may not write there",
    errno.EPERM: "you may not write there",
    errno.EROFS: "that disk can only be read",
    errno.ENOTDIR: "part of that path is a file, not a folder",
    errno.EEXIST: "a file is in the place of that folder",
    errno.EISDIR: "it is a folder",
    errno.ENAMETOOLONG: "the name is too long",
}


class NotWritten(OSError):
    """An `OSError` whose text is a sentence, without the number of the error in front."""

    def __str__(self) -> str:
        return str(self.strerror)


@contextlib.contextmanager
def writing(path: Path, kept: str) -> Iterator[None]:
    """Refusals inside are of `path`, which is being written; `kept` says what is intact and how to go on."""
    try:
        yield
    except NotWritten:
        raise
    except OSError as error:
        raise NotWritten(error.errno, f"{why(error)}: {str(path)!r} was not stored. {kept}") from error


def why(error: OSError) -> str:
    """The reason as a clause."""
    if error.errno in WHY:
        return WHY[error.errno]
    if error.errno is None:
        return str(error)
    return f"it cannot be written ({error.strerror or os.strerror(error.errno)})"
