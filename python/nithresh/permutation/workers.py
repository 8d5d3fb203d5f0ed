"""The blocks of a loop on the workers of a Dask cluster.

A task is a range of permutations. A worker gets the loop once: values that lie in a
file as its path, which all workers must reach, and others as they are. Only maxima come
back.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nithresh._workers import check_workers, import_distributed, is_address
from nithresh.permutation.loop import Loop

Block: TypeAlias = tuple[int, int]

# How often a block is handed out again after its worker was lost.
_ATTEMPTS = 5


def in_workers(
    loop: Loop, blocks: list[Block], dask: Any
) -> Generator[tuple[Block, NDArray[np.float64]]]:
    """Work on blocks, and yield each with its maxima as it is done."""
    import distributed
    from distributed.scheduler import KilledWorker

    with _client(dask) as client:
        check_workers(client, "dask")
        left = dict.fromkeys(blocks, _ATTEMPTS)
        while left:
            # Each worker has it, so that the loss of one costs its blocks alone. It is
            # sent again where all that had it are gone.
            everywhere = client.scatter(loop, broadcast=True, hash=False)
            tasks = {
                client.submit(_maxima, everywhere, block, pure=False): block
                for block in left
            }
            try:
                for task in distributed.as_completed(tasks, loop=client.loop):
                    try:
                        found = task.result()
                    except (distributed.CancelledError, KilledWorker):
                        continue  # lost with its worker or its data
                    del left[tasks[task]]
                    yield tasks[task], found
            finally:
                client.cancel(list(tasks))
            for block in left:
                left[block] -= 1
                if not left[block]:
                    msg = (
                        f"dask: the workers with permutations {block[0]} to "
                        f"{block[1] - 1} were lost {_ATTEMPTS} times"
                    )
                    raise RuntimeError(msg)


def _maxima(loop: Loop, block: Block) -> NDArray[np.float64]:
    return loop.maxima(*block)


def check_dask(dask: Any) -> None:
    """Check what `dask` is.

    Raises
    ------
    ImportError
        Dask is not installed.
    TypeError, ValueError
        Neither an address nor a client.
    """
    distributed = import_distributed("dask=")
    needed = (
        "it must be the address of a scheduler, such as 'tcp://HOST:8786', or a "
        "distributed.Client"
    )
    if isinstance(dask, str):
        if not is_address(dask):
            msg = f"dask is {dask!r}; {needed}"
            raise ValueError(msg)
    elif not isinstance(dask, distributed.Client):
        msg = f"dask is of type {type(dask).__name__}; {needed}"
        raise TypeError(msg)


@contextmanager
def _client(dask: Any) -> Iterator[Any]:
    """Connect to a scheduler, if there is only its address."""
    import distributed

    if isinstance(dask, distributed.Client):
        yield dask
        return
    with distributed.Client(dask, set_as_default=False, timeout="10s") as client:
        yield client
