"""All blocks of a loop, over threads or workers of Dask, with a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nithresh._tasks import in_threads
from nithresh.permutation.checkpoint import Checkpoint
from nithresh.permutation.loop import Loop

Block: TypeAlias = tuple[int, int]
Progress: TypeAlias = Callable[[int, int], object]

_SECONDS_BETWEEN_CHECKPOINTS = 5.0


def run(
    loop: Loop,
    passes: int,
    *,
    checkpoint: Any,
    jobs: int,
    dask: Any,
    on_progress: Progress | None,
) -> NDArray[np.float64]:
    """Run the blocks that are not done, and return the maxima of all passes.

    Parameters
    ----------
    loop : Loop
    passes : int
        How many shuffles, from the identity on.
    checkpoint : str or os.PathLike or None
    jobs : int
        Threads.
    dask : str or distributed.Client or None
    on_progress : callable or None
        Called with how many passes are done and how many there are.
    """
    signs = 1 + loop.statistics.two_sided
    shape = passes, signs, loop.statistics.count
    maxima: NDArray[np.float64] = np.full(shape, np.nan)
    done, kept = np.zeros(passes, bool), None
    if checkpoint is not None:
        kept = Checkpoint(checkpoint, loop.checksum, shape)
        maxima, done = kept.maxima, kept.done
    blocks = [
        block for block in loop.blocks(passes, jobs) if not done[slice(*block)].all()
    ]
    results = _in_threads(loop, blocks, jobs)
    if dask is not None:
        from nithresh.permutation.workers import in_workers

        results = in_workers(loop, blocks, dask)
    if on_progress is not None:
        on_progress(int(done.sum()), passes)
    saved = time.monotonic()
    try:
        with closing(results):
            for block, found in results:
                maxima[slice(*block)], done[slice(*block)] = found, True
                if on_progress is not None:
                    on_progress(int(done.sum()), passes)
                if kept and time.monotonic() - saved > _SECONDS_BETWEEN_CHECKPOINTS:
                    kept.save()
                    saved = time.monotonic()
    finally:
        if kept is not None:
            kept.save()
    return maxima


def _in_threads(
    loop: Loop, blocks: list[Block], jobs: int
) -> Generator[tuple[Block, NDArray[np.float64]]]:
    def work(block: Block) -> NDArray[np.float64]:
        return loop.maxima(*block)

    if blocks:
        # Before there are threads, each of which would make it.
        loop.prepare()
    with closing(in_threads(work, blocks, jobs)) as outcomes:
        for outcome in outcomes:
            if outcome.error is not None:
                raise outcome.error
            if outcome.value is not None:
                yield outcome.task, outcome.value
