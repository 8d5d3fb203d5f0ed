"""``nithresh demo``."""

import argparse
import shlex

from nithresh.command.options import CommonOptions, add_debug
from nithresh.command.parser import Subcommand

_CUTS = "--cut-coords 5 -26 21"
# As nilearn's example of image thresholding, and then clusters.
_STEPS = (
    "info {map}",
    f"plot {{map}} {_CUTS} -o {{folder}}/1_without_threshold.png",
    f"plot {{map}} -t 2 {_CUTS} -o {{folder}}/2_both_sides.png",
    f"plot {{map}} -t 2 --one-sided {_CUTS} -o {{folder}}/3_positive.png",
    f"plot {{map}} -t -2 --one-sided {_CUTS} -o {{folder}}/4_negative.png",
    "plot {map} -t 3 -k 50 -o {folder}/5_clusters.png",
    "threshold {map} -t 3 -k 50",
    "clusters {map} -t 3 -k 50 --table {folder}/motor_clusters.tsv",
)


class Options(CommonOptions):
    """What it takes."""

    folder: str


def add_words(to: argparse.ArgumentParser) -> None:
    """Add its words to its parser."""
    to.add_argument(
        "folder",
        metavar="DIR",
        nargs="?",
        default="nithresh-demo",
        help="made if it is not there (default: nithresh-demo)",
    )
    add_debug(to)


def run(options: Options) -> int:
    """Copy the map, and run each step on it."""
    from nithresh import command, datasets, load, save
    from nithresh._paths import expanded
    from nithresh.command.errors import naming

    folder = expanded(options.folder)
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / "motor.nii.gz"
    if not copy.exists():
        with naming(copy):
            save(load(datasets.load_sample_motor_activation_image()), copy)
    code = 0
    for step in _STEPS:
        args = [part.format(map=copy, folder=folder) for part in step.split()]
        print(f"$ {shlex.join(['nithresh', *args])}", flush=True)
        if args[0] != "info":
            args.append("--skip-existing")
        if options.debug:
            args.append("--debug")
        code = max(code, command.main(args))
    return code


SUBCOMMAND = Subcommand(
    help="copy the built-in map to a folder, and run the example on it",
    epilog="example:\n  nithresh demo nithresh-demo\n\nFiles that are there already "
    "are left as they are.\n",
    add_words=add_words,
    options=Options,
    run=run,
)
