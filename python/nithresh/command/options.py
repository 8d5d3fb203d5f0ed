"""What the sub-commands share: groups of options, in argparse's words and as types.

Each group is a class, and beside it stands the function that adds its words to a
parser. The options of a sub-command are a class of the groups that it takes. These are
plain classes: to make as many dataclasses takes longer than to give help.
"""

import argparse
from typing import Any

from nithresh._connectivity import CONNECTIVITIES
from nithresh._rules import CONNECTIVITY, RULES, TWO_SIDED, Unsaid


class CommonOptions:
    """What every sub-command takes."""

    debug: bool = False

    def __init__(self, **given: Any) -> None:
        vars(self).update(given)


def add_debug(to: argparse.ArgumentParser) -> None:
    """Add the words of :class:`CommonOptions`."""
    to.add_argument("--debug", action="store_true", help="print tracebacks")


class InputOptions(CommonOptions):
    """Which maps to work on."""

    inputs: list[str]
    from_file: str | None = None


def add_inputs(to: argparse.ArgumentParser) -> None:
    """Add the words of :class:`InputOptions`."""
    to.add_argument("inputs", metavar="IN", nargs="*", help="maps")
    to.add_argument(
        "--from-file",
        metavar="LIST",
        help="also read inputs from this file, one in a line; - is standard input",
    )


class SideOptions(CommonOptions):
    """Which signs to look at, and which voxels are neighbours."""

    one_sided: bool
    connectivity: int


_ONE_SIDED = (
    "keep only positive voxels, or with a negative threshold only negative ones"
)


def add_sides(to: argparse.ArgumentParser, *, one_sided: str = _ONE_SIDED) -> None:
    """Add the words of :class:`SideOptions`."""
    to.add_argument(
        "--one-sided",
        action="store_true",
        help=one_sided,
    )
    to.add_argument(
        "--connectivity",
        type=int,
        choices=CONNECTIVITIES,
        default=CONNECTIVITY,
        help="neighbours share a face (6, the default), a face or an edge (18), or a "
        "face, an edge or a corner (26)",
    )


class ThresholdOptions(SideOptions):
    """Which voxels pass, and which clusters are large enough."""

    threshold: float | str | None
    cluster_threshold: int
    rules: str | None = None

    @property
    def two_sided(self) -> bool:
        """Whether both sides are meant: a negative threshold has only one."""
        is_negative = isinstance(self.threshold, float) and self.threshold < 0
        return not (self.one_sided or is_negative)

    @property
    def request(self) -> dict[str, Any]:
        """The arguments of the library that say the same, except the threshold."""
        request: dict[str, Any] = {
            "two_sided": self.two_sided,
            "cluster_threshold": self.cluster_threshold,
            "connectivity": int(self.connectivity),
        }
        if self.rules is None:
            return request
        # What was not said is left to the rules.
        if self.two_sided:
            request["two_sided"] = TWO_SIDED
        return {**request, "connectivity": self.connectivity, "rules": self.rules}

    @property
    def written(self) -> dict[str, object]:
        """The same options as they are written on a command line."""
        return {
            "-t": self.threshold,
            "-k": self.cluster_threshold or None,
            "--one-sided": self.one_sided,
            "--connectivity": (
                None if isinstance(self.connectivity, Unsaid) else self.connectivity
            ),
            "--rules": self.rules,
        }


class ErrorRateOptions(ThresholdOptions):
    """An error rate, from which the threshold of each map follows."""

    alpha: float | None = None
    correct: str | None = None
    stat: tuple[str | float, ...] | None = None

    @property
    def written(self) -> dict[str, object]:
        """The same options as they are written on a command line."""
        stat = None
        if self.stat is not None:
            name, *numbers = self.stat
            stat = f"{name}:{','.join(f'{df:g}' for df in numbers)}".rstrip(":")
        return {
            **super().written,
            "--alpha": self.alpha,
            "--correct": self.correct,
            "--stat": stat,
        }


