"""Compare nithresh with what people use today, and with its own targets."""

import argparse
import os
import platform
from collections.abc import Iterator
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from clusters import cluster_rows
from command import command_rows
from heights import height_rows
from kernel import kernel_rows
from measures import main_rows
from rows import Row

import nithresh

PACKAGES = {
    "numpy": "numpy",
    "nibabel": "nibabel",
    "nilearn": "nilearn",
    "joblib": "joblib",
    "scipy": "scipy",
    "cc3d": "connected-components-3d",
    "tfce": "tfce",
    "niimath": "niimath",
    "pandas": "pandas",
    "matplotlib": "matplotlib",
    "nithresh": "nithresh",
}

HEAD = [
    "| measure | nithresh | other | result | again | target | |",
    "|---|--:|--:|--:|--:|--:|---|",
]


def heading() -> str:
    """Say on what the numbers were made."""
    versions = [f"{name} {version(package)}" for name, package in PACKAGES.items()]
    cores = len(os.sched_getaffinity(0))
    return (
        f"{processor()}, {cores} cores, {platform.system()}; nithresh on "
        f"{nithresh.get_num_threads()} threads, all others as they come.  \n"
        f"Python {platform.python_version()}, {', '.join(versions)}."
    )


def processor() -> str:
    """Return the name of the processor's model."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2] for line in lines if line.startswith("model name")]
    return models[0].strip() if models else platform.machine()


def table() -> Iterator[str]:
    """Yield the lines of the table as they are measured."""
    yield from HEAD
    parts = (
        main_rows(),
        kernel_rows(),
        cluster_rows(),
        height_rows(),
        command_rows(),
    )
    for row in chain(*parts):
        yield "| " + " | ".join(cells(row)) + " |"


def cells(row: Row) -> list[str]:
    """Return the cells of a row."""
    verdict = {True: "met", False: "**missed**", None: ""}[row.met]
    return [
        row.what, row.ours, row.theirs, row.result, row.repeat, row.target, verdict
    ]  # fmt: skip


def main(args: list[str] | None = None) -> None:
    """Print the comparison, and write it to a file if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", type=Path, help="a Markdown file to write it to")
    options = parser.parse_args(args)
    lines = ["# nithresh side by side", "", heading(), ""]
    print("\n".join(lines), flush=True)
    for line in table():
        print(line, flush=True)
        lines.append(line)
    if options.record:
        options.record.parent.mkdir(parents=True, exist_ok=True)
        options.record.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
