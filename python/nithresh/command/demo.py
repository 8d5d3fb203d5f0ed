"""``nithresh demo``."""

import argparse
import shlex

from nithresh import command, datasets
from nithresh._paths import expanded
from nithresh.command.errors import naming
from nithresh.files import load, save

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


def run(words: argparse.Namespace) -> int:
    """Copy the map, and run each step on it."""
    folder = expanded(words.folder)
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
        if words.debug:
            args.append("--debug")
        code = max(code, command.main(args))
    return code