def add_threshold_or_rate(
    to: argparse.ArgumentParser, *, required: bool = True, without: str | None = None
) -> None:
    """Add the words of :class:`ErrorRateOptions` that are not of its base.

    Parameters
    ----------
    to : argparse.ArgumentParser
    required : bool, default=True
        Whether one of the two must be given.
    without : str, optional
        What is shown if none is.
    """
    add_threshold(to, required=required, or_rate=True, without=without)
    to.add_argument(
        "--correct",
        choices=("fdr", "bonferroni", "none"),
        help="what --alpha limits: false discoveries (fdr), any false positive "
        "(bonferroni), or the false positive rate of each voxel (none)",
    )
    to.add_argument(
        "--stat",
        metavar="STAT",
        type=_stat,
        help="what the values are for --alpha: z, t:DF, F:DF1,DF2 or chi2:DF (default: "
        "what the map says in its intent, its description by SPM or its file name, "
        "or else z; a line says which)",
    )


def add_threshold(
    to: argparse.ArgumentParser,
    *,
    required: bool = True,
    or_rate: bool = False,
    without: str | None = None,
) -> None:
    """Add the words of :class:`ThresholdOptions` that are not of its base."""
    one_of = to.add_mutually_exclusive_group(required=required)
    one_of.add_argument(
        "-t",
        "--threshold",
        metavar="T",
        type=_threshold,
        help="keep voxels whose absolute value is at least T; T may be a percentile "
        "such as 95%%; a negative T keeps only the voxels at T and below"
        + (f" (default: {without})" if without else ""),
    )
    if or_rate:
        one_of.add_argument(
            "--alpha",
            metavar="A",
            type=float,
            help="take the threshold at this error rate instead, above 0 and below 1; "
            "needs --correct (and nithresh[stats])",
        )
    to.add_argument(
        "-k",
        "--cluster-threshold",
        metavar="K",
        type=int,
        default=0,
        help="keep clusters of at least K voxels (default: 0)",
    )


def add_rules(to: argparse.ArgumentParser) -> None:
    """Add the word for the rules of another tool."""
    to.add_argument(
        "--rules",
        choices=RULES,
        help="threshold and number as this tool does by default: whether a voxel equal "
        "to T is kept, which signs, which connectivity, which order; --one-sided and "
        "--connectivity count before it",
    )


class SurfaceOptions(CommonOptions):
    """Which vertices are neighbours, and how large they are."""

    surface: str | None = None
    left_surface: str | None = None
    right_surface: str | None = None
    areas: str | None = None
    left_areas: str | None = None
    right_areas: str | None = None
    across_structures: bool = False
    min_area: float = 0.0

    @property
    def surface_files(self) -> list[str]:
        """The files that are read for all inputs."""
        files = (
            self.surface,
            self.left_surface,
            self.right_surface,
            self.areas,
            self.left_areas,
            self.right_areas,
        )
        return [path for path in files if path is not None]

    @property
    def written_surfaces(self) -> dict[str, object]:
        """The same options as they are written on a command line."""
        return {
            "--surface": self.surface,
            "--left-surface": self.left_surface,
            "--right-surface": self.right_surface,
            "--areas": self.areas,
            "--left-areas": self.left_areas,
            "--right-areas": self.right_areas,
            "--min-area": self.min_area or None,
            "--across-structures": self.across_structures,
        }


def add_surfaces(
    to: argparse.ArgumentParser, *, min_area: bool = True, areas: bool = True
) -> None:
    """Add the words of :class:`SurfaceOptions`."""
    group = to.add_argument_group(
        "maps of surfaces", "GIFTI, CIFTI-2 and FreeSurfer's overlays"
    )
    for side in ("", "left-", "right-"):
        what = (
            f"the {side[:-1]} cortex of a CIFTI file"
            if side
            else "a map of one surface"
        )
        group.add_argument(
            f"--{side}surface",
            metavar="SURF",
            help=f"which vertices are neighbours, for {what}: a .surf.gii file or a "
            "surface of FreeSurfer",
        )
    for side in ("", "left-", "right-") if areas else ():
        group.add_argument(
            f"--{side}areas",
            metavar="AREAS",
            help=f"the area of each vertex in mm2 instead of that on --{side}surface, "
            "whose areas are too small if it is an average",
        )
    if min_area:
        group.add_argument(
            "--min-area",
            metavar="MM2",
            type=float,
            default=0.0,
            help="keep clusters of vertices of at least this area in mm2 (default: 0)",
        )
    group.add_argument(
        "--across-structures",
        action="store_true",
        help="let clusters of voxels go on from one structure to another",
    )


