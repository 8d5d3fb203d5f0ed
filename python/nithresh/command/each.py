"""The same for each of many files: the inputs, the progress and what failed."""

import argparse
import os
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nithresh._params import check_count
from nithresh._paths import expanded
from nithresh.batch import Mask, Outcome, OwnFiles, in_threads
from nithresh.command.errors import (
    UsageError,
    already_exists,
    as_usage,
    needing,
    print_about,
    report,
)
from nithresh.command.memory import keep_freed_memory
from nithresh.command.names import sidecar_of
from nithresh.command.progress import progress
from nithresh.files import files_of
from nithresh.files.atomic import IfExists, check_place, remove_left_overs
from nithresh.files.sidecars import State, exists, state
from nithresh.threads import get_num_threads


@dataclass(frozen=True, slots=True)
class Job:
    """An input and what is made of it: none, one or more files."""

    source: str
    outputs: tuple[Path, ...] = ()
    # Where relative paths begin, if not in the working directory.
    folder: Path | None = None
    if_exists: IfExists = IfExists.FAIL

    def at(self, path: str | Path) -> str | Path:
        """Return where a path of this job leads to, for whatever process."""
        return path if self.folder is None else self.folder / expanded(path)

    @property
    def sidecars(self) -> dict[Path, list[Path]]:
        """The sidecars, and the files that each tells of.

        Outputs that differ by their extension alone share one.
        """
        sidecars: dict[Path, list[Path]] = {}
        for output in self.outputs:
            path = Path(self.at(output))
            sidecars.setdefault(sidecar_of(path), []).extend(files_of(path))
        return sidecars

    def is_left_out(self) -> bool:
        """Whether there is nothing to do.

        Raises
        ------
        OSError
            There is no folder for an output, or it exists and may not be replaced.
        ValueError
            What is there is no file.
        """
        found = State.ABSENT
        if self.if_exists is IfExists.SKIP:
            found = state(self.sidecars)
            if self.outputs and found is State.COMPLETE:
                return True
        for sidecar, files in self.sidecars.items():
            for path in (*files, sidecar):
                if not path.parent.is_dir():
                    msg = f"cannot write {str(path)!r}: there is no such folder"
                    raise OSError(msg)
                check_place(path)
                is_kept = self.if_exists is IfExists.FAIL or found is State.UNKNOWN
                if is_kept and exists(path):
                    raise already_exists(path)
        return False


class SharedMask(Mask):
    """A mask that other processes read from its file, each once."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._path = expanded(path).absolute()

    def __reduce__(self) -> Any:
        return _shared_mask, (self._path, self.source)


def inputs_of(words: argparse.Namespace) -> list[str]:
    """Return the paths of all inputs, those of a list included."""
    inputs: list[str] = list(words.inputs)
    if words.from_file is not None:
        inputs += _listed(words.from_file)
    if not inputs:
        msg = "no input: IN or --from-file LIST is needed"
        raise UsageError(msg)
    return inputs


def _listed(path: str) -> list[str]:
    try:
        content = (
            sys.stdin.buffer.read() if path == "-" else expanded(path).read_bytes()
        )
    except OSError as error:
        msg = f"--from-file {path}: {error.strerror}"
        raise UsageError(msg) from error
    return [os.fsdecode(line) for line in content.splitlines() if line.strip()]


def only_output_of(inputs: Sequence[str], option: str, output: str) -> Path:
    """Return the output that was named for a single input."""
    if len(inputs) > 1:
        msg = f"{option} names one file for {len(inputs)} inputs; use --output-dir"
        raise UsageError(msg)
    return expanded(output)


def open_mask(words: argparse.Namespace) -> SharedMask | None:
    """Read the mask, once for all files."""
    if words.mask is None:
        return None
    with needing(words.mask):
        return SharedMask(Path(words.mask))


_shared_masks: dict[Path, SharedMask] = {}


def _shared_mask(path: Path, source: Any) -> SharedMask:
    """Read a mask, once for as long as its file has the content that is asked for."""
    mask = _shared_masks.get(path)
    if mask is None or mask.source != source:
        # Only the last one: a worker may live for long.
        _shared_masks.clear()
        mask = _shared_masks[path] = SharedMask(path)
    return mask


def check_files(jobs: Sequence[Job], also_read: Iterable[str] = ()) -> None:
    """Refuse jobs of which one would write over a file that another reads or writes.

    Parameters
    ----------
    jobs : sequence of Job
    also_read : iterable of str
        Files that are read for all jobs.
    """
    files = OwnFiles()
    with as_usage():
        for path in (*also_read, *(job.source for job in jobs)):
            files.add_input(path)
        for job in jobs:
            for output in (*job.outputs, *job.sidecars):
                files.add_output(output)


def for_each(
    words: argparse.Namespace,
    jobs: Sequence[Job],
    work: Callable[[Job], str],
    *,
    show: Callable[[str], None] | None = print,
) -> int:
    """Do the work for each file; print what it gives, and in the end what failed.

    Parameters
    ----------
    words : argparse.Namespace
        The command line.
    jobs : sequence of Job
        Checked by :func:`check_files`.
    work : callable
        Makes the outputs of a job, and returns what there is to say.
    show : callable, optional
        Prints what `work` returns, in the order of the jobs; None for nothing.

    Returns
    -------
    int
        0, or 1 if a file failed.
    """
    with as_usage():
        threads = (
            get_num_threads()
            if words.jobs is None
            else check_count(words.jobs, "--jobs")
        )
    if getattr(words, "output_dir", None) is not None:
        expanded(words.output_dir).mkdir(parents=True, exist_ok=True)
    keep_freed_memory()
    for folder in {path.parent for job in jobs for path in job.outputs}:
        remove_left_overs(folder)
    jobs = [replace(job, if_exists=_if_exists(words)) for job in jobs]

    def attempt(job: Job) -> str | None:
        return None if job.is_left_out() else work(job)

    results: Generator[Outcome[Job, Any]]
    if getattr(words, "dask", None) is None:
        results = in_threads(attempt, jobs, threads)
    else:
        # Only here, because it takes longer to import than some maps take.
        from nithresh.command.workers import in_workers

        results = in_workers(work, jobs, words)

    failed: list[tuple[str, Exception]] = []
    with (
        progress(len(jobs), shown=not words.quiet) as bar,
        closing(results) as outcomes,
    ):
        for outcome in outcomes:
            source = outcome.task.source
            warnings = () if words.quiet else outcome.warnings
            text = None if show is None else outcome.value
            if warnings or text is not None:
                with bar.aside():
                    for warning in warnings:
                        print_about(source, f"warning: {warning}")
                    if show is not None and text is not None:
                        show(text)
            if outcome.error is not None:
                failed.append((source, outcome.error))
            bar.advance()
    if failed and len(jobs) > 1:
        print_about(None, f"{len(failed)} of {len(jobs)} files failed:")
    for source, error in failed:
        report(source, error, debug=words.debug)
    return 1 if failed else 0


def _if_exists(words: argparse.Namespace) -> IfExists:
    if words.overwrite:
        return IfExists.REPLACE
    return IfExists.SKIP if words.skip_existing else IfExists.FAIL
