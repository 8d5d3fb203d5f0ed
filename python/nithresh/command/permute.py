"""``nithresh permute``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nithresh._rules import TWO_SIDED, Unsaid
from nithresh.command.design import as_numbers, read_design
from nithresh.command.errors import (
    UsageError,
    already_exists,
    make_folder,
    naming,
    print_about,
    reason,
)
from nithresh.command.options import SideOptions, add_debug, add_rules, add_sides
from nithresh.command.parser import Subcommand, example
from nithresh.command.permute_errors import in_words_of_command

if TYPE_CHECKING:
    from pathlib import Path

    from nithresh.permutation import PermutationResult

_SHUFFLES = ("auto", "signs", "labels", "both")
# What results are called.
_RESULTS = ("permutation_test.json", "clusters.*", "null.*", "*_statmap.nii.gz")


class Options(SideOptions):
    """What it takes."""

    inputs: list[str]
    mask: str
    one_sample: bool
    paired: bool
    design: str | None
    contrast: list[list[str]] | None
    within: str | None
    whole: str | None
    threshold: list[float] | None
    threshold_p: list[float] | None
    rules: str | None
    n_permutations: int
    no_tfce: bool
    shuffle: str
    seed: int
    alpha: float
    checkpoint: str | None
    jobs: int | None
    dask: str | None
    output_dir: str
    overwrite: bool
    quiet: bool

    @property
    def written(self) -> dict[str, object]:
        """The options as they are written on a command line."""
        return {
            "--mask": self.mask,
            "--paired": self.paired,
            "--design": self.design,
            "--contrast": tuple(" ".join(row) for row in self.contrast or ()) or None,
            "--within": self.within,
            "--whole": self.whole,
            "-t": tuple(self.threshold or ()) or None,
            "--threshold-p": tuple(self.threshold_p or ()) or None,
            "-n": self.n_permutations,
            "--one-sided": self.one_sided,
            "--connectivity": (
                None if isinstance(self.connectivity, Unsaid) else self.connectivity
            ),
            "--rules": self.rules,
            "--no-tfce": self.no_tfce,
            "--shuffle": None if self.shuffle == "auto" else self.shuffle,
            "--seed": self.seed or None,
            "--alpha": None if self.alpha == 0.05 else self.alpha,
            "--output-dir": self.output_dir,
        }


def add_words(to: argparse.ArgumentParser) -> None:
    """Add its words to its parser."""
    to.add_argument(
        "inputs",
        metavar="IN",
        nargs="+",
        help="a map of each subject on the grid of the mask; or one map with a volume "
        "for each; or one .npy file of nithresh.stack",
    )
    to.add_argument("--mask", metavar="MASK", required=True, help="voxels to test")
    _add_model(to)
    _add_statistics(to)
    to.add_argument(
        "--output-dir",
        metavar="DIR",
        required=True,
        help="a folder for the results; it is made if it is not there",
    )
    to.add_argument("--overwrite", action="store_true", help="replace results")
    to.add_argument(
        "--checkpoint",
        metavar="FILE.npz",
        help="keep what is done here, and go on from it if it is there",
    )
    to.add_argument(
        "--jobs", metavar="N", type=int, help="threads (default: the processors)"
    )
    to.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="let the workers of a Dask cluster do it: the address of its scheduler "
        "(needs nithresh[dask])",
    )
    to.add_argument("--quiet", action="store_true", help="print only errors")
    add_debug(to)


def _add_model(to: argparse.ArgumentParser) -> None:
    kind = to.add_mutually_exclusive_group()
    kind.add_argument(
        "--one-sample",
        action="store_true",
        help="test the mean of the maps against 0 (the default without --design)",
    )
    kind.add_argument(
        "--paired",
        action="store_true",
        help="test the mean of differences: the first half of the maps minus the "
        "second half, in the same order",
    )
    kind.add_argument(
        "--design",
        metavar="D.tsv",
        help="a table with a row for each map and a column for each regressor, with "
        "names in its first line; nothing is added to it, not even an intercept",
    )
    to.add_argument(
        "--contrast",
        metavar="C",
        nargs="+",
        action="append",
        help="the name of a column, or a weight for each column; given several times, "
        "all rows together are tested by an F",
    )
    for name, what in (
        ("--within", "images change places only within their block"),
        ("--whole", "whole blocks are permuted or flipped"),
    ):
        to.add_argument(
            name,
            metavar="COLUMN",
            help=f"{what}: the column of the design with the blocks, which is no "
            "regressor",
        )


def _add_statistics(to: argparse.ArgumentParser) -> None:
    level = to.add_mutually_exclusive_group()
    level.add_argument(
        "-t",
        "--threshold",
        metavar="T",
        type=float,
        action="append",
        help="cluster-defining threshold in units of t or F (default: 3.1); may be "
        "given several times: null.tsv has all, the table, the labels and the maps of "
        "clusters only the first",
    )
    level.add_argument(
        "--threshold-p",
        metavar="P",
        type=float,
        action="append",
        help="the same as an uncorrected p (needs nithresh[stats])",
    )
    to.add_argument(
        "-n",
        "--n-permutations",
        metavar="N",
        type=int,
        default=10_000,
        help="how many permutations (default: 10000); all of them where fewer exist",
    )
    add_sides(
        to,
        one_sided="look at positive voxels only; for negative ones weigh the contrast "
        "by -1, or exchange the halves of --paired",
    )
    add_rules(to)
    to.add_argument("--no-tfce", action="store_true", help="leave out TFCE scores")
    to.add_argument(
        "--shuffle",
        choices=_SHUFFLES,
        default="auto",
        help="what is shuffled (default: signs for one constant column, else labels)",
    )
    to.add_argument(
        "--seed",
        metavar="N",
        type=int,
        default=0,
        help="seed of the random numbers (default: 0)",
    )
    to.add_argument(
        "--alpha",
        metavar="P",
        type=float,
        default=0.05,
        help="clusters.png shows the clusters whose corrected p of the extent is at "
        "most this (default: 0.05)",
    )


def run(options: Options) -> int:
    """Test the maps, and write the results."""
    from nithresh import permutation_test
    from nithresh._params import collected_warnings
    from nithresh._paths import expanded
    from nithresh.command.sidecar import command_line

    folder = expanded(options.output_dir)
    _check_place(folder, replaces=options.overwrite)
    if not 0 < options.alpha < 1:
        msg = f"--alpha is {options.alpha:g}; it must be above 0 and below 1"
        raise UsageError(msg)

    def ready(done: int, total: int) -> None:
        if not done:
            # All words are right, and nothing is lost yet.
            make_folder(folder)
        if show is not None:
            show(done, total)

    with collected_warnings() as warnings, _progress(quiet=options.quiet) as show:
        try:
            inputs, mask = options.inputs, options.mask
            with in_words_of_command(inputs, mask, paired=options.paired):
                result = permutation_test(
                    mask_img=options.mask,
                    threshold=options.threshold,
                    threshold_p=options.threshold_p,
                    n_permutations=options.n_permutations,
                    two_sided=False if options.one_sided else TWO_SIDED,
                    connectivity=options.connectivity,
                    rules=options.rules,
                    tfce=not options.no_tfce,
                    shuffle=options.shuffle,  # type: ignore[arg-type]
                    seed=options.seed,
                    checkpoint=options.checkpoint,
                    jobs=options.jobs,
                    dask=options.dask,
                    on_progress=ready,
                    **_maps(options),
                    **_model(options),
                )
            figures = _figures(result, options.alpha)
        finally:
            for warning in warnings:
                print_about(None, warning)
    with naming(folder):
        result.save(
            folder,
            about={
                "Description": "Permutation test of the clusters of a group of maps",
                "CommandLine": command_line("permute", options.inputs, options.written),
            },
            figures=figures,
        )
    if not options.quiet:
        print(result)
    return 0


def _check_place(folder: Path, *, replaces: bool) -> None:
    """Refuse a folder with files that may not be replaced."""
    from nithresh.files.sidecars import check_own

    for sidecar in ("permutation_test.json", "clusters.json"):
        check_own(folder / sidecar, ["the results"])
    for pattern in () if replaces else _RESULTS:
        for path in sorted(folder.glob(pattern)):
            raise already_exists(path, can_skip=False)


def _maps(options: Options) -> dict[str, Any]:
    """Return the maps, and those to subtract."""
    inputs: Any = options.inputs
    if options.paired:
        half, rest = divmod(len(inputs), 2)
        if rest:
            msg = (
                f"--paired needs two maps of each subject; there are {len(inputs)} maps"
            )
            raise UsageError(msg)
        return {"imgs": inputs[:half], "minus": inputs[half:]}
    return {"imgs": inputs[0] if len(inputs) == 1 else inputs}


def _model(options: Options) -> dict[str, Any]:
    """Read the design, and what belongs to it."""
    if options.design is None:
        for name in ("contrast", "within", "whole"):
            if getattr(options, name) is not None:
                msg = f"--{name} needs --design"
                raise UsageError(msg)
        return {}
    columns = read_design(options.design)
    model: dict[str, Any] = {}
    for name in ("within", "whole"):
        block = getattr(options, name)
        if block is None:
            continue
        if block not in columns:
            msg = (
                f"--{name} is {block!r}; the columns of the design are "
                f"{_named(columns)}"
            )
            raise UsageError(msg)
        model[name] = columns.pop(block)
    model["design"] = {name: as_numbers(cells, name) for name, cells in columns.items()}
    if options.contrast is not None:
        model["contrast"] = _contrast(options.contrast, columns)
    return model


def _contrast(rows: list[list[str]], columns: dict[str, list[str]]) -> Any:
    if len(rows) == 1 and len(rows[0]) == 1 and rows[0][0] in columns:
        return rows[0][0]
    weights = []
    for row in rows:
        if len(row) == 1 and row[0] in columns:
            weights.append([float(name == row[0]) for name in columns])
            continue
        try:
            weights.append([float(cell) for text in row for cell in text.split()])
        except ValueError:
            msg = (
                f"--contrast is {' '.join(row)}; it must be a column of the design "
                f"({_named(columns)}) or a weight for each"
            )
            raise UsageError(msg) from None
    return weights[0] if len(weights) == 1 else weights


def _named(columns: dict[str, list[str]]) -> str:
    return ", ".join(columns)


def _figures(result: PermutationResult, alpha: float) -> dict[str, bytes]:
    """Draw the clusters that survive, and the null with what was observed.

    Without a figure the results are still worth hours of work.
    """
    from nithresh.permutation.figures import draw_null, draw_surviving

    figures = {}
    for name, draw in (("clusters", draw_surviving), ("null", draw_null)):
        try:
            figures[f"{name}.png"] = draw(result, alpha)
        except Exception as error:
            print_about(None, f"{name}.png cannot be drawn: {reason(error)}")
    return figures


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[int, int], object] | None]:
    """Show a bar on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    columns = os.get_terminal_size(sys.stderr.fileno()).columns or 80
    with tqdm(unit="permutation", file=sys.stderr, ncols=columns) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show


SUBCOMMAND = Subcommand(
    help="test which clusters of a group of maps are real, by permutations",
    epilog=example(
        "nithresh permute nithresh-demo/group/sub-*.nii.gz "
        "--mask nithresh-demo/group/mask.nii.gz -t 3 -n 1000 --output-dir group-result"
    )
    + """
results, all in the folder:
  clusters.tsv   the clusters with p corrected for the whole mask (FWE)
  clusters.png   the clusters that survive
  null.tsv, .png the largest statistic of each permutation
  *_statmap.nii.gz, desc-labels_dseg.nii.gz
                 t or F, corrected p of each voxel, and the numbers of the clusters
  permutation_test.json
                 what was tested and shuffled, by which rules, and which command
                 makes it again
""",
    add_words=add_words,
    options=Options,
    run=run,
)