class MaskOption(CommonOptions):
    """Where to look."""

    mask: str | None = None

    @property
    def mask_files(self) -> list[str]:
        """The file of the mask, if there is one."""
        return [] if self.mask is None else [self.mask]


def add_mask(to: argparse.ArgumentParser) -> None:
    """Add the words of :class:`MaskOption`."""
    to.add_argument(
        "--mask",
        metavar="MASK",
        help="an image, 0 outside and one other value inside; on another grid it is "
        "taken at the centres of the map's voxels",
    )


def add_volume(to: argparse.ArgumentParser) -> None:
    """Add the word for one volume of a map."""
    to.add_argument(
        "--volume",
        metavar="N",
        type=int,
        help="which volume of a map that has several, counted from 0",
    )


class RunOptions(CommonOptions):
    """How files are worked on. Options without words keep their defaults.

    Attributes
    ----------
    output_dir : str or None
        A folder for the outputs, which is made if it is not there.
    dask : str or None
        The address of the scheduler whose workers do the work.
    """

    overwrite: bool = False
    skip_existing: bool = False
    jobs: int | None = None
    quiet: bool = False
    output_dir: str | None = None
    dask: str | None = None


def add_run(to: argparse.ArgumentParser) -> None:
    """Add the words of :class:`RunOptions` for sub-commands that write files."""
    add_existing(to)
    add_jobs(to)
    to.add_argument("--quiet", action="store_true", help="print only errors")
    add_debug(to)


def add_existing(to: argparse.ArgumentParser) -> None:
    """Add the words about outputs that exist."""
    existing = to.add_mutually_exclusive_group()
    existing.add_argument(
        "--overwrite",
        action="store_true",
        help="replace outputs that exist; never an input",
    )
    existing.add_argument(
        "--skip-existing",
        action="store_true",
        help="leave out inputs whose outputs are complete, as their checksums in the "
        ".json files say",
    )


def add_jobs(to: argparse.ArgumentParser) -> None:
    """Add the word about how many files are worked on at a time."""
    to.add_argument(
        "--jobs",
        metavar="N",
        type=int,
        help="how many files to work on at a time, which is also the most maps in "
        "memory (default: the number of processors)",
    )


class ImageOutputOptions(RunOptions):
    """Where the image goes that is made of each input."""

    output: str | None = None


def add_image_output(to: argparse.ArgumentParser) -> None:
    """Add the words of :class:`ImageOutputOptions` that are not of its base."""
    where = to.add_mutually_exclusive_group()
    where.add_argument(
        "-o", "--output", metavar="OUT", help="output file (one input only)"
    )
    where.add_argument(
        "--output-dir",
        metavar="DIR",
        help="a folder for the outputs; it is made if it is not there",
    )


def _threshold(text: str) -> float | str:
    if text.endswith("%"):
        return text
    try:
        return float(text)
    except ValueError:
        msg = f"{text!r} is neither a number nor a percentile such as 95%"
        raise argparse.ArgumentTypeError(msg) from None


def _stat(text: str) -> tuple[str | float, ...]:
    from nithresh._tails import Statistic

    name, _, numbers = text.partition(":")
    try:
        degrees_of_freedom = [float(df) for df in numbers.split(",") if numbers]
    except ValueError:
        name = ""
    if not name or not Statistic(name, tuple(degrees_of_freedom)).is_valid:
        msg = (
            f"{text!r} is not z, t:DF, F:DF1,DF2 or chi2:DF, with degrees of freedom "
            "above 0"
        )
        raise argparse.ArgumentTypeError(msg)
    return (name, *degrees_of_freedom)
