"""The columns of the table of clusters: one record says all there is to say of one.

To add a column, add its record to :data:`COLUMNS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from string import ascii_lowercase
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nithresh.grids import determinant, to_mm
from nithresh.peaks import spaced


@dataclass(frozen=True)
class Rows:
    """What columns are made of: the peaks that are listed, and their clusters.

    Attributes
    ----------
    found : mapping
        What the core finds. Its arrays are by cluster or, with ``maxima`` in their
        names, by peak.
    affine : numpy.ndarray of shape (4, 4)
    peaks : numpy.ndarray of int, shape (rows,)
        Which peak each row is of. Those of a cluster follow one another, the strongest
        first.
    clusters : numpy.ndarray of int, shape (rows,)
        Which cluster each row is of, from 0.
    xyz : numpy.ndarray of shape (rows, 3)
        The places of the peaks in mm.
    robust : mapping of str to numpy.ndarray of shape (clusters,), or None
        Between which thresholds each cluster is a separate one, if asked for.
    """

    found: Mapping[str, Any]
    affine: NDArray[np.float64]
    peaks: NDArray[np.intp]
    clusters: NDArray[np.intp]
    xyz: NDArray[np.float64]
    robust: Mapping[str, NDArray[np.float64]] | None = None

    @classmethod
    def of(
        cls,
        found: Mapping[str, Any],
        affine: NDArray[np.float64],
        *,
        min_distance: float,
        max_peaks: int,
        robust: Mapping[str, NDArray[np.float64]] | None = None,
    ) -> Rows:
        """Choose the peaks to list."""
        of_peaks, xyz = found["maxima_clusters"], to_mm(affine, found["maxima"])
        chosen = spaced(of_peaks, xyz, min_distance=min_distance, max_peaks=max_peaks)
        clusters = of_peaks[chosen].astype(np.intp) - 1
        return cls(found, affine, chosen, clusters, xyz[chosen], robust)

    @cached_property
    def rank(self) -> NDArray[np.intp]:
        """The place of each row among those of its cluster, from 0."""
        return np.arange(self.clusters.size) - np.searchsorted(
            self.clusters, self.clusters
        )

    @cached_property
    def is_first(self) -> NDArray[np.bool_]:
        """Whether each row is the first of its cluster, which stands for it."""
        first: NDArray[np.bool_] = self.rank == 0
        return first

    @property
    def ids(self) -> NDArray[np.str_]:
        """The number of the cluster, and for sub-peaks letters behind it."""
        rank = self.rank
        letters = [_letters(number) for number in range(rank.max(initial=-1) + 1)]
        names = [
            f"{cluster}{letters[number]}"
            for cluster, number in zip(
                (self.clusters + 1).tolist(), rank.tolist(), strict=True
            )
        ]
        return np.array(names, dtype=np.str_)

    @property
    def ijk(self) -> NDArray[np.int64] | None:
        """The voxel indices of the peaks, shape (rows, 3), if any is of voxels."""
        places: NDArray[np.int64] = self.found["maxima"][self.peaks].astype(np.int64)
        return places

    @property
    def volumes(self) -> NDArray[np.float64] | None:
        """The volumes of the clusters in mm³, if any is of voxels."""
        volumes: NDArray[np.float64] = (
            abs(determinant(self.affine)) * self.found["extents"]
        )
        return volumes

    @property
    def centres(self) -> NDArray[np.float64] | None:
        """The centres of mass of the clusters in mm, shape (clusters, 3)."""
        return to_mm(self.affine, self.found["centres"])

    @property
    def structures(self) -> NDArray[np.str_] | None:
        """The structure of each row, of a map that has structures."""
        return None

    @property
    def vertices(self) -> NDArray[np.int64] | None:
        """The vertices of the peaks, if any is of a surface."""
        return None

    @property
    def areas(self) -> NDArray[np.float64] | None:
        """The areas of the clusters in mm², if any is of a surface."""
        return None

    def robust_heights(self, name: str) -> NDArray[np.float64] | None:
        """One of the two heights of each cluster, if asked for."""
        return None if self.robust is None else self.robust[name]


class Column(NamedTuple):
    """A column.

    Attributes
    ----------
    name : str
    text : str
        What it says, for the file beside a table.
    values : callable
        Makes the values of :class:`Rows`, one for each cluster if it is `per_cluster`,
        else one for each row; None where the column was not asked for.
    unit : str or None
        Its unit, as BIDS writes it.
    per_cluster : bool
        Whether it belongs to the cluster. Then the rows of sub-peaks have no value,
        so that a sum over the column is a sum over clusters.
    whole : bool
        Whether its values are whole numbers, and written so.
    printed : bool
        Whether a terminal shows it: there is no room for all.
    is_text : bool
        Whether its values are words, which are shown from the left.
    near_threshold : bool
        Whether its values may lie so near to the threshold that more digits than
        usual are needed to see on which side.
    """

    name: str
    text: str
    values: Callable[[Rows], NDArray[Any] | None]
    unit: str | None = None
    per_cluster: bool = False
    whole: bool = False
    printed: bool = False
    near_threshold: bool = False
    is_text: bool = False

    def of(self, rows: Rows) -> NDArray[Any] | None:
        """Return its value in each row; NaN in the rows of sub-peaks if it has none."""
        values = self.values(rows)
        if values is None or not self.per_cluster:
            return values
        return _in_first_rows(values, rows)


def _along(
    axis: int, places: Callable[[Rows], NDArray[Any] | None]
) -> Callable[[Rows], NDArray[Any] | None]:
    def values(rows: Rows) -> NDArray[Any] | None:
        of_rows = places(rows)
        return None if of_rows is None else of_rows[:, axis].copy()

    return values


_CENTRE = "Centre of mass of the cluster, weighted by its values"
COLUMNS = (
    Column(
        "id",
        "Number of the cluster in the label image; with a letter, a sub-peak",
        lambda rows: rows.ids,
        printed=True,
    ),
    Column(
        "sign",
        "1 or -1: the sign of all voxels of the cluster",
        lambda rows: rows.found["signs"][rows.clusters],
    ),
    Column(
        "structure",
        "Hemisphere, or structure of voxels, that the cluster lies in",
        lambda rows: rows.structures,
        printed=True,
        is_text=True,
    ),
    *(
        Column(
            name,
            "Place of the peak",
            _along(axis, lambda rows: rows.xyz),
            unit="mm",
            printed=True,
        )
        for axis, name in enumerate("xyz")
    ),
    Column(
        "vertex",
        "Vertex of the peak on its surface, from 0; -1 of a voxel",
        lambda rows: rows.vertices,
        printed=True,
    ),
    *(
        Column(
            name,
            "Voxel index of the peak, from 0; -1 of a vertex",
            _along(axis, lambda rows: rows.ijk),
        )
        for axis, name in enumerate("ijk")
    ),
    Column(
        "peak",
        "Value of the peak",
        lambda rows: rows.found["maxima_values"][rows.peaks],
        printed=True,
        near_threshold=True,
    ),
    Column(
        "extent",
        "Size of the cluster",
        lambda rows: rows.found["extents"],
        unit="voxels or vertices",
        per_cluster=True,
        whole=True,
        printed=True,
    ),
    Column(
        "area_mm2",
        "Size of a cluster of vertices: a third of each of their triangles",
        lambda rows: rows.areas,
        unit="mm^2",
        per_cluster=True,
        printed=True,
    ),
    Column(
        "volume_mm3",
        "Size of a cluster of voxels",
        lambda rows: rows.volumes,
        unit="mm^3",
        per_cluster=True,
        printed=True,
    ),
    Column(
        "mean",
        "Mean value of the cluster",
        lambda rows: rows.found["means"],
        per_cluster=True,
        printed=True,
        near_threshold=True,
    ),
    Column(
        "mass",
        "Sum of all values of the cluster",
        lambda rows: rows.found["masses"],
        per_cluster=True,
    ),
    *(
        Column(
            f"com_{name}",
            _CENTRE,
            _along(axis, lambda rows: rows.centres),
            unit="mm",
            per_cluster=True,
        )
        for axis, name in enumerate("xyz")
    ),
    Column(
        "robust_from",
        "abs(threshold) above which the cluster is separate from all others",
        lambda rows: rows.robust_heights("robust_from"),
        per_cluster=True,
    ),
    Column(
        "robust_to",
        "Highest abs(threshold) at which the cluster is in one piece",
        lambda rows: rows.robust_heights("robust_to"),
        per_cluster=True,
    ),
    # Those of a permutation test, which makes their values itself.
    Column(
        "tfce",
        "Largest score of the cluster by threshold-free cluster enhancement",
        lambda _: None,
        per_cluster=True,
    ),
    *(
        Column(
            f"p_fwe_{name}",
            f"Corrected p of {text}, from permutations",
            lambda _: None,
            per_cluster=name != "peak",
            printed=name != "excess_mass",
        )
        for name, text in {
            "extent": "the extent",
            "mass": "the sum of the absolute values",
            "excess_mass": "the sum of abs(value) - threshold",
            "peak": "the value of the peak",
            "tfce": "the largest score",
        }.items()
    ),
)
# Of a series, before all others.
VOLUME = Column("volume", "Volume of the series, from 0", lambda _: None, printed=True)
_BY_NAME = {column.name: column for column in (VOLUME, *COLUMNS)}
_OF_EXTRA = {
    "mean": "Mean of {} in the cluster",
    "min": "Smallest value of {} in the cluster",
    "max": "Largest value of {} in the cluster",
}
# What there is to say of the regions of an atlas, as a column without its name.
_OF_ATLAS = {
    "region": Column(
        "",
        "Region of the atlas {} at the peak, or else the nearest region",
        lambda _: None,
        printed=True,
        is_text=True,
    ),
    "distance": Column(
        "",
        "Distance of the peak from its region of the atlas {} in a straight line, 0 "
        "within it",
        lambda _: None,
        unit="mm",
        printed=True,
    ),
    "probability": Column(
        "",
        "Probability of the region of the atlas {} at the peak",
        lambda _: None,
        printed=True,
    ),
    "regions": Column(
        "",
        "Shares of the cluster's voxels or vertices in each region of the atlas {}, "
        "largest first",
        lambda _: None,
        per_cluster=True,
        is_text=True,
    ),
}


def made(rows: Rows) -> dict[str, NDArray[Any]]:
    """Make the columns of a table, except those of extra maps."""
    columns = {column.name: column.of(rows) for column in COLUMNS}
    return {name: values for name, values in columns.items() if values is not None}


def made_of_extra(
    name: str, figures: tuple[NDArray[np.float64], ...], rows: Rows
) -> dict[str, NDArray[Any]]:
    """Make the columns of an extra map, of its figures in each cluster."""
    return {
        f"{name}_{figure}": _in_first_rows(values, rows)
        for figure, values in zip(_OF_EXTRA, figures, strict=True)
    }


def column_of(name: str) -> Column:
    """Return the record of a column.

    Raises
    ------
    ValueError
        There is no such column.
    """
    column = _BY_NAME.get(name)
    if column is not None:
        return column
    extra, _, figure = name.rpartition("_")
    if extra and figure in _OF_ATLAS:
        of_atlas = _OF_ATLAS[figure]
        return of_atlas._replace(name=name, text=of_atlas.text.format(extra))
    if not extra or figure not in _OF_EXTRA:
        msg = f"{name!r} is not a column of a table of clusters"
        raise ValueError(msg)
    return Column(
        name,
        _OF_EXTRA[figure].format(extra),
        lambda _: None,
        per_cluster=True,
        printed=figure == "mean",
    )


def _in_first_rows(values: NDArray[Any], rows: Rows) -> NDArray[np.float64]:
    """Write values of clusters to the first row of each, and NaN to the others."""
    column = np.full(rows.clusters.size, np.nan)
    column[rows.is_first] = values
    return column


def _letters(number: int) -> str:
    """Name a sub-peak: "" for 0, then a to z, aa to zz, and so on."""
    letters = ""
    while number > 0:
        number, letter = divmod(number - 1, len(ascii_lowercase))
        letters = ascii_lowercase[letter] + letters
    return letters
