"""Tasks over threads: their outcomes in order, errors and warnings included."""

import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Generic, TypeVar, cast

from nithresh._params import collected_warnings

Task = TypeVar("Task")
Value = TypeVar("Value")

# Tasks per thread, running or waiting: enough that no thread waits for the next.
_TASKS_PER_JOB = 2


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Task, Value]):
    """What became of one task: its value, or the error in its place."""

    task: Task
    value: Value | None
    warnings: tuple[str, ...]
    error: Exception | None


def in_threads(
    work: Callable[[Task], Value], tasks: Iterable[Task], jobs: int
) -> Generator[Outcome[Task, Value]]:
    """Work on tasks, a few ahead of the outcomes; yield these in order.

    A machine that gives fewer threads than `jobs` has fewer; where it gives none, the
    caller's thread does the work. (An executor of Python would have taken a task for
    which there is no thread, and might do it or not.)
    """
    todo: SimpleQueue[tuple[Task, Future[Outcome[Task, Value]]] | None] = SimpleQueue()

    def help_out() -> None:
        while (taken := todo.get()) is not None:
            task, future = taken
            if future.set_running_or_notify_cancel():
                future.set_result(attempt(work, task))

    threads: list[threading.Thread] = []
    waiting: deque[Future[Outcome[Task, Value]]] = deque()
    try:
        for task in tasks:
            if len(threads) < jobs:
                thread = threading.Thread(target=help_out, name="nithresh-file")
                try:
                    thread.start()
                except RuntimeError:
                    jobs = len(threads)
                else:
                    threads.append(thread)
            if not threads:
                yield attempt(work, task)
                continue
            waiting.append(Future())
            todo.put((task, waiting[-1]))
            if len(waiting) >= _TASKS_PER_JOB * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        # One more: an interrupt may come when a thread has started and is not listed.
        for _ in range(len(threads) + 1):
            todo.put(None)
        for thread in threads:
            thread.join()


def values_in_threads(
    work: Callable[[Task], Value], tasks: Iterable[Task], jobs: int
) -> Generator[tuple[Task, Value]]:
    """Work on tasks as :func:`in_threads` does; yield each with its value.

    Raises the error of the first task that fails, and begins no others.
    """
    with closing(in_threads(work, tasks, jobs)) as outcomes:
        for outcome in outcomes:
            if outcome.error is not None:
                raise outcome.error
            yield outcome.task, cast(Value, outcome.value)


def attempt(work: Callable[[Task], Value], task: Task) -> Outcome[Task, Value]:
    """Work on one task; an error becomes part of the outcome."""
    value, error = None, None
    with collected_warnings() as messages:
        try:
            value = work(task)
        except Exception as caught:
            error = caught
            _let_go_of_images(error)
    return Outcome(task, value, tuple(messages), error)


def _let_go_of_images(error: BaseException | None) -> None:
    """Clear the local variables of the calls that an error went through.

    Those of files that failed would stay in memory for as long as their errors.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
