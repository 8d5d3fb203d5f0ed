"""What may be said on the command line: words, defaults and help."""

import argparse
import re
from typing import Any

from nithresh import __version__

_CONNECTIVITIES = (6, 18, 26)
_MODES = ("ortho", "x", "y", "z", "xz", "yz", "yx")
_FIGURES = (".png", ".svg", ".pdf")

_NAMES = """\
names of outputs:
  Beside the input or in --output-dir. Of a BIDS name the entity desc says what was
  done, and all else stays:
    {bids}
  Of another name the end does:
    {other}
  Beside each output is a .json file of the same name: what it was made of, by which
  rules, and the command that makes it again.
"""
_CODES = """\
exit codes:
  0  all is done
  1  a file failed; the others are done
  2  the command line is wrong; nothing is done
"""
_DEMO = """\
example:
  nithresh demo nithresh-demo
  {}
"""


class _Parser(argparse.ArgumentParser):
    """A parser that takes all negative numbers for values."""

    def __init__(self, **words: object) -> None:
        super().__init__(
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            **words,  # type: ignore[arg-type]
        )
        # argparse's own knows no exponents: -1e-3 would be an option.
        self._negative_number_matcher = re.compile(
            r"-(\d+\.?\d*|\.\d+)(e[-+]?\d+)?%?$|-inf$|-nan$", re.IGNORECASE
        )


