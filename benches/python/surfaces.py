"""Maps on surfaces against nilearn and Workbench.

python benches/python/surfaces.py [--record FILE]

The meshes are nilearn's fsaverage5 (10,242 vertices a hemisphere, pial) and the same
subdivided twice (163,842 vertices, as many as fsaverage has). The map is the one that
nilearn has for them, the depth of the sulci, in memory. Workbench reads and writes
files. Its rows are left out where wb_command is not installed.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import ModuleType

import nibabel
import nilearn.image
import nilearn.reporting
import numpy as np
import pandas as pd
from compare import HEAD, cells, heading
from nibabel.cifti2 import Cifti2Image
from nibabel.cifti2.cifti2_axes import BrainModelAxis, ScalarAxis
from nibabel.gifti import GiftiDataArray, GiftiImage, GiftiMetaData
from nilearn.datasets import load_fsaverage_data
from nilearn.surface import InMemoryMesh, PolyMesh, SurfaceImage
from numpy.typing import NDArray
from rows import Row, milliseconds, require_same, timed
from timing import Call, process

import nithresh

COMMAND = str(Path(sys.executable).with_name("nithresh"))
WORKBENCH = shutil.which("wb_command")
HEMISPHERES = ("left", "right")
EXTENT = 10
AREA = 30.0  # mm²
# Beyond them lie 8 % and 1 % of the map.
THRESHOLDS = (1.0, 1.4)
ROUNDS = 7
FILES = 10
# How many voxels the 91k grayordinates of HCP have, and which share of the vertices of
# a cortex is not its medial wall.
VOXELS, CORTEX = 31_870, 0.73


@dataclass(frozen=True)
class Mesh:
    """Coordinates in mm and triangles, and a map of the vertices."""

    coordinates: NDArray[np.float32]
    faces: NDArray[np.int32]
    values: NDArray[np.float32]

    def subdivided(self) -> "Mesh":
        """Cut each triangle into four at the middles of its edges."""
        sides = self.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
        edges, which = np.unique(np.sort(sides), axis=0, return_inverse=True)
        a, b, c = self.faces.T
        ab, bc, ca = (which.reshape(-1, 3) + len(self.coordinates)).T
        corners = [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
        faces = np.concatenate([np.stack(each, axis=1) for each in corners])

        def with_middles(ends: NDArray[np.float32]) -> NDArray[np.float32]:
            middles = ends[edges].mean(axis=1, dtype=np.float32)
            return np.concatenate([ends, middles])

        return Mesh(
            with_middles(self.coordinates), np.int32(faces), with_middles(self.values)
        )


def fsaverage5() -> dict[str, Mesh]:
    """Take the pial meshes that nilearn has, and its map."""
    loaded = load_fsaverage_data(mesh_type="pial")
    return {
        side: Mesh(
            np.float32(loaded.mesh.parts[side].coordinates),
            np.int32(loaded.mesh.parts[side].faces),
            np.float32(loaded.data.parts[side]).reshape(-1),
        )
        for side in HEMISPHERES
    }


def image(meshes: dict[str, Mesh]) -> SurfaceImage:
    """Make nilearn's image of both hemispheres."""
    parts = {
        side: InMemoryMesh(mesh.coordinates, mesh.faces)
        for side, mesh in meshes.items()
    }
    return SurfaceImage(
        PolyMesh(**parts), {side: mesh.values for side, mesh in meshes.items()}
    )


def against_nilearn(small: SurfaceImage, large: SurfaceImage) -> Iterator[Row]:
    """Thresholding with clusters and the table with sub-peaks, of both hemispheres."""
    for what, img, (least, least_table) in [
        ("fsaverage5", small, (150, 200)),
        ("subdivided twice", large, (500, 400)),
    ]:
        for threshold in THRESHOLDS:
            maps = [
                library.threshold_img(img, threshold, EXTENT)
                for library in (nithresh, nilearn.image)
            ]
            for side in HEMISPHERES:
                require_same(*(each.data.parts[side] for each in maps))
            yield timed(
                f"threshold_img, {what}, at {threshold:g}, clusters",
                "nilearn",
                lambda img=img, t=threshold: nithresh.threshold_img(img, t, EXTENT),
                lambda img=img, t=threshold: nilearn.image.threshold_img(
                    img, t, EXTENT
                ),
                least,
            )

            yield from table_rows(what, img, threshold, least_table)


