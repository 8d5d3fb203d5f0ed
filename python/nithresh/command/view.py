"""``nithresh view``."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nithresh.command.errors import as_usage, naming
from nithresh.command.options import (
    ErrorRateOptions,
    MaskOption,
    RunOptions,
    add_debug,
    add_existing,
    add_mask,
    add_rules,
    add_sides,
    add_threshold_or_rate,
    add_volume,
)
from nithresh.command.parser import Subcommand, example

if TYPE_CHECKING:
    from nithresh.command.jobs import Job
    from nithresh.command.rates import Rate
    from nithresh.viewer import View


class Options(ErrorRateOptions, MaskOption, RunOptions):
    """What it takes."""

    inputs: list[str]
    lowest: float | None
    volume: int | None
    title: str | None
    output: str
    # One page is made at a time.
    jobs: int | None = 1

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the library that say the same."""
        return {
            **self.request,
            "threshold": self.threshold,
            "mask_img": self.mask,
            "lowest": self.lowest,
            "volume": self.volume,
            "title": self.title,
        }

    @property
    def written(self) -> dict[str, object]:
        """The same options as they are written on a command line."""
        return {
            **super().written,
            "--mask": self.mask,
            "--lowest": self.lowest,
            "--volume": self.volume,
            "--title": self.title,
            "-o": self.output,
        }


def add_words(to: argparse.ArgumentParser, *, required: bool = False) -> None:
    """Add its words to its parser; a threshold may be required."""
    to.add_argument("inputs", metavar="IN", nargs=1, help="the map")
    add_threshold_or_rate(to, required=required, without=None if required else "95%%")
    add_sides(to)
    add_rules(to)
    add_mask(to)
    to.add_argument(
        "--lowest",
        metavar="L",
        type=float,
        help="leave out voxels nearer to zero than L: the slider ends there, and the "
        "page is smaller",
    )
    add_volume(to)
    to.add_argument("--title", help="title of the page (default: the name of the map)")
    to.add_argument(
        "-o",
        "--output",
        metavar="OUT.html",
        required=True,
        type=_page,
        help="where to save the page",
    )
    add_existing(to)
    add_debug(to)


def run(options: Options) -> int:
    """Make the page."""
    from nithresh.viewer import view

    return make(options, "view", view)


def make(options: Options, subcommand: str, make_page: Callable[..., View]) -> int:
    """Make a page of the input by a call of the library, and save it."""
    from nithresh._params import check_not_negative, check_request
    from nithresh._paths import expanded
    from nithresh.command import each, jobs
    from nithresh.command.rates import rate_of

    rate = rate_of(options)
    with as_usage():
        level = 0.0 if options.threshold is None else options.threshold
        check_request(level, **options.request)
        check_not_negative(options.lowest or 0.0, "lowest")
    todo = [jobs.Job(options.inputs[0], (expanded(options.output),))]
    jobs.check_files(todo, [] if options.mask is None else [options.mask])
    work = functools.partial(_save, options, subcommand, make_page, rate)
    return each.for_each(options, todo, work)


def _save(
    options: Options,
    subcommand: str,
    make_page: Callable[..., View],
    rate: Rate | None,
    job: Job,
) -> str:
    from pathlib import Path

    from nithresh._open import OpenMap
    from nithresh.command.rates import words_at_rate
    from nithresh.command.sidecar import command_line, saving
    from nithresh.images import one_volume, open_image

    (output,) = job.outputs
    words = options.arguments
    error_rate: dict[str, Any] = {}
    if rate is not None:
        image = open_image(Path(job.source))
        volume = one_volume(image, options.volume)
        opened = OpenMap.of_image(volume, options.mask, one_volume=True)
        at, error_rate = words_at_rate(opened, options.request, rate, image)
        words |= at
    page = make_page(Path(job.source), **words)
    saved = saving(
        job,
        "Page of a statistical map with a live threshold",
        command_line(subcommand, job.source, options.written),
        {**page.choices, **error_rate},
    )
    with saved as files, naming(output), files.open(output) as stream:
        stream.write(page.html.encode())
    return str(output)


def _page(text: str) -> str:
    if not text.lower().endswith((".html", ".htm")):
        msg = f"{text!r} must end in .html"
        raise argparse.ArgumentTypeError(msg)
    return text


SUBCOMMAND = Subcommand(
    help="make one HTML page of a map, with a threshold that can be moved",
    epilog=example("nithresh view nithresh-demo/motor.nii.gz -o page.html")
    + "\nThe page needs no network and no other file. It holds the values of the map.\n"
    "A threshold chosen by looking is not an inference.\n",
    add_words=add_words,
    options=Options,
    run=run,
)
