"""What a permutation test found: a table, maps, and the null."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from nithresh import _stated
from nithresh._numbers import in_full
from nithresh._params import Request
from nithresh._paths import expanded
from nithresh._tails import Statistic
from nithresh.clusters import Clusters, find_clusters
from nithresh.enhancement import tfce
from nithresh.files.atomic import Transaction
from nithresh.files.sidecars import checksums_in, write_sidecar
from nithresh.files.writing import write_image
from nithresh.headers import image_like, made
from nithresh.permutation.maxima import as_number, leasts
from nithresh.permutation.null import Null
from nithresh.table import ClusterTable

if TYPE_CHECKING:
    from nibabel.spatialimages import SpatialImage

# The statistics of whole clusters.
_OF_CLUSTERS = ("extent", "mass", "excess_mass")


@dataclass(frozen=True, eq=False, repr=False)
class PermutationResult:
    """The clusters of a test with their corrected p-values.

    Attributes
    ----------
    null : Null
        The largest statistics of each permutation; number 0 is the identity.
    thresholds : tuple of float
        The cluster-defining thresholds, in the units of the statistic.
    shuffle : str
        What was shuffled: ``"signs"``, ``"labels"`` or ``"both"``.
    choices : dict
        Every choice, as the sidecar states it.
    """

    null: Null
    thresholds: tuple[float, ...]
    shuffle: str
    choices: Mapping[str, Any]
    _statistic: Statistic
    _values: NDArray[np.float32]
    _tested: NDArray[np.bool_]
    _mask: SpatialImage
    _request: Request

    @property
    def stat_img(self) -> SpatialImage:
        """The t or F of each tested voxel; 0 elsewhere."""
        volume = np.zeros(self._tested.shape, np.float32)
        volume[self._tested] = self._values
        image = self._image(volume)
        _stated.state(image, self._statistic)
        return image

    @property
    def clusters(self) -> Clusters:
        """The clusters at the first threshold, with corrected p-values in their table.

        The table is that of :func:`nithresh.find_clusters`, with the columns

        ======================  ====================================================
        ``p_fwe_extent``        of the extent
        ``p_fwe_mass``          of the sum of the absolute values
        ``p_fwe_excess_mass``   of the sum of what exceeds the threshold
        ``p_fwe_peak``          of the value of the peak; of sub-peaks, too
        ``p_fwe_tfce``          of the largest score of the cluster
        ``tfce``                the largest score of the cluster
        ======================  ====================================================

        Each is the share of permutations whose largest cluster, peak or score in the
        whole mask is as large or larger, the identity counted: ``(1 + b) / (1 + B)``.
        """
        return self._all_clusters[0]

    def clusters_at(self, number: int) -> Clusters:
        """Return the clusters at one of several thresholds, by its number from 0.

        Raises
        ------
        ValueError
            There is no such threshold.
        """
        return self._all_clusters[self._check_number(number)]

    def p_fwe_img(self, statistic: str, number: int = 0) -> SpatialImage:
        """Return the corrected p of each voxel, as float32.

        Parameters
        ----------
        statistic : {"peak", "tfce", "extent", "mass", "excess_mass"}
            For peak and tfce each voxel has its own p. For the others a voxel has the p
            of its cluster, or 1 outside clusters.
        number : int, default=0
            Which threshold, of the statistics of clusters.

        Raises
        ------
        ValueError
            No such statistic, or it was not asked for.
        """
        self._check_number(number)
        self.null.of(statistic)
        p = np.ones(self._tested.shape, np.float32)
        if statistic in _OF_CLUSTERS:
            clusters = self.clusters_at(number)
            labels = np.asarray(clusters.labels_img.dataobj)
            of_cluster = clusters.table[f"p_fwe_{statistic}"][
                list(clusters.lookup.values())
            ]
            p = np.append(1.0, of_cluster).astype(np.float32)[labels]
        else:
            values = self._values if statistic == "peak" else self._scores[self._tested]
            if not self._request.two_sided:
                values = np.maximum(values, 0)
            p[self._tested] = self.null.p(statistic, np.abs(values))
        return self._image(p)

    def critical(self, alpha: float = 0.05) -> dict[str, Any]:
        """Return the value of each statistic above which its p is at most alpha.

        Infinity where no value has such a p, because there are too few permutations.
        For several thresholds the statistics of clusters have a list of values.

        Parameters
        ----------
        alpha : float, default=0.05
            Above 0 and below 1.

        Raises
        ------
        ValueError
            Another alpha.
        """
        if as_number(alpha) is None or not 0 < alpha < 1:
            msg = f"alpha is {alpha!r}; it must be above 0 and below 1"
            raise ValueError(msg)
        critical: dict[str, Any] = {}
        for name in self.null.statistics:
            numbers = range(len(self.thresholds) if name in _OF_CLUSTERS else 1)
            values = [self.null.critical(alpha, name, number) for number in numbers]
            critical[name] = values[0] if len(values) == 1 else values
        return critical

    def to_bids(self, folder: str | PathLike[str]) -> None:
        """Write all results to a folder, each file whole or not at all.

        ==========================================  =================================
        ``stat-t_statmap.nii.gz`` (or ``stat-F``)   the statistic
        ``desc-peak_stat-p_statmap.nii.gz``         corrected p of each voxel; also
                                                    extent, mass, excess and tfce
        ``desc-labels_dseg.nii.gz``                 numbers of the clusters
        ``clusters.tsv``, ``clusters.json``         the table, and what it says
        ``null.tsv``                                the maxima of each permutation
        ``permutation_test.json``                   every choice, and checksums
        ==========================================  =================================

        The statistics of clusters and the table are those of the first threshold.

        Parameters
        ----------
        folder : str or os.PathLike
            Made if it is not there. Existing files are replaced, but for JSON files
            that are no sidecars of nithresh.

        Raises
        ------
        OSError
            Such a file has the name of one of these.
        """
        self.save(expanded(folder))

    def save(
        self,
        place: Path,
        *,
        about: Mapping[str, Any] | None = None,
        figures: Mapping[str, bytes] | None = None,
    ) -> None:
        """Do what :meth:`to_bids` does, with figures and more to say in the sidecar."""
        place.mkdir(parents=True, exist_ok=True)
        before = checksums_in(place / "permutation_test.json") or {}
        images = {f"stat-{self._statistic.name}_statmap": self.stat_img}
        for name in self.null.statistics:
            word = name.partition("_")[0]
            images[f"desc-{word}_stat-p_statmap"] = self.p_fwe_img(name)
        images["desc-labels_dseg"] = self.clusters.labels_img
        others = {
            "clusters.tsv": self.clusters.table.as_text().encode(),
            "null.tsv": self._null_as_text().encode(),
            **(figures or {}),
        }
        with Transaction() as files:
            for name, image in images.items():
                write_image(image, place / f"{name}.nii.gz", files)
            for name, written in others.items():
                with files.open(place / name) as stream:
                    stream.write(written)
            content = {**(about or {}), "Choices": dict(self.choices)}
            write_sidecar(files, place / "permutation_test.json", content)
            described = self.clusters.table.sidecar
            tables = [place / "clusters.tsv"]
            write_sidecar(files, place / "clusters.json", described, tables)
            made = {path.name for path in files.checksums()}
            files.commit()
        # Results of a test before that this one does not have.
        for name in before.keys() - made:
            if name == Path(name).name:
                (place / name).unlink(missing_ok=True)

    def _null_as_text(self) -> str:
        columns = {"permutation": np.arange(len(self.null))}
        for name in self.null.statistics:
            values = getattr(self.null, name)
            for number, column in enumerate(values.reshape(len(values), -1).T):
                suffix = f"_{number}" if number else ""
                columns[name + suffix] = column
        text = io.StringIO()
        text.write("\t".join(columns) + "\n")
        for row in zip(*(column.tolist() for column in columns.values()), strict=True):
            text.write("\t".join(map(_short, row)) + "\n")
        return text.getvalue()

    def _check_number(self, number: int) -> int:
        count = len(self.thresholds)
        if not isinstance(number, (int, np.integer)) or not 0 <= number < count:
            msg = f"number is {number!r}; it must be from 0 to {count - 1}"
            raise ValueError(msg)
        return int(number)

    @cached_property
    def _scores(self) -> NDArray[np.float64]:
        volume = np.zeros(self._tested.shape)
        volume[self._tested] = self._values
        two_sided, connectivity = self._request.two_sided, self._request.connectivity
        return tfce(volume, two_sided=two_sided, connectivity=connectivity)

    @cached_property
    def _all_clusters(self) -> list[Clusters]:
        return [self._clusters(number) for number in range(len(self.thresholds))]

    def _clusters(self, number: int) -> Clusters:
        level = self.thresholds[number]
        extra = {}
        if self.null.tfce is not None:
            extra["tfce"] = self._image(np.abs(self._scores))
        found = find_clusters(
            self.stat_img,
            level,
            two_sided=self._request.two_sided,
            connectivity=self._request.connectivity,
            comparison=self._request.comparison,
            rules=self._request.rules,
            extra=extra,
        )
        (least,) = leasts((level,), self._request)
        columns = dict(found.table)
        mass = np.abs(columns["mass"])
        observed = {
            "extent": columns["extent"],
            "mass": mass,
            "excess_mass": mass - least * columns["extent"],
            "peak": np.abs(columns["peak"]),
        }
        if extra:
            observed["tfce"] = columns.pop("tfce_max")
            del columns["tfce_mean"], columns["tfce_min"]
            columns["tfce"] = observed["tfce"].copy()
        for name, values in observed.items():
            columns[f"p_fwe_{name}"] = self.null.p(name, values, number)
        choices = {**found.table.choices, "permutation_test": dict(self.choices)}
        return replace(found, table=ClusterTable(columns, choices))

    def _image(self, volume: NDArray[Any]) -> SpatialImage:
        image: SpatialImage = made(nibabel.Nifti1Image, volume, self._mask.affine)
        limits = float(volume.min(initial=0)), float(volume.max(initial=0))
        if not isinstance(self._mask.header, nibabel.Nifti1Header):
            return image
        like: SpatialImage = image_like(self._mask, volume, limits, copy_header=True)
        _stated.unstate(like)
        return like

    def __str__(self) -> str:
        """Say what was tested and how, and show the table."""
        choices = self.choices
        share = "all" if choices["exhaustive"] else "random"
        sides = ", two-sided" if self._request.two_sided else ", one-sided"
        if self._statistic.name == "F":
            sides = ""
        return (
            f"{self._statistic} of {choices['images']} images in "
            f"{choices['tested_voxels']} voxels{sides}; {len(self.null)} "
            f"permutations ({share}, the identity counted) of {self._shuffled()}, seed "
            f"{choices['seed']}\n{self.clusters}"
        )

    def _shuffled(self) -> str:
        words = {"signs": "signs", "labels": "labels", "both": "signs and labels"}
        blocks = {"within": ", within blocks", "whole": ", of whole blocks", None: ""}
        return words[self.shuffle] + blocks[self.choices["blocks"]]

    def __repr__(self) -> str:
        """Say what it holds."""
        return (
            f"<PermutationResult: {self._statistic}, {len(self.null)} permutations, "
            f"{len(self.clusters)} clusters>"
        )


def _short(value: float) -> str:
    return str(value) if isinstance(value, int) else in_full(value)
