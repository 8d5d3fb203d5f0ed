"""``nithresh report``."""

from __future__ import annotations

import argparse
from typing import Any

from nithresh.command import view
from nithresh.command.parser import Subcommand, example


class Options(view.Options):
    """What it takes."""

    n: int

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the library that say the same."""
        return {**super().arguments, "n": self.n}

    @property
    def written(self) -> dict[str, object]:
        """The same options as they are written on a command line."""
        return {**super().written, "-n": None if self.n == 5 else self.n}


def add_words(to: argparse.ArgumentParser) -> None:
    """Add its words to its parser."""
    view.add_words(to, required=True)
    to.add_argument(
        "-n",
        metavar="N",
        type=int,
        default=5,
        help="draw the first N clusters (default: 5)",
    )


def run(options: Options) -> int:
    """Make the page."""
    from nithresh._params import check_count
    from nithresh.command.errors import as_usage
    from nithresh.viewer import report

    with as_usage():
        check_count(options.n, "n")
    return view.make(options, "report", report)


SUBCOMMAND = Subcommand(
    help="make one HTML page to send: the clusters at a threshold, and all others live",
    epilog=example(
        "nithresh report nithresh-demo/motor.nii.gz -t 3 -k 50 -o report.html"
    )
    + "\nThe page begins with a figure and a table of the clusters at the threshold.\n"
    "What nithresh view shows follows, and what all of it was made of.\n",
    add_words=add_words,
    options=Options,
    run=run,
)