class _Subcommand(_Parser):
    """A parser that takes inputs on both sides of an option."""

    _is_mixing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse what follows the name of the subcommand.

        Names that follow ``--`` and begin with a dash get ``./`` in front: argparse
        itself loses the ``--`` when it takes options and inputs in any order.
        """
        # The call below comes back to this method in some versions of Python.
        if self._is_mixing:
            return super().parse_known_args(args, namespace)
        before = list(args)
        after: list[str] = []
        if "--" in before:
            cut = before.index("--")
            before, after = before[:cut], before[cut + 1 :]
        after = [f"./{name}" if name.startswith("-") else name for name in after]
        self._is_mixing = True
        try:
            # In front, so that no option takes them for its values.
            words, unknown = self.parse_known_intermixed_args(
                [*after, *before], namespace
            )
        finally:
            self._is_mixing = False
        inputs = getattr(words, "inputs", None)
        if inputs is not None:
            words.inputs = inputs[len(after) :] + inputs[: len(after)]
        return words, unknown


def parser() -> argparse.ArgumentParser:
    """Make the parser of the command."""
    whole = _Parser(
        prog="nithresh",
        description="Threshold brain statistical maps, keep or drop their clusters, "
        "and see the result.",
        epilog=_DEMO.format(
            "nithresh threshold nithresh-demo/motor.nii.gz -t 3 -k 50 -o kept.nii.gz"
        )
        + "\n'nithresh SUBCOMMAND --help' says more.\n\n"
        + _CODES,
    )
    whole.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    subcommands = whole.add_subparsers(
        dest="subcommand",
        metavar="SUBCOMMAND",
        required=True,
        parser_class=_Subcommand,
    )

    def add(name: str, help_: str, epilog: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = subcommands.add_parser(
            name,
            help=help_,
            description=f"{help_[0].upper()}{help_[1:]}.",
            epilog=epilog,
        )
        added.set_defaults(parser=added)
        return added

    threshold = add(
        "threshold",
        "keep the voxels that pass a threshold, in clusters that are large enough",
        _DEMO.format(
            "nithresh threshold nithresh-demo/motor.nii.gz -t 2.3 -k 10 -o kept.nii.gz"
        )
        + "\n"
        + _NAMES.format(
            bids="sub-01_stat-z_statmap.nii.gz -> "
            "sub-01_stat-z_desc-thresholded_statmap.nii.gz",
            other="motor.nii.gz -> motor_thresholded.nii.gz",
        ),
    )
    _add_inputs(threshold)
    _add_threshold(threshold, required=True)
    _add_sides_and_mask(threshold)
    _add_image_output(threshold)
    _add_run(threshold)
    threshold.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="let the workers of a Dask cluster do it: the address of its scheduler, "
        "such as tcp://HOST:8786, or local for --jobs processes here; the workers must "
        "see the same files (needs nithresh[dask])",
    )

    clusters = add(
        "clusters",
        "print the table of clusters, and save it and their labels",
        _DEMO.format("nithresh clusters nithresh-demo/motor.nii.gz -t 3.1 -k 10")
        + "\nIn a terminal a table to read is printed, into a pipe or a file "
        "tab-separated\nvalues; of several inputs with a first column that names "
        "them.\n\n"
        + _NAMES.format(
            bids="sub-01_stat-z_statmap.nii.gz -> sub-01_stat-z_clusters.tsv,\n"
            "    sub-01_stat-z_desc-clusters_dseg.nii.gz",
            other="motor.nii.gz -> motor_clusters.tsv, motor_labels.nii.gz",
        ),
    )
    _add_inputs(clusters)
    _add_threshold(clusters, required=True)
    _add_sides_and_mask(clusters)
    clusters.add_argument("--table", metavar="OUT.tsv", help="save the table here")
    clusters.add_argument(
        "--labels",
        metavar="OUT.nii.gz",
        help="save an image of the clusters' numbers here",
    )
    clusters.add_argument(
        "--output-dir",
        metavar="DIR",
        help="save the table and the labels of each input in this folder; it is made "
        "if it is not there",
    )
    clusters.add_argument(
        "--json",
        action="store_true",
        help="print JSON instead, one object in a line for each input",
    )
    clusters.add_argument(
        "--extra",
        metavar="NAME=MAP",
        action="append",
        default=[],
        type=_extra,
        help="add the mean, the smallest and the largest value of a further map on the "
        "same grid to the table; may be repeated",
    )
    _add_run(clusters)

    tfce = add(
        "tfce",
        "enhance clusters without a threshold (threshold-free cluster enhancement)",
        _DEMO.format("nithresh tfce nithresh-demo/motor.nii.gz --connectivity 26")
        + "\n"
        + _NAMES.format(
            bids="sub-01_stat-z_statmap.nii.gz -> "
            "sub-01_stat-z_desc-tfce_statmap.nii.gz",
            other="motor.nii.gz -> motor_tfce.nii.gz",
        ),
    )
    _add_inputs(tfce)
    tfce.add_argument(
        "--E", type=float, default=0.5, help="power of the extent (default: 0.5)"
    )
    tfce.add_argument(
        "--H", type=float, default=2.0, help="power of the height (default: 2)"
    )
    _add_sides_and_mask(tfce)
    _add_image_output(tfce)
    _add_run(tfce)

    plot = add(
        "plot",
        "draw cuts through a map over the MNI152 template",
        _DEMO.format(
            "nithresh plot nithresh-demo/motor.nii.gz -t 3 -k 50 -o clusters.png"
        ),
    )
    plot.set_defaults(jobs=1, quiet=False)
    plot.add_argument("inputs", metavar="IN", nargs=1, help="the map")
    _add_threshold(plot, required=False)
    _add_sides(plot)
    plot.add_argument(
        "--display-mode",
        choices=_MODES,
        default="ortho",
        metavar="MODE",
        help=f"which panels: {', '.join(_MODES)} (default: ortho)",
    )
    plot.add_argument(
        "--cut-coords",
        metavar="MM",
        nargs="+",
        type=_cut,
        help="where to cut, in mm, for each panel; for the modes x, y and z also one "
        "number of cuts; peak for the largest absolute value; cluster:3 for the peak "
        "of cluster 3, whose numbers are then shown (default: in the largest cluster)",
    )
    plot.add_argument(
        "--volume",
        metavar="N",
        type=int,
        help="which volume of a map that has several, counted from 0",
    )
    plot.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        required=True,
        type=_figure,
        help=f"where to save the figure, as {', '.join(_FIGURES)}",
    )
    _add_existing(plot)
    _add_debug(plot)

    info = add(
        "info",
        "say what a map is, and what thresholds would keep of it",
        _DEMO.format("nithresh info nithresh-demo/motor.nii.gz"),
    )
    info.set_defaults(quiet=False, overwrite=False, skip_existing=False)
    _add_inputs(info)
    info.add_argument(
        "--connectivity",
        type=int,
        choices=_CONNECTIVITIES,
        default=6,
        help="of the clusters that are counted (default: 6)",
    )
    _add_jobs(info)
    _add_debug(info)

    demo = add(
        "demo",
        "copy the built-in map to a folder, and run the example on it",
        "example:\n  nithresh demo nithresh-demo\n\nFiles that are there already are "
        "left as they are.\n",
    )
    demo.add_argument(
        "folder",
        metavar="DIR",
        nargs="?",
        default="nithresh-demo",
        help="made if it is not there (default: nithresh-demo)",
    )
    _add_debug(demo)
    return whole


def _add_inputs(to: argparse.ArgumentParser) -> None:
    to.add_argument("inputs", metavar="IN", nargs="*", help="maps")
    to.add_argument(
        "--from-file",
        metavar="LIST",
        help="take further inputs from this file, one in a line; - is standard input",
    )


def _add_threshold(to: argparse.ArgumentParser, *, required: bool) -> None:
    to.add_argument(
        "-t",
        "--threshold",
        metavar="T",
        type=_threshold,
        required=required,
        help="a voxel whose absolute value equals it, or exceeds it, is kept; a "
        "percentile such as 95%%; a negative number keeps the voxels at it and below, "
        "and those alone",
    )
    to.add_argument(
        "-k",
        "--cluster-threshold",
        metavar="K",
        type=int,
        default=0,
        help="least extent of a cluster in voxels; one of just this extent is kept "
        "(default: 0)",
    )


def _add_sides(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--one-sided",
        action="store_true",
        help="positive voxels alone, or with a negative threshold negative ones",
    )
    to.add_argument(
        "--connectivity",
        type=int,
        choices=_CONNECTIVITIES,
        default=6,
        help="voxels belong together that share a face (6, the default), a face or an "
        "edge (18), or a corner too (26)",
    )


def _add_sides_and_mask(to: argparse.ArgumentParser) -> None:
    _add_sides(to)
    to.add_argument(
        "--mask",
        metavar="MASK",
        help="an image, 0 outside and one other value inside; on another grid it is "
        "taken at the centres of the map's voxels",
    )


def _add_image_output(to: argparse.ArgumentParser) -> None:
    where = to.add_mutually_exclusive_group()
    where.add_argument("-o", "--output", metavar="OUT", help="of a single input")
    where.add_argument(
        "--output-dir",
        metavar="DIR",
        help="a folder for the outputs; it is made if it is not there",
    )


def _add_run(to: argparse.ArgumentParser) -> None:
    _add_existing(to)
    _add_jobs(to)
    to.add_argument(
        "--quiet",
        action="store_true",
        help="print errors alone",
    )
    _add_debug(to)


def _add_existing(to: argparse.ArgumentParser) -> None:
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


def _add_jobs(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--jobs",
        metavar="N",
        type=int,
        help="how many files to work on at a time, and so the most maps in memory "
        "(default: the number of processors)",
    )


def _add_debug(to: argparse.ArgumentParser) -> None:
    to.add_argument("--debug", action="store_true", help="print tracebacks")


def _threshold(text: str) -> float | str:
    if text.endswith("%"):
        return text
    try:
        return float(text)
    except ValueError:
        msg = f"{text!r} is no number and no percentile such as 95%"
        raise argparse.ArgumentTypeError(msg) from None


def _cut(text: str) -> float | str:
    if re.fullmatch(r"peak|cluster:[0-9]+", text):
        return text
    try:
        return float(text)
    except ValueError:
        msg = f"{text!r} is no number in mm, and neither peak nor such as cluster:3"
        raise argparse.ArgumentTypeError(msg) from None


def _extra(text: str) -> tuple[str, str]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        msg = f"{text!r} is not NAME=MAP"
        raise argparse.ArgumentTypeError(msg)
    return name, path


def _figure(text: str) -> str:
    if not text.lower().endswith(_FIGURES):
        msg = f"{text!r} must end in one of {', '.join(_FIGURES)}"
        raise argparse.ArgumentTypeError(msg)
    return text
