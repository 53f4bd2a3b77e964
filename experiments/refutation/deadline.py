"""When a search must stop, known to whatever takes long."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass


class OutOfTime(Exception):
    """The time is over; what was being done is not finished and says nothing."""


@dataclass(frozen=True)
class Deadline:
    """A point in time, of `time.monotonic`."""

    at: float = math.inf

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """So many seconds from now."""
        return cls(time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """Seconds; negative where it is over."""
        return self.at - time.monotonic()

    def check(self) -> None:
        """Raises `OutOfTime` where it is over."""
        if self.left < 0:
            raise OutOfTime

    def sooner(self, seconds: float) -> Deadline:
        """This one, or so many seconds from now if that is earlier."""
        return Deadline(min(self.at, time.monotonic() + seconds))


NEVER = Deadline()
