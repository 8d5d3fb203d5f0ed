"""All blocks of a loop, over threads or workers of Dask, with a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nithresh._tasks import values_in_threads
from nithresh.permutation.checkpoint import Checkpoint, check_path
from nithresh.permutation.loop import Loop
from nithresh.permutation.plan import Plan

Progress: TypeAlias = Callable[[int, int], object]

_SECONDS_BETWEEN_CHECKPOINTS = 5.0


def run(
    loop: Loop,
    plan: Plan,
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
    plan : Plan
    checkpoint : str or os.PathLike or None
    jobs : int
        Threads.
    dask : str or distributed.Client or None
    on_progress : callable or None
        Called with how many permutations are done and how many there are.
    """
    passes = plan.passes
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
    results = values_in_threads(lambda block: loop.maxima(*block), blocks, jobs)
    if dask is not None:
        from nithresh.permutation.workers import in_workers

        results = in_workers(loop, blocks, dask)

    def tell() -> None:
        if on_progress is not None:
            on_progress(min(int(done.sum()) * plan.per_pass, plan.total), plan.total)

    tell()
    saved = time.monotonic()
    try:
        with closing(results):
            for block, found in results:
                maxima[slice(*block)], done[slice(*block)] = found, True
                tell()
                if kept and time.monotonic() - saved > _SECONDS_BETWEEN_CHECKPOINTS:
                    kept.save()
                    saved = time.monotonic()
    finally:
        if kept is not None:
            kept.save()
    return maxima


def check_run(checkpoint: Any, dask: Any) -> None:
    """Check where to run, and where to keep what is done, before images are read."""
    if checkpoint is not None:
        check_path(checkpoint)
    if dask is not None:
        from nithresh.permutation.workers import check_dask

        check_dask(dask)
