"""``nithresh demo``."""

import argparse
import shlex
from pathlib import Path

from nithresh.command.errors import make_folder, naming
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
    "view {map} -t 3 -k 50 -o {folder}/motor.html",
)
_NEXT = """
The map is the z-map of a button press, left minus right hand. Look at
  {folder}/motor.html          in a browser: move the threshold, the clusters follow
  {folder}/5_clusters.png      the clusters of 50 voxels and more at 3
  {folder}/motor_clusters.tsv  their table; motor_clusters.json says how it was made

Then try
  nithresh permute {folder}/group/sub-*.nii.gz --mask {folder}/group/mask.nii.gz \\
    -t 3 -n 1000 --output-dir {folder}/group-result
                               which clusters of twelve made-up subjects are real
  nithresh --help              what there is for your own maps
"""


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

    folder = expanded(options.folder)
    make_folder(folder)
    copy = folder / "motor.nii.gz"
    if not copy.exists():
        with naming(copy):
            save(load(datasets.load_sample_motor_activation_image()), copy)
    _make_group(folder / "group")
    code = 0
    for step in _STEPS:
        args = [part.format(map=copy, folder=folder) for part in step.split()]
        print(f"$ {shlex.join(['nithresh', *args])}", flush=True)
        if args[0] != "info":
            args.append("--skip-existing")
        if options.debug:
            args.append("--debug")
        before = _files(folder)
        failed = command.main(args)
        if args[0] != "info" and not failed and _files(folder) == before:
            print("(there already)", flush=True)
        code = max(code, failed)
    if code == 0:
        print(_NEXT.format(folder=shlex.quote(str(folder))), end="")
    return code


def _files(folder: Path) -> set[tuple[str, int, int]]:
    """Return what changes when a file of a folder is made again."""
    found = ((path.name, path.lstat()) for path in folder.iterdir())
    return {(name, status.st_ino, status.st_mtime_ns) for name, status in found}


def _make_group(folder: Path) -> None:
    """Make maps of twelve subjects that have one effect, and a mask."""
    import nibabel
    import numpy as np

    from nithresh import save

    make_folder(folder)
    rng = np.random.default_rng(0)
    affine = np.diag([-8.0, 8, 8, 1])
    affine[:3, 3] = 84, -120, -64
    shape = 22, 26, 20
    where = np.indices(shape).T @ affine[:3, :3].T + affine[:3, 3]
    inside = (((where - [0, -18, 8]) / [68, 85, 62]) ** 2).sum(axis=-1).T < 1
    effect = np.exp(-(((where - [-40, -24, 50]) / 16) ** 2).sum(axis=-1)).T
    images = {"mask": inside.astype(np.uint8)}
    for number in range(1, 13):
        noise = rng.standard_normal(shape)
        for axis in range(3):
            noise += np.roll(noise, 1, axis) + np.roll(noise, -1, axis)
        values = np.where(inside, noise / noise.std() + 2 * effect, 0)
        images[f"sub-{number:02}_stat-effect_statmap"] = values.astype(np.float32)
    for name, voxels in images.items():
        path = folder / f"{name}.nii.gz"
        if not path.exists():
            with naming(path):
                save(nibabel.Nifti1Image(voxels, affine), path)


SUBCOMMAND = Subcommand(
    help="copy the built-in map to a folder, and run the example on it",
    epilog="example:\n  nithresh demo nithresh-demo\n\nMaps that are there already are "
    "left as they are. So are results, unless they\nhave changed since they were made: "
    "then they are made again.\n",
    add_words=add_words,
    options=Options,
    run=run,
)
