"""``nithresh plot``."""

from __future__ import annotations

import argparse
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nithresh.command.errors import UsageError, as_usage, naming
from nithresh.command.options import (
    RunOptions,
    ThresholdOptions,
    add_debug,
    add_existing,
    add_sides,
    add_threshold,
)
from nithresh.command.parser import Subcommand, example

if TYPE_CHECKING:
    from nithresh.clusters import Clusters
    from nithresh.command.jobs import Job

_MODES = ("ortho", "tiled", "mosaic", "x", "y", "z", "xz", "yz", "yx")
_FIGURES = (".png", ".svg", ".pdf")


class Options(ThresholdOptions, RunOptions):
    """What it takes."""

    inputs: list[str]
    display_mode: str
    cut_coords: list[float | str] | None
    volume: int | None
    output: str
    # One figure is drawn at a time.
    jobs: int | None = 1

    @property
    def cuts(self) -> Any:
        """The cuts as the call takes them."""
        asked = self.cut_coords
        if asked is None or len(asked) > 1:
            return asked
        (only,) = asked
        if isinstance(only, str):
            return only
        if self.display_mode in ("x", "y", "z", "mosaic"):
            # One number is a number of cuts.
            return int(only) if only.is_integer() else only
        return asked

    @property
    def shows_clusters(self) -> bool:
        """Whether the cuts name a cluster: then clusters are shown as well."""
        return str(self.cuts).startswith("cluster:")

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of thresholding; none for the default threshold."""
        if self.threshold is None:
            return self.request
        return {**self.request, "threshold": self.threshold}


def add_words(to: argparse.ArgumentParser) -> None:
    """Add its words to its parser."""
    to.add_argument("inputs", metavar="IN", nargs=1, help="the map")
    add_threshold(to, required=False)
    add_sides(to)
    to.add_argument(
        "--display-mode",
        choices=_MODES,
        default="ortho",
        metavar="MODE",
        help=f"which panels: {', '.join(_MODES)} (default: ortho)",
    )
    to.add_argument(
        "--cut-coords",
        metavar="MM",
        nargs="+",
        type=_cut,
        help="where to cut, in mm, for each panel; for the modes x, y and z also one "
        "number of cuts; peak for the largest absolute value; cluster:3 for the peak "
        "of cluster 3, whose numbers are then shown (default: in the largest cluster)",
    )
    to.add_argument(
        "--volume",
        metavar="N",
        type=int,
        help="which volume of a map that has several, counted from 0",
    )
    to.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        required=True,
        type=_figure,
        help=f"where to save the figure, as {', '.join(_FIGURES)}",
    )
    add_existing(to)
    add_debug(to)


def run(options: Options) -> int:
    """Draw the input."""
    from nithresh._paths import expanded
    from nithresh.command import each, jobs

    _check(options)
    todo = [jobs.Job(options.inputs[0], (expanded(options.output),))]
    jobs.check_files(todo)
    return each.for_each(options, todo, lambda job: _draw(options, job))


def _check(options: Options) -> None:
    from nithresh._params import check_request
    from nithresh.plotting.cuts import check_cuts

    level, cuts = options.threshold, options.cuts
    with as_usage():
        check_request(0.0 if level is None else level, **options.request)
        check_cuts(options.display_mode, "peak" if options.shows_clusters else cuts)
    if level is None and (options.cluster_threshold > 0 or options.shows_clusters):
        msg = f"{cuts if options.shows_clusters else '-k'} needs a threshold: -t"
        raise UsageError(msg)


def _draw(options: Options, job: Job) -> str:
    """Draw a figure and save it."""
    from matplotlib import __version__, rc_context

    from nithresh._choices import source, versions
    from nithresh._stated import stated
    from nithresh.command.sidecar import command_line, saving
    from nithresh.images import open_image
    from nithresh.plotting import plot_stat_map

    (output,) = job.outputs
    image = open_image(Path(job.source))
    cuts = {"display_mode": options.display_mode, "cut_coords": options.cuts}
    written = {
        **options.written,
        "--display-mode": options.display_mode,
        "--cut-coords": options.cut_coords,
        "--volume": options.volume,
        "-o": output,
    }
    choices = {
        **options.arguments,
        **cuts,
        "volume": options.volume,
        "statistic": stated(image).as_choice(),
        "input": source(job.source),
        "versions": versions() | {"matplotlib": __version__},
    }
    clusters = _clusters(options, image) if options.shows_clusters else None
    figure = io.BytesIO()
    settings: Any = {
        "savefig.format": output.suffix[1:].lower(),
        "svg.hashsalt": "nithresh",  # names in an SVG file are random otherwise
    }
    with rc_context(settings):
        plot_stat_map(
            image,
            output_file=figure,
            clusters=clusters,
            volume=options.volume,
            **options.arguments,
            **cuts,
        )
    command = command_line("plot", job.source, written)
    saved = saving(job, "Figure of a statistical map", command, choices)
    with saved as files, naming(output), files.open(output) as stream:
        stream.write(figure.getvalue())
    return str(output)


def _clusters(options: Options, image: Any) -> Clusters:
    """Find the clusters of the volume that is drawn."""
    import nibabel

    from nithresh import find_clusters
    from nithresh.plotting.maps import open_volume

    data, affine = open_volume(image, "stat_map_img", options.volume)
    one = nibabel.Nifti1Image(data, affine, dtype=data.dtype)
    return find_clusters(one, **options.arguments)


def _cut(text: str) -> float | str:
    if re.fullmatch(r"peak|cluster:[0-9]+", text):
        return text
    try:
        return float(text)
    except ValueError:
        msg = f"{text!r} is not a place: a number in mm, peak or such as cluster:3"
        raise argparse.ArgumentTypeError(msg) from None


def _figure(text: str) -> str:
    if not text.lower().endswith(_FIGURES):
        msg = f"{text!r} must end in one of {', '.join(_FIGURES)}"
        raise argparse.ArgumentTypeError(msg)
    return text


SUBCOMMAND = Subcommand(
    help="draw cuts through a map over the MNI152 template",
    epilog=example(
        "nithresh plot nithresh-demo/motor.nii.gz -t 3 -k 50 -o clusters.png"
    ),
    add_words=add_words,
    options=Options,
    run=run,
)
