"""A progress bar, for people who look at a terminal."""

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any


class Progress:
    """How many of the files are done; shows nothing without a bar."""

    def __init__(self, bar: Any = None) -> None:
        self._bar = bar

    def advance(self) -> None:
        """Count one file more."""
        if self._bar is not None:
            self._bar.update()

    def aside(self) -> AbstractContextManager[None]:
        """Keep the bar out of the way of what is printed."""
        if self._bar is None:
            return nullcontext()
        lines: AbstractContextManager[None] = self._bar.external_write_mode()
        return lines


@contextmanager
def progress(total: int, *, shown: bool) -> Iterator[Progress]:
    """Show a bar while several files are worked on, if there is a terminal."""
    if not (shown and total > 1 and sys.stderr.isatty()):
        yield Progress()
        return
    # Only here, because it takes as long to import as a few maps take.
    from tqdm import tqdm

    # A terminal that does not know its size says 0, where tqdm would draw nothing.
    size = os.get_terminal_size(sys.stderr.fileno())
    with tqdm(
        total=total,
        unit="file",
        file=sys.stderr,
        ncols=size.columns or 80,
        nrows=size.lines or 24,
    ) as bar:
        yield Progress(bar)
