"""Work on many files: over threads or workers, with progress and what failed."""

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from nithresh._numbers import counted
from nithresh._params import check_count
from nithresh._paths import expanded
from nithresh._tasks import Outcome, in_threads
from nithresh.command.errors import (
    as_usage,
    forget_output,
    make_folder,
    print_about,
    report,
)
from nithresh.command.jobs import Job
from nithresh.command.memory import collect_from_here_on, keep_freed_memory
from nithresh.command.options import RunOptions
from nithresh.command.progress import progress
from nithresh.command.rates import Notice
from nithresh.files.atomic import IfExists, remove_left_overs
from nithresh.threads import get_num_threads


def for_each(
    options: RunOptions,
    jobs: Sequence[Job],
    work: Callable[[Job], str],
    *,
    show: Callable[[str], None] | None = print,
) -> int:
    """Do the work for each file; print what it gives, and in the end what failed.

    Parameters
    ----------
    options : RunOptions
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
    keep_freed_memory()
    jobs = [replace(job, if_exists=_if_exists(options)) for job in jobs]
    results = _outcomes(options, jobs, work)
    failed: list[tuple[str, Exception]] = []
    unprinted: OSError | None = None
    with (
        progress(len(jobs), shown=not options.quiet) as bar,
        closing(results) as outcomes,
    ):
        for done, outcome in enumerate(outcomes, start=1):
            collect_from_here_on()
            source = outcome.task.source
            warnings = () if options.quiet else outcome.warnings
            text = None if show is None else outcome.value
            if warnings or text is not None:
                with bar.aside():
                    for warning in warnings:
                        is_notice = isinstance(warning, Notice)
                        text_of = warning if is_notice else f"warning: {warning}"
                        print_about(source, text_of)
                    if show is not None and text is not None:
                        try:
                            show(text)
                            sys.stdout.flush()
                        except OSError as lost:
                            forget_output()
                            if not outcome.task.outputs:
                                _say_what_is_left(jobs[done:])
                                raise
                            # The files are what counts.
                            unprinted, show = lost, None
            if outcome.error is not None:
                failed.append((source, outcome.error))
            bar.advance()
    if unprinted is not None and not isinstance(unprinted, BrokenPipeError):
        report("standard output", unprinted, debug=options.debug)
    if failed and len(jobs) > 1:
        print_about(None, f"{len(failed)} of {len(jobs)} files failed:")
    for source, error in failed:
        report(source, error, debug=options.debug)
    nobody_reads = isinstance(unprinted, BrokenPipeError)
    return 1 if failed or not (unprinted is None or nobody_reads) else 0


def _outcomes(
    options: RunOptions, jobs: Sequence[Job], work: Callable[[Job], str]
) -> Generator[Outcome[Job, Any]]:
    """Begin, over threads or workers; give what becomes of each job, in their order."""
    with as_usage():
        threads = (
            get_num_threads()
            if options.jobs is None
            else check_count(options.jobs, "--jobs")
        )
    if options.output_dir is not None:
        make_folder(expanded(options.output_dir))
    for folder in {path.parent for job in jobs for path in job.outputs}:
        remove_left_overs(folder)

    def attempt(job: Job) -> str | None:
        return None if job.is_left_out() else work(job)

    if options.dask is None:
        return in_threads(attempt, jobs, threads)
    # Only here, because it takes longer to import than some maps take.
    from nithresh.command.workers import in_workers

    return in_workers(work, jobs, options)


def _say_what_is_left(jobs: Sequence[Job]) -> None:
    """Say that some jobs are not done because their output cannot be printed."""
    if jobs:
        print_about(
            None,
            f"standard output cannot be written to; {counted(len(jobs), 'file')} "
            f"{'is' if len(jobs) == 1 else 'are'} not done, from {jobs[0].source} on",
        )


def shown_names(
    options: RunOptions, jobs: Sequence[Job]
) -> Callable[[str], None] | None:
    """Print the names of outputs, unless the terminal is to show a bar."""
    bar_is_shown = len(jobs) > 1 and sys.stderr.isatty() and sys.stdout.isatty()
    return None if options.quiet or bar_is_shown else print


def _if_exists(options: RunOptions) -> IfExists:
    if options.overwrite:
        return IfExists.REPLACE
    return IfExists.SKIP if options.skip_existing else IfExists.FAIL
