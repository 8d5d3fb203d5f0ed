"""Two calls timed side by side."""

import gc
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Call = Callable[[], Any]

# Both sides together run about this long; a sample is as many calls as take at
# least SAMPLE_SECONDS.
SECONDS = 4.0
SAMPLE_SECONDS = 0.05
FEWEST_ROUNDS = 7
PROCESSES = 15


@dataclass(frozen=True)
class Timing:
    """Medians of one call and of the one it is compared with, in seconds."""

    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        """How many of our calls fit into one of theirs."""
        return self.theirs / self.ours


def side_by_side(ours: Call, theirs: Call) -> Timing:
    """Time two calls in turn, so that a busy moment of the machine meets both.

    The garbage collector, which would stop one of them now and then, is off.
    """
    calls = (ours, theirs)
    for call in calls:
        call()
    gc.collect()
    gc.disable()
    try:
        repeats = [_repeats(call) for call in calls]
        times: tuple[list[float], list[float]] = ([], [])
        seconds = 0.0
        while seconds < SECONDS or len(times[0]) < FEWEST_ROUNDS:
            for call, n, samples in zip(calls, repeats, times, strict=True):
                samples.append(_sample(call, n))
                seconds += n * samples[-1]
    finally:
        gc.enable()
    return Timing(*map(statistics.median, times))


def processes(*commands: Sequence[str]) -> list[float]:
    """Run commands in turn, and return the median of the time that each takes."""
    times: list[list[float]] = [[] for _ in commands]
    for round_number in range(PROCESSES + 1):
        for command, samples in zip(commands, times, strict=True):
            seconds = process(*command)
            if round_number:  # the first round fills the file cache
                samples.append(seconds)
    return [statistics.median(samples) for samples in times]


def process(*command: str) -> float:
    """Run a command to its end, and return the time that it took in seconds."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def _repeats(call: Call) -> int:
    # Once more before it counts, since the first calls fill caches.
    call()
    return max(1, int(SAMPLE_SECONDS / _sample(call, 1)))


def _sample(call: Call, repeats: int) -> float:
    """Time a call, in seconds."""
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats
