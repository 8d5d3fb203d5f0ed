"""``nithresh info``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from nithresh._connectivity import CONNECTIVITIES
from nithresh.command.options import (
    InputOptions,
    RunOptions,
    SurfaceOptions,
    add_debug,
    add_inputs,
    add_jobs,
    add_surfaces,
)
from nithresh.command.parser import Subcommand, example

if TYPE_CHECKING:
    from nithresh.command.jobs import Job


class Options(InputOptions, SurfaceOptions, RunOptions):
    """What it takes."""

    connectivity: int


def add_words(to: argparse.ArgumentParser) -> None:
    """Add its words to its parser."""
    add_inputs(to)
    to.add_argument(
        "--connectivity",
        type=int,
        choices=CONNECTIVITIES,
        default=6,
        help="connectivity of the clusters that are counted (default: 6)",
    )
    add_surfaces(to, min_area=False, areas=False)
    add_jobs(to)
    add_debug(to)


def run(options: Options) -> int:
    """Describe each input."""
    from nithresh.command import each, jobs
    from nithresh.command.description import described, described_surface
    from nithresh.command.surfaces import Surfaces
    from nithresh.images import load_map

    surfaces = Surfaces.of(options)

    def work(job: Job) -> str:
        if surfaces.are_for(job.source):
            opened = surfaces.open(job.source)
            lines = described_surface(opened, options.connectivity)
        else:
            lines = described(load_map(job.source), options.connectivity)
        width = max(map(len, lines))
        text = "".join(f"  {name:{width}}  {what}\n" for name, what in lines.items())
        return f"{job.source}\n{text}"

    todo = [jobs.Job(source) for source in jobs.inputs_of(options)]
    return each.for_each(options, todo, work)


SUBCOMMAND = Subcommand(
    help="say what a map is, and what thresholds would keep of it",
    epilog=example("nithresh info nithresh-demo/motor.nii.gz"),
    add_words=add_words,
    options=Options,
    run=run,
)
