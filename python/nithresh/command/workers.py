"""Work on many files, on the workers of a Dask cluster.

A file is one task: it is read, worked on and written by one worker, and a few tasks for
each thread are on their way at any time. Dask gives the task of a worker that dies to
another one. What the first left behind is a temporary file, which is removed in the
end; or the whole output, if it died before it could say so, and then that stays.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import secrets
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from nithresh import __version__
from nithresh._tasks import Outcome, attempt
from nithresh._workers import check_workers, import_distributed, is_address
from nithresh.command.errors import UsageError, print_about, reason
from nithresh.command.jobs import Job
from nithresh.command.options import RunOptions
from nithresh.files import marked_temporaries, remove_temporaries
from nithresh.threads import get_num_threads

# How long a scheduler may take to answer.
_PATIENCE = 5
# Tasks per thread, running or waiting: enough that no worker waits for the next.
_TASKS_PER_THREAD = 4
# How often to look whether workers have come or gone.
_SECONDS_BETWEEN_COUNTS = 5.0
# A task, as text: Dask ends a worker that cannot import a function that it is sent, and
# this one fails there. So no worker is lost that came after all had been asked.
_TASK = f"__import__({__name__!r}, fromlist=['in_worker']).in_worker(version, sent)"


def in_workers(
    work: Callable[[Job], str],
    jobs: Sequence[Job],
    words: RunOptions,
) -> Generator[Outcome[Job, Any]]:
    """Work on jobs, a few ahead of the outcomes; yield these in order.

    Parameters
    ----------
    work : callable
        Can be pickled.
    jobs : sequence of Job
        Whether there is nothing to do for one is asked just before it is handed out.
    words : RunOptions
    """
    mark = f"{secrets.token_hex(8)}-"
    waiting: deque[Any] = deque()
    try:
        with _client(words) as client, _naming_loss(str(words.dask)):
            try:
                check = partial(check_workers, client, f"--dask {words.dask}")
                check()
                most, counted = _most(client, words), time.monotonic()
                for number, job in enumerate(jobs):
                    waiting.append(
                        _handed_out(client, work, job, (mark, number), words)
                    )
                    if time.monotonic() - counted > _SECONDS_BETWEEN_COUNTS:
                        most, counted = _most(client, words), time.monotonic()
                    while len(waiting) >= most:
                        yield _outcome(waiting.popleft(), check)
                while waiting:
                    yield _outcome(waiting.popleft(), check)
            finally:
                client.cancel([task for _, task in waiting if _is_future(task)])
    finally:
        for folder in {path.parent for job in jobs for path in job.outputs}:
            remove_temporaries(folder, mark)


@contextmanager
def _client(words: RunOptions) -> Iterator[Any]:
    """Connect to the scheduler, or start one with workers in this machine."""
    address = str(words.dask)
    if address != "local" and not is_address(address):
        msg = f"--dask is {address!r}; it must be local or such as tcp://HOST:8786"
        raise UsageError(msg)
    distributed = import_distributed("--dask")

    # What it says of workers that die is for the one who runs the cluster.
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if address == "local":
        with _ignored_interrupts():
            cluster = distributed.LocalCluster(
                n_workers=words.jobs or get_num_threads(),
                threads_per_worker=1,
                processes=True,
                # Any port that is free.
                dashboard_address=":0",
                silence_logs=logging.CRITICAL,
            )
        with cluster, distributed.Client(cluster, set_as_default=False) as client:
            yield client
        return
    try:
        # Before there is a client, whose end takes long if it has no scheduler.
        asyncio.run(asyncio.wait_for(_ask(address), _PATIENCE))
    except ValueError as error:
        msg = f"--dask is {address!r}: {error}"
        raise UsageError(msg) from error
    except Exception as error:
        # Of many kinds: what is there may be no scheduler, and say anything.
        msg = f"--dask {address}: no Dask scheduler answers there within {_PATIENCE} s"
        raise ConnectionError(msg) from error
    with distributed.Client(address, timeout=_PATIENCE, set_as_default=False) as client:
        if not words.quiet and not client.nthreads():
            print_about(None, f"waiting for the first worker of {address}")
        yield client


@contextmanager
def _ignored_interrupts() -> Iterator[None]:
    """Start processes that leave Ctrl-C to this one, which ends them in good order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _naming_loss(address: str) -> Iterator[None]:
    """Say so when the scheduler goes away; files that are done stay."""
    from distributed import CancelledError

    try:
        yield
    except (CancelledError, OSError) as error:
        # Errors of files belong to their jobs; what is left are closed connections, and
        # new ones that nobody answers in time.
        msg = f"--dask {address}: the connection to the scheduler was lost"
        raise ConnectionError(msg) from error


