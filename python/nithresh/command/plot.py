"""``nithresh plot``."""

from __future__ import annotations

import argparse
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nithresh.command.errors import UsageError, as_usage, naming
from nithresh.command.options import (
    ErrorRateOptions,
    RunOptions,
    add_debug,
    add_existing,
    add_rules,
    add_sides,
    add_threshold_or_rate,
    add_volume,
)
from nithresh.command.parser import Subcommand, example

if TYPE_CHECKING:
    from nithresh._open import OpenMap
    from nithresh.command.jobs import Job
    from nithresh.command.rates import Rate

_MODES = ("ortho", "tiled", "mosaic", "x", "y", "z", "xz", "yz", "yx")
_FIGURES = (".png", ".svg", ".pdf")
_NO_BACKGROUND = "none"
_MOST_DPI = 5000


class Options(ErrorRateOptions, RunOptions):
    """What it takes."""

    inputs: list[str]
    display_mode: str
    cut_coords: list[float | str] | None
    volume: int | None
    bg: str | None
    clusters: bool
    title: str | None
    cmap: str | None
    vmin: float | None
    vmax: float | None
    cbar_label: str | None
    black: bool
    no_cross: bool
    dpi: float | None
    output: str | None
    # One figure is drawn at a time.
    jobs: int | None = 1

    @property
    def cuts(self) -> Any:
        """The cuts as the call takes them."""
        asked = self.cut_coords
        if asked is None or len(asked) > 1:
            return asked
        (only,) = asked
        # A whole number is a number of cuts; with a sign or a point it is a place.
        if isinstance(only, str) or (self._is_stacked and isinstance(only, int)):
            return only
        return asked

    @property
    def _is_stacked(self) -> bool:
        return self.display_mode in ("x", "y", "z", "mosaic")

    @property
    def shows_clusters(self) -> bool:
        """Whether clusters are shown, and not only the map."""
        return self.clusters or str(self.cuts).startswith("cluster:")

    @property
    def look(self) -> dict[str, Any]:
        """The arguments of how the figure looks."""
        look: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("title", "cmap", "vmin", "vmax", "cbar_label", "dpi")
            if getattr(self, name) is not None
        }
        if self.bg is not None:
            look["bg_img"] = None if self.bg == _NO_BACKGROUND else self.bg
        if self.black:
            look["black_bg"] = True
        if self.no_cross:
            look["draw_cross"] = False
        return look

    @property
    def words(self) -> dict[str, Any]:
        """What was said, for the command line in the sidecar."""
        coords: Any = self.cut_coords
        if self._is_stacked and isinstance(self.cuts, list) and len(self.cuts) == 1:
            coords = f"{self.cuts[0]:+g}"
        return {
            **self.written,
            "--display-mode": self.display_mode,
            "--cut-coords": coords,
            "--volume": self.volume,
            "--bg": self.bg,
            "--clusters": self.clusters,
            "--title": self.title,
            "--cmap": self.cmap,
            "--vmin": self.vmin,
            "--vmax": self.vmax,
            "--cbar-label": self.cbar_label,
            "--black": self.black,
            "--no-cross": self.no_cross,
            "--dpi": self.dpi,
        }

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of thresholding; none for the default threshold."""
        if self.threshold is None:
            return self.request
        return {**self.request, "threshold": self.threshold}


def add_words(to: argparse.ArgumentParser) -> None:
    """Add its words to its parser."""
    to.add_argument("inputs", metavar="IN", nargs="+", help="the maps")
    add_threshold_or_rate(to, required=False, without="all voxels that are not 0")
    add_sides(to)
    add_rules(to)
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
        help="where to cut, in mm, for each panel. For the modes x, y, z and mosaic "
        "one whole number is a number of cuts; one place has a sign or a point, such "
        "as -8, +8 or 8.0. peak is the largest absolute value; cluster:3 is the peak "
        "of cluster 3, and shows --clusters (default: in the largest cluster)",
    )
    to.add_argument(
        "--clusters",
        action="store_true",
        help="outline the clusters and write their numbers",
    )
    _add_look(to)
    add_volume(to)
    where = to.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        type=_figure,
        help=f"where to save the figure, as {', '.join(_FIGURES)} (one input only)",
    )
    where.add_argument(
        "--output-dir",
        metavar="DIR",
        help="a folder for the figures, as .png; it is made if it is not there",
    )
    add_existing(to)
    add_debug(to)


def _add_look(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--bg",
        metavar="IMAGE",
        help="the image that the map lies on, or none (default: the MNI152 template)",
    )
    to.add_argument("--title", metavar="TEXT", help="a title above the panels")
    to.add_argument(
        "--cmap",
        metavar="NAME",
        help="a colour map of matplotlib or nilearn (default: RdBu_r)",
    )
    to.add_argument("--vmin", metavar="V", type=float, help="the lowest colour")
    to.add_argument("--vmax", metavar="V", type=float, help="the highest colour")
    to.add_argument("--cbar-label", metavar="TEXT", help="a label beside the bar")
    to.add_argument("--black", action="store_true", help="draw on black")
    to.add_argument(
        "--no-cross", action="store_true", help="do not mark where other panels cut"
    )
    to.add_argument(
        "--dpi",
        metavar="N",
        type=float,
        help="dots per inch of .png (default: 100); .svg and .pdf keep the voxels",
    )


def run(options: Options) -> int:
    """Draw the inputs."""
    from nithresh.command import each, jobs
    from nithresh.command.rates import rate_of

    _check(options)
    rate = rate_of(options)
    todo = _jobs(options)
    read = [options.bg] if options.bg not in (None, _NO_BACKGROUND) else []
    jobs.check_files(todo, [path for path in read if path is not None])
    return each.for_each(options, todo, lambda job: _draw(options, rate, job))


def _jobs(options: Options) -> list[Job]:
    from nithresh.command import jobs, names

    if options.output is not None:
        output = jobs.only_output_of(options.inputs, "-o", options.output)
        return [jobs.Job(options.inputs[0], (output,))]
    beside = [
        names.image_beside(source, options.output_dir, "plot")
        for source in options.inputs
    ]
    return [
        jobs.Job(source, (path.with_name(names.split(path.name)[0] + ".png"),))
        for source, path in zip(options.inputs, beside, strict=True)
    ]


def _check(options: Options) -> None:
    from nithresh._params import check_request
    from nithresh.plotting.cuts import check_cuts

    level, cuts = options.threshold, options.cuts
    with as_usage():
        check_request(0.0 if level is None else level, **options.request)
    names_cluster = str(cuts).startswith("cluster:")
    try:
        check_cuts(options.display_mode, "peak" if names_cluster else cuts)
    except ValueError as error:
        raise UsageError(_cuts_at_prompt(str(error))) from error
    if options.dpi is not None and not 0 < options.dpi < _MOST_DPI:
        msg = f"--dpi is {options.dpi:g}; it must be above 0 and below {_MOST_DPI}"
        raise UsageError(msg)
    if (
        level is None
        and options.alpha is None
        and (options.cluster_threshold > 0 or options.shows_clusters)
    ):
        what = "--clusters" if options.clusters else "-k"
        msg = f"{cuts if names_cluster else what} needs a threshold: -t"
        raise UsageError(msg)


def _cuts_at_prompt(text: str) -> str:
    """Say what is wrong with cuts as they are written on the command line."""

    def typed(found: re.Match[str]) -> str:
        return "is " + re.sub(r"[',]", "", found[1])

    text = text.partition("display mode: ")[2] or text
    text = re.sub(r"\bis \[(.*?)\]", typed, text)
    text = re.sub(r"display_mode='(\w+)'", r"--display-mode \1", text)
    text = text.replace(", a dict of lists of cuts in mm", "").replace("a list of ", "")
    text = text.replace(', "peak", "cluster:3" or None', ", peak or cluster:3")
    return text.replace("cut_coords", "--cut-coords")


def _draw(options: Options, rate: Rate | None, job: Job) -> str:
    """Draw a figure and save it."""
    from matplotlib import __version__, rc_context

    from nithresh import find_clusters
    from nithresh._choices import source, versions
    from nithresh._open import OpenMap
    from nithresh._stated import stated
    from nithresh.command.rates import words_at_rate
    from nithresh.command.sidecar import command_line, saving
    from nithresh.images import open_image
    from nithresh.plotting import plot_stat_map

    (output,) = job.outputs
    image = open_image(Path(job.source))
    cuts = {"display_mode": options.display_mode, "cut_coords": options.cuts}
    written = {**options.words, "-o": output}
    words = options.arguments
    error_rate: dict[str, Any] = {}
    volume = _volume(options, image)
    opened = OpenMap.of_image(volume, one_volume=True)
    if rate is not None:
        at, error_rate = words_at_rate(opened, options.request, rate, image)
        words = {**words, **at}
    choices = {
        **_rules(opened, words),
        **error_rate,
        **cuts,
        **options.look,
        "volume": options.volume,
        "statistic": stated(image).as_choice(),
        "input": source(job.source),
        "versions": versions() | {"matplotlib": __version__},
    }
    clusters = None
    if options.shows_clusters:
        clusters = find_clusters(volume, **words)
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
            **words,
            **options.look,
            **cuts,
        )
    command = command_line("plot", job.source, written)
    saved = saving(job, "Figure of a statistical map", command, choices)
    with saved as files, naming(output), files.open(output) as stream:
        stream.write(figure.getvalue())
    return str(output)


def _rules(opened: OpenMap, words: dict[str, Any]) -> dict[str, Any]:
    """Say what is shown of a map, by which rules."""
    from nithresh._choices import rules_of
    from nithresh._params import check_request

    if "threshold" in words:
        request = check_request(**words)
        return rules_of(request, words["threshold"], opened.level(request))
    # Where the figure chooses the threshold, nobody has said what it is.
    unsaid = dict.fromkeys(("threshold", "threshold_resolved"))
    return rules_of(check_request(0.0, **words), None, 0.0) | unsaid


def _volume(options: Options, image: Any) -> Any:
    """Return an image of the volume that is drawn."""
    import nibabel

    from nithresh.plotting.maps import open_volume

    data, affine = open_volume(image, "stat_map_img", options.volume)
    return nibabel.Nifti1Image(data, affine, dtype=data.dtype)


def _cut(text: str) -> float | str:
    if re.fullmatch(r"peak|cluster:[0-9]+", text):
        return text
    if re.fullmatch(r"[0-9]+", text):
        return int(text)
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