def table_rows(
    what: str, img: SurfaceImage, threshold: float, least: float
) -> Iterator[Row]:
    """nilearn's table, and all of find_clusters: areas and sub-peaks, too."""

    def table(library: ModuleType) -> pd.DataFrame:
        return library.get_clusters_table(img, threshold, EXTENT, two_sided=True)

    # nilearn's peaks of negative clusters are their weakest vertices.
    both = [table(library) for library in (nithresh, nilearn.reporting)]
    require_same(*(each["Cluster Size (vertices)"] for each in both))
    for name, ours, target in [
        ("get_clusters_table", lambda: table(nithresh), least),
        (
            "find_clusters and its table",
            lambda: (
                nithresh.find_clusters(img, threshold, cluster_threshold=EXTENT).table
            ),
            None,
        ),
    ]:
        yield timed(
            f"{name}, {what}, at {threshold:g}, {len(both[0])} clusters",
            "nilearn's get_clusters_table",
            ours,
            lambda: table(nilearn.reporting),
            target,
        )


def gifti(*arrays: NDArray, side: str, intents: Sequence[str]) -> GiftiImage:
    """Make a GIFTI file's contents."""
    structure = GiftiMetaData(AnatomicalStructurePrimary=f"Cortex{side.title()}")
    parts = [
        GiftiDataArray(array, intent=f"NIFTI_INTENT_{intent}", meta=structure)
        for array, intent in zip(arrays, intents, strict=True)
    ]
    return GiftiImage(darrays=parts, meta=structure)


def write_surface(mesh: Mesh, side: str, path: Path) -> str:
    """Write a mesh as .surf.gii."""
    arrays = mesh.coordinates, mesh.faces
    nibabel.save(gifti(*arrays, side=side, intents=["POINTSET", "TRIANGLE"]), path)
    return str(path)


