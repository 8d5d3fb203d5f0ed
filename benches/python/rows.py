"""The lines of the table, and how a comparison becomes one."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from timing import Call, processes, side_by_side

import nithresh


@dataclass(frozen=True)
class Row:
    """One line of the table: numbers with their units, ready to print."""

    what: str
    ours: str = ""
    theirs: str = ""
    result: str = ""
    repeat: str = ""
    target: str = ""
    met: bool | None = None


def timed(
    what: str, other: str, ours: Call, theirs: Call, least: float | None = None
) -> Row:
    """Compare two calls, twice: the second time shows how far to trust the first."""
    first, second = (side_by_side(ours, theirs) for _ in range(2))
    met = None if least is None else min(first.ratio, second.ratio) >= least
    return Row(
        what,
        milliseconds(first.ours),
        f"{milliseconds(first.theirs)} ({other})",
        f"{first.ratio:.3g}x",
        f"{second.ratio:.3g}x",
        "" if least is None else f">= {least:g}x",
        met,
    )


def times(
    what: str, other: str, ours: Call, theirs: Call, most: float | None = None
) -> Row:
    """Compare two calls likewise, as how many times the second the first takes."""
    first, second = (side_by_side(ours, theirs) for _ in range(2))
    costs = [1 / first.ratio, 1 / second.ratio]
    return Row(
        what,
        milliseconds(first.ours),
        f"{milliseconds(first.theirs)} ({other})",
        f"{costs[0]:.3g} times it",
        f"{costs[1]:.3g} times",
        "" if most is None else f"<= {most:g} times",
        None if most is None else max(costs) <= most,
    )


def beyond(
    what: str, other: str, ours: Sequence[str], theirs: Sequence[str], most: float
) -> Row:
    """Compare two processes, twice, as how many ms longer ours may take at most."""
    first, second = (processes(ours, theirs) for _ in range(2))
    differences = [1000 * (mine - other) for mine, other in (first, second)]
    return Row(
        what,
        milliseconds(first[0]),
        f"{milliseconds(first[1])} ({other})",
        *(f"{difference:+.0f} ms" for difference in differences),
        f"<= {most:+g} ms",
        max(differences) <= most,
    )


def milliseconds(seconds: float) -> str:
    """Print a time."""
    return f"{1000 * seconds:.3g} ms"


def require_same(ours: ArrayLike, theirs: ArrayLike) -> None:
    """Refuse to time two calls that do not do the same."""
    if not np.array_equal(ours, theirs):
        msg = "the results differ, so their times say nothing"
        raise RuntimeError(msg)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Hold nithresh to the calling thread."""
    before = nithresh.get_num_threads()
    nithresh.set_num_threads(1)
    try:
        yield
    finally:
        nithresh.set_num_threads(before)
