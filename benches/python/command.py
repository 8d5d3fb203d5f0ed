"""The installed command: how soon it works, and how many files it does in a second."""

import compileall
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import maps
import nibabel
import niimath
import numpy as np
from nibabel.nifti1 import Nifti1Image
from rows import Row, beyond, require_same
from timing import process

import nithresh

COMMAND = str(Path(sys.executable).with_name("nithresh"))
NIIMATH = str(Path(sys.executable).with_name("niimath"))
NILEARN = str(Path(__file__).with_name("nilearn_loop.py"))
FILES = 200
JOBS = 2
THRESHOLD = 2.3


def command_rows() -> Iterator[Row]:
    """Measure the command."""
    # As pip does with what it installs; a working tree may be without.
    compileall.compile_dir(Path(nithresh.__file__).parent, quiet=1)
    yield from start_up()
    yield from throughput()


def start_up() -> Iterator[Row]:
    """How much longer the command takes than what it cannot do without."""
    python = [sys.executable, "-c"]
    yield beyond(
        "nithresh --help", "python -c pass", [COMMAND, "--help"], [*python, "pass"], 150
    )
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "map.nii.gz")
        nithresh.save(Nifti1Image(np.ones((2, 2, 2), np.float32), np.eye(4)), source)
        yield beyond(
            "nithresh threshold of a map of 8 voxels, to the end",
            "import numpy, nibabel",
            [COMMAND, "threshold", str(source), "-t", "1", "--overwrite"],
            [*python, "import numpy, nibabel"],
            60,
        )


def throughput() -> Iterator[Row]:
    """Many gzipped 2 mm maps from disk to disk, all in processes that start for it."""
    base = maps.smooth(maps.SHAPE_2MM)
    with tempfile.TemporaryDirectory() as name:
        folders = {
            part: Path(name, part)
            for part in ("maps", "ours", "nilearn", "niimath", "binary")
        }
        for folder in folders.values():
            folder.mkdir()
        for number in range(FILES):
            data = np.asfortranarray(np.roll(base.dataobj, number, axis=0))
            image = Nifti1Image(data, base.affine)
            nibabel.save(image, folders["maps"] / f"{number:03}.nii.gz")
        sources = sorted(map(str, folders["maps"].iterdir()))

        def loop(program: str, part: str) -> list[str]:
            each = f'"{program}" "$file" -thr {THRESHOLD} "$0/${{file##*/}}"'
            script = f"for file; do {each}; done"
            return ["/bin/sh", "-e", "-c", script, str(folders[part]), *sources]

        ours = [COMMAND, "threshold", *sources, "-t", str(THRESHOLD), "--overwrite",
                "-k", str(maps.EXTENT), "--jobs", str(JOBS), "--quiet",
                "--output-dir", str(folders["ours"])]  # fmt: skip
        nilearn = [sys.executable, NILEARN, str(THRESHOLD), str(maps.EXTENT), str(JOBS),
                   str(folders["nilearn"]), *sources]  # fmt: skip
        process(*ours)
        for other, theirs, least in [
            (f"nibabel + nilearn, joblib, {JOBS} processes", nilearn, 8),
            ("a shell loop of niimath -thr", loop(NIIMATH, "niimath"), 3),
            ("the same without its Python", loop(niimath.bin, "binary"), None),
        ]:
            first, second = (_around(ours, theirs) for _ in range(2))
            ratios = [their / mine for mine, their in (first, second)]
            yield Row(
                f"nithresh threshold, {FILES} maps of 2 mm, {JOBS} jobs",
                f"{first[0]:.3g} s",
                f"{first[1]:.3g} s ({other})",
                *(f"{ratio:.3g}x" for ratio in ratios),
                "" if least is None else f">= {least}x",
                None if least is None else min(ratios) >= least,
            )
        for source in map(Path, sources):
            mine = f"{source.name.removesuffix('.nii.gz')}_thresholded.nii.gz"
            _require_same(folders["ours"] / mine, folders["nilearn"] / source.name)
            _require_same(
                folders["niimath"] / source.name, folders["binary"] / source.name
            )
        # niimath keeps positive voxels alone, and knows no clusters.
        kept = nithresh.threshold_img(source, THRESHOLD, two_sided=False)
        require_same(
            kept.dataobj, nibabel.load(folders["binary"] / source.name).dataobj
        )


def _around(ours: list[str], theirs: list[str]) -> tuple[float, float]:
    """Time theirs once, and ours, which is short, as the median before and after."""
    before = [process(*ours) for _ in range(2)]
    other = process(*theirs)
    after = [process(*ours) for _ in range(2)]
    return statistics.median([*before, *after]), other


def _require_same(ours: Path, theirs: Path) -> None:
    require_same(nibabel.load(ours).dataobj, nibabel.load(theirs).dataobj)