def grayordinates(meshes: dict[str, Mesh]) -> Cifti2Image:
    """Make a map of cortices without their medial walls and of voxels of 2 mm."""
    count = len(meshes["left"].coordinates)
    lateral = np.argsort(-np.abs(meshes["left"].coordinates[:, 0]))
    used = np.sort(lateral[: round(CORTEX * count)])
    box = (34, 34, 32)
    mask = np.zeros((91, 109, 91), bool)
    within = np.zeros(np.prod(box), bool)
    within[:VOXELS] = True
    mask[:34, :34, :32] = within.reshape(box)
    affine = np.array([[-2.0, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])
    axis = (
        BrainModelAxis.from_surface(used, count, "CortexLeft")
        + BrainModelAxis.from_surface(used, count, "CortexRight")
        + BrainModelAxis.from_mask(mask, "THALAMUS_LEFT", affine)
    )
    values = [
        *(mesh.values[used] for mesh in meshes.values()),
        np.random.default_rng(9).standard_normal(VOXELS).astype(np.float32),
    ]
    return Cifti2Image(np.concatenate(values)[None], (ScalarAxis(["z"]), axis))


def against_workbench(mesh: Mesh, folder: Path) -> Iterator[Row]:
    """The same work from file to file."""
    surface = write_surface(mesh, "left", folder / "left.surf.gii")
    metric = folder / "z.func.gii"
    nibabel.save(gifti(mesh.values, side="left", intents=["NONE"]), metric)
    ours, theirs = folder / "ours.func.gii", folder / "theirs.func.gii"
    yield from file_to_file(
        "threshold of a .func.gii of 163,842 vertices, least area",
        lambda: nithresh.threshold_files(
            [(metric, ours)], 1, two_sided=False, surface=surface, min_area=AREA, jobs=1
        ),
        ["threshold", "-t", "1", "--one-sided", "--min-area", f"{AREA:g}",
         "--surface", surface],
        ["-metric-find-clusters", surface, str(metric), "1", f"{AREA:g}", str(theirs)],
        metric,
        4,
    )  # fmt: skip
    require_same(_values(ours) != 0, _values(theirs) != 0)
    yield from file_to_file(
        "tfce of the same",
        lambda: nithresh.save(nithresh.tfce_img(metric, surface=surface), ours),
        ["tfce", "--surface", surface],
        ["-metric-tfce", surface, str(metric), str(theirs)],
        metric,
        3,
    )
    scores = _values(ours), _values(theirs)
    require_same(np.max(np.abs(scores[0] - scores[1])) <= 1e-6 * scores[1].max(), True)

    meshes = {side: each.subdivided() for side, each in fsaverage5().items()}
    left, right = (
        write_surface(each, side, folder / f"{side}.surf.gii")
        for side, each in meshes.items()
    )
    cifti = folder / "z.dscalar.nii"
    nibabel.save(grayordinates(meshes), cifti)
    ours, theirs = folder / "ours.dscalar.nii", folder / "theirs.dscalar.nii"
    surfaces = {"left": left, "right": right}
    yield from file_to_file(
        "threshold of 91k grayordinates, clusters of both signs (Workbench: of one)",
        lambda: nithresh.threshold_files(
            [(cifti, ours)], 1, surface=surfaces, min_area=AREA, jobs=1
        ),
        ["threshold", "-t", "1", "--min-area", f"{AREA:g}",
         "--left-surface", left, "--right-surface", right],
        ["-cifti-find-clusters", str(cifti), "1", f"{AREA:g}", "1", "0", "COLUMN",
         str(theirs), "-left-surface", left, "-right-surface", right],
        cifti,
        4,
    )  # fmt: skip
    # Workbench 1.5.0 joins voxels that do not touch, so vertices are compared alone.
    vertices = slice(0, -VOXELS)
    positive = nibabel.load(ours).get_fdata()[0, vertices] > 0
    require_same(positive, nibabel.load(theirs).get_fdata()[0, vertices] != 0)


def _values(path: Path) -> NDArray:
    return nibabel.load(path).darrays[0].data


def file_to_file(
    what: str,
    ours: Call,
    command: Sequence[str],
    workbench: Sequence[str],
    source: Path,
    least: float,
) -> Iterator[Row]:
    """Compare a process of Workbench with a call in Python and with our command.

    Workbench takes a file at a time; our command takes many, and reads surfaces once.
    """
    theirs = [str(WORKBENCH), *workbench]
    copies = [source.with_name(f"{number}_{source.name}") for number in range(FILES)]
    for copy in copies:
        shutil.copyfile(source, copy)
    mine = [COMMAND, *command, "--overwrite", "--jobs", "1", "--quiet"]
    many = [*mine, "--output-dir", str(source.parent / "many"), *map(str, copies)]
    one = [*mine, "-o", str(source.with_name(f"one_{source.name}")), str(source)]
    ways: list[tuple[str, Call, int, float | None]] = [
        ("a call in Python", ours, 1, least),
        ("a command", lambda: process(*one), 1, None),
        (f"each of {FILES} files of a command", lambda: process(*many), FILES, None),
    ]
    for way, call, count, target in ways:
        results = [_in_turn(call, theirs, count) for _ in range(2)]
        ratios = [other / own for own, other in results]
        yield Row(
            f"{what}: {way}",
            milliseconds(results[0][0]),
            f"{milliseconds(results[0][1])} (wb_command)",
            *(f"{ratio:.3g}x" for ratio in ratios),
            "" if target is None else f">= {target:g}x",
            None if target is None else min(ratios) >= target,
        )
    for copy in copies:
        copy.unlink()


def _in_turn(ours: Call, theirs: Sequence[str], count: int) -> tuple[float, float]:
    """Return the medians of the seconds that a file takes; ours does `count` a call."""
    times = []
    ours()
    for _ in range(ROUNDS):
        start = time.perf_counter()
        ours()
        times.append(((time.perf_counter() - start) / count, process(*theirs)))
    own, other = (statistics.median(each) for each in zip(*times, strict=True))
    return own, other


def workbench_version() -> str:
    """Return what Workbench says of itself."""
    if WORKBENCH is None:
        return "Workbench is not installed."
    said = subprocess.run(
        [WORKBENCH, "-version"], check=True, capture_output=True, text=True
    ).stdout
    versions = [line for line in said.splitlines() if line.startswith("Version:")]
    return f"Workbench {versions[0].partition(':')[2].strip()}."


def main(args: list[str] | None = None) -> None:
    """Print the comparison, and write it to a file if one is named."""
    parser = argparse.ArgumentParser(description="Maps on surfaces, side by side.")
    parser.add_argument("--record", type=Path, help="a Markdown file to write it to")
    options = parser.parse_args(args)
    warnings.simplefilter("ignore")
    small = fsaverage5()
    large = {side: mesh.subdivided().subdivided() for side, mesh in small.items()}
    said = f"{heading()}  \n{workbench_version()}"
    lines = ["# Maps on surfaces, side by side", "", said, "", *HEAD]
    print("\n".join(lines), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        others = against_workbench(large["left"], Path(folder)) if WORKBENCH else []
        for row in chain(against_nilearn(image(small), image(large)), others):
            lines.append("| " + " | ".join(cells(row)) + " |")
            print(lines[-1], flush=True)
    if options.record:
        options.record.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
