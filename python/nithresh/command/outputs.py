"""Where images go that are made one of each input."""

import argparse
import sys
from collections.abc import Callable, Sequence

from nithresh.command.each import Job, only_output_of
from nithresh.command.errors import as_usage
from nithresh.command.names import image_beside
from nithresh.files import check_extension


def image_jobs(
    words: argparse.Namespace, inputs: Sequence[str], what: str
) -> list[Job]:
    """Give each input the name of its output, and make the folder for them."""
    if words.output is not None:
        output = only_output_of(inputs, "-o", words.output)
        with as_usage():
            check_extension(output)
        return [Job(inputs[0], (output,))]
    return [
        Job(source, (image_beside(source, words.output_dir, what),))
        for source in inputs
    ]


def shown_names(
    words: argparse.Namespace, jobs: Sequence[Job]
) -> Callable[[str], None] | None:
    """Print the names of outputs, unless the terminal is to show a bar."""
    bar_is_shown = len(jobs) > 1 and sys.stderr.isatty() and sys.stdout.isatty()
    return None if words.quiet or bar_is_shown else print