async def _ask(address: str) -> None:
    """Ask a scheduler who it is."""
    from distributed.core import rpc

    async with rpc(address) as scheduler:
        await scheduler.identity()


def _most(client: Any, words: RunOptions) -> int:
    """Return how many tasks may be on their way."""
    if words.jobs is not None:
        jobs: int = words.jobs
        return jobs
    threads: int = sum(client.nthreads().values())
    return _TASKS_PER_THREAD * max(1, threads)


def _handed_out(
    client: Any,
    work: Callable[[Job], str],
    job: Job,
    name: tuple[str, int],
    words: RunOptions,
) -> tuple[Job, Any]:
    """Give a job to the workers; if there is nothing to do, say what became of it."""
    try:
        if job.is_left_out():
            return job, Outcome(job, None, (), None)
        ready = replace(job, folder=Path.cwd())
    except (OSError, ValueError) as error:
        return job, Outcome(job, None, (), error)
    mark, number = name
    sent = pickle.dumps((work, ready, mark, words.debug))
    task = client.submit(
        eval,
        _TASK,
        {"version": __version__, "sent": sent},
        key=f"nithresh-{mark}{number}",
        pure=False,
    )
    return job, task


def _is_future(task: Any) -> bool:
    return not isinstance(task, Outcome)


def in_worker(version: str, sent: bytes) -> Outcome[None, str]:
    """Work on a job, in the process of a worker.

    Parameters
    ----------
    version : str
        That of nithresh in the process that has sent the job.
    sent : bytes
        The pickled work, job, mark of temporary files, and whether to debug.
    """
    if version != __version__:
        msg = f"the worker has nithresh {__version__}, and not {version}"
        raise RuntimeError(msg)
    work: Callable[[Job], str]
    job: Job
    work, job, mark, debug = pickle.loads(sent)  # noqa: S301 - our own
    with marked_temporaries(mark):
        outcome = attempt(work, job)
    error = outcome.error
    return Outcome(
        None,
        outcome.value,
        outcome.warnings,
        None if error is None else _portable(error, debug=debug),
    )


def _portable(error: Exception, *, debug: bool) -> Exception:
    """Return an error that says the same in another process."""
    if debug:
        # The traceback itself stays here.
        error.add_note("".join(traceback.format_exception(error)))
    try:
        if reason(pickle.loads(pickle.dumps(error))) == reason(error):  # noqa: S301 - own
            return error
    except Exception:  # noqa: S110 - whatever a class of errors does when it is pickled
        pass
    return RuntimeError(reason(error))


def _outcome(waiting: tuple[Job, Any], check: Callable[[], None]) -> Outcome[Job, Any]:
    """Wait for what becomes of a job; if it could not begin, check the workers."""
    job, task = waiting
    if not _is_future(task):
        outcome: Outcome[Job, Any] = task
        return outcome
    from distributed import CancelledError, KilledWorker

    try:
        result = task.result()
    except CancelledError:
        raise
    except KilledWorker as error:
        died = RuntimeError(
            f"given up: {error.allowed_failures + 1} workers died while they had it"
        )
        return Outcome(job, None, (), died)
    except Exception as error:
        # Of Dask: it could not be sent, or the worker lacks something.
        check()
        return Outcome(job, None, (), error)
    finally:
        task.release()
    return Outcome(job, result.value, result.warnings, result.error)
