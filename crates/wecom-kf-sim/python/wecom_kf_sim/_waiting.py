"""How long tests wait for the bot."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

# How long to wait for the bot, in seconds, unless the test says otherwise. A machine that is busy must still pass.
PATIENCE_S = 60.0
# The simulator answers a waiting request after this time at the latest.
_LONGEST_WAIT_S = 60.0

Duration = str | float | timedelta


def as_duration(duration: Duration) -> str:
    """Returns the duration as the control API takes it."""
    if isinstance(duration, timedelta):
        duration = duration.total_seconds()
    return duration if isinstance(duration, str) else f"{round(duration * 1000)}ms"


def waits(within: float, longest: float = _LONGEST_WAIT_S) -> Iterator[str]:
    """Yields the waits that make up this many seconds, each at most `longest`. The first comes even if there is no time."""
    end = time.monotonic() + within
    while True:
        yield as_duration(max(0.0, min(end - time.monotonic(), longest)))
        if time.monotonic() >= end:
            return
