"""Every result about the clusters of a map at one threshold, from one pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from nithresh import _core
from nithresh._arrays import drop_axes, new_result, restore_axes, result_type
from nithresh._choices import rules_of, source, versions
from nithresh._columns import Rows, made, made_of_extra
from nithresh._numbering import Labels, in_order
from nithresh._numbers import in_full
from nithresh._open import OpenMap
from nithresh._params import (
    Request,
    check_bool,
    check_count,
    check_not_negative,
    check_request,
    warn,
)
from nithresh._rules import CONNECTIVITY, TWO_SIDED
from nithresh._shared_docs import shared_docs
from nithresh.grids import difference
from nithresh.table import ClusterTable
from nithresh.thresholding import warn_beyond_range
from nithresh.tree import tree_of

if TYPE_CHECKING:
    from nibabel.spatialimages import SpatialImage

    from nithresh._open import ImageOrPath


@shared_docs
def label(
    data: NDArray[Any],
    threshold: float | str,
    *,
    cluster_threshold: int = 0,
    two_sided: bool = TWO_SIDED,
    connectivity: int = CONNECTIVITY,
    comparison: str | None = None,
    rules: str | None = None,
    mask: NDArray[Any] | None = None,
) -> tuple[NDArray[np.int32], int]:
    """Give the clusters of a map that is an array their numbers.

    A voxel whose value equals the threshold is kept (see `comparison`), and so is a
    cluster of exactly ``cluster_threshold`` voxels. NaN and infinities count as zero.

    Parameters
    ----------
    data : numpy.ndarray of shape (x, y, z)
        A real type of up to 64 bits, in any memory order; never changed.
    threshold : float or str
        As for :func:`nithresh.threshold`: in the units of the map, or a percentile
        such as ``"95%"``.
    {cluster_threshold}
    {two_sided}
    {connectivity}
        Positive and negative clusters never merge.
    {comparison}
    {mask}
        Voxels outside belong to no cluster.

    Returns
    -------
    labels : numpy.ndarray of int32
        In the shape and the memory order of `data`: the number of its cluster at each
        voxel, 0 at those of none. Cluster 1 is the largest; of equal extent it is the
        one with the larger absolute value, and of those the one whose peak has the
        smallest indices (of equal voxels of a cluster, the peak is the one with the
        smallest; indices compare as tuples). Zeros belong to no cluster.
    count : int
        How many clusters there are, of both signs together.

    Raises
    ------
    TypeError
        An argument of the wrong type.
    ValueError
        An argument of the right type with a value that is not allowed; a map of other
        than 3 dimensions, because each volume would begin with cluster 1.

    Examples
    --------
    >>> import numpy as np
    >>> data = np.zeros((6, 1, 1), np.float32)
    >>> data[:, 0, 0] = [3, -2, -4, 0.5, 5, 0]
    >>> labels, count = label(data, 2)
    >>> labels[:, 0, 0], count
    (array([3, 1, 1, 0, 2, 0], dtype=int32), 3)
    """
    request = check_request(
        threshold,
        two_sided=two_sided,
        cluster_threshold=cluster_threshold,
        connectivity=connectivity,
        comparison=comparison,
        rules=rules,
    )
    opened = OpenMap.of_array(data, mask, one_volume=True)
    labels, labels_is_zero = new_result(opened.voxels, np.int32)
    in_core = opened.for_core(request, opened.level(request))
    if request.order == "extent":
        count = _core.label(
            opened.voxels,
            labels,
            in_core,
            mask=opened.inside,
            labels_is_zero=labels_is_zero,
        )
        return opened.restored(labels), count
    found = _core.find_clusters(
        opened.voxels,
        None,
        in_core,
        mask=opened.inside,
        out_is_zero=False,
        whole_plateaus=False,
    )
    found = in_order(found, request.order, labels.shape)
    found["labels"].write(labels, labels_is_zero)
    return opened.restored(labels), len(found["signs"])


@shared_docs
def find_clusters(
    img: ImageOrPath,
    threshold: float | str,
    *,
    cluster_threshold: int = 0,
    two_sided: bool = TWO_SIDED,
    connectivity: int = CONNECTIVITY,
    comparison: str | None = None,
    rules: str | None = None,
    mask_img: ImageOrPath | None = None,
    min_distance: float = 8.0,
    max_peaks: int = 4,
    extra: Mapping[str, ImageOrPath] | None = None,
    robust: bool = False,
    atlas: Any = None,
) -> Clusters:
    """Find the clusters of an image: the map, the labels and the table, from one pass.

    A voxel whose value equals the threshold is kept (see `comparison`), and so is a
    cluster of exactly ``cluster_threshold`` voxels. NaN and infinities become zero,
    with a warning.

    Parameters
    ----------
    img : str, pathlib.Path or nibabel image
        A map of shape (x, y, z).
    threshold : float or str
        The cluster-defining threshold in the units of the map, or a percentile
        such as ``"95%"``, as for :func:`nithresh.threshold_img`.
    {cluster_threshold}
    {two_sided}
    {connectivity}
        Positive and negative clusters never merge.
    {comparison}
    {mask_img}
        Voxels outside become zero.
    min_distance : float, default=8.0
        Least distance in mm between any two peaks of the same cluster that are
        listed; peaks at just this distance are.
    max_peaks : int, default=4
        How many peaks of a cluster are listed at most, the first of them as the
        cluster itself.
    extra : mapping of str to path or nibabel image, optional
        More maps on the same grid, by name. Their mean, smallest and largest value in
        each cluster are added to the table; values that are not finite are left out,
        with a warning.
    robust : bool, default=False
        Add how far the threshold may move, as a distance from zero, before a cluster
        splits, vanishes or merges with another: columns ``robust_from`` and
        ``robust_to``, as in :meth:`nithresh.ClusterTree.clusters`. Takes a sort of the
        map.
    atlas : optional
        Name the regions of peaks and clusters, as :meth:`Clusters.with_atlas` does.

    Returns
    -------
    Clusters
        It depends on neither memory order nor the number of threads.

    Raises
    ------
    TypeError
        An argument of the wrong type.
    ValueError
        An argument of the right type with a value that is not allowed: among them
        a missing file (also a FileNotFoundError) and a damaged one, a map of more
        than one volume, and an extra map on another grid.

    Warns
    -----
    UserWarning
        As :func:`nithresh.threshold_img` does; values of an extra map that are not
        finite.

    Notes
    -----
    A peak of a cluster is a voxel that none of its 26 neighbours in the cluster
    exceeds in absolute value, and that has smaller indices than those that equal it.
    They are gone through from the strongest on (of equal ones the one with the
    smallest indices first), and one is listed if it is far enough from all listed
    before.

    Means, masses and centres of mass are sums of exact integers that are rounded in
    the end.

    Examples
    --------
    >>> from nithresh import datasets, find_clusters
    >>> image = datasets.load_sample_motor_activation_image()
    >>> clusters = find_clusters(image, 5, cluster_threshold=100)
    >>> len(clusters)
    5
    >>> clusters.table["extent"][clusters.table["id"] == "1"]
    array([1012.])
    >>> int((clusters.labels_img.get_fdata() == 1).sum())
    1012
    """
    request = check_request(
        threshold,
        two_sided=two_sided,
        cluster_threshold=cluster_threshold,
        connectivity=connectivity,
        comparison=comparison,
        rules=rules,
    )
    min_distance = check_not_negative(min_distance, "min_distance")
    max_peaks = check_count(max_peaks, "max_peaks")
    extra = _check_extra(extra)
    robust = check_bool(robust, "robust")

    from nithresh import _stated
    from nithresh.headers import label_image

    opened = OpenMap.of_image(img, mask_img, one_volume=True)
    affine = opened.affine
    extra_maps = {name: _open_extra(name, extra[name], opened.image) for name in extra}

    level = opened.level(request)
    found = _found(opened, request, level)
    rows = Rows.of(
        found,
        affine,
        min_distance=min_distance,
        max_peaks=max_peaks,
        robust=_robust(found, opened, request, level) if robust else None,
    )
    columns = made(rows) | _columns_of_extra(found, extra_maps, rows)

    out = found["voxels"].astype(result_type(opened.data.dtype), copy=False)
    thresholded = opened.as_image(out, found["range"])
    blank = np.broadcast_to(np.int32(0), opened.shape)
    labelled = label_image(opened.image, blank, len(found["signs"]))
    inside = opened.inside
    choices = {
        **rules_of(request, threshold, level),
        "min_distance_mm": min_distance,
        "max_peaks": max_peaks,
        "non_finite_voxels": found["non_finite"],
        "mask_voxels": opened.voxels.size if inside is None else int(inside.sum()),
        "statistic": _stated.stated(opened.image).as_choice(),
        "input": source(img),
        "mask": None if mask_img is None else source(mask_img),
        "extra": {name: source(extra[name]) for name in extra},
        "versions": versions(),
    }
    clusters = Clusters(
        ClusterTable(columns, choices),
        found["signs"],
        _VolumeImages(thresholded, labelled, found["labels"]),
    )
    return clusters if atlas is None else clusters.with_atlas(atlas)


@dataclass(frozen=True, eq=False, repr=False)
class Clusters:
    """The clusters of an image at one threshold; what :func:`find_clusters` gives.

    It cannot be changed: its arrays are read-only, and each image that it gives has a
    header of its own over the same voxels. It can be pickled.

    Attributes
    ----------
    table : ClusterTable
        One row for each cluster and one for each sub-peak.
    """

    table: ClusterTable
    _signs: NDArray[np.int8]
    _images: ClusterImages

    def __len__(self) -> int:
        """Return how many clusters there are."""
        return len(self._signs)

    @property
    def thresholded_img(self) -> SpatialImage:
        """The map with zeros outside its clusters, as from ``threshold_img``."""
        image: SpatialImage = self._images.thresholded()
        return image

    @property
    def labels_img(self) -> SpatialImage:
        """The number of its cluster at each voxel (int32), 0 outside of clusters.

        With the header of the map, except for its data type, its range and its intent,
        which is ``label`` in NIfTI. The numbers are those of the table's ids. They are
        written when they are first asked for.
        """
        return self._labelled(np.arange(len(self) + 1))

    @property
    def positive_labels_img(self) -> SpatialImage:
        """The positive clusters of :attr:`labels_img`, with the same numbers."""
        return self._labels_of(1)

    @property
    def negative_labels_img(self) -> SpatialImage:
        """The negative clusters of :attr:`labels_img`, with the same numbers."""
        return self._labels_of(-1)

    @property
    def lookup(self) -> dict[int, int]:
        """The row of the table that each label's cluster has.

        Examples
        --------
        >>> from nithresh import datasets, find_clusters
        >>> image = datasets.load_sample_motor_activation_image()
        >>> clusters = find_clusters(image, 5, cluster_threshold=100, max_peaks=2)
        >>> clusters.lookup
        {1: 0, 2: 2, 3: 4, 4: 5, 5: 6}
        >>> clusters.table["id"].tolist()
        ['1', '1a', '2', '2a', '3', '4', '5']
        """
        ids = self.table["id"].tolist()
        return {int(name): row for row, name in enumerate(ids) if name.isdigit()}

    def with_atlas(self, atlas: Any) -> Clusters:
        """Return the same clusters, with the regions of an atlas in the table.

        Parameters
        ----------
        atlas : path, nibabel image, pair, mapping or nilearn's atlas
            A label image and the names of its labels, in one of these forms:

            - ``(labels, names)``: a path or an image, and a list, a dict of label to
              name, a table with the columns ``index`` and ``name`` (a pandas.DataFrame,
              or the path of a TSV or CSV file, as BIDS has them), the path of an atlas
              of FSL (``.xml``) or of a FreeSurfer colour table (``.txt``). A list is in
              the order of the labels from 1, or from 0 if it begins with
              ``"Background"``;
            - the path of an atlas of FSL, with its image beside it as FSL has them;
            - the path of a label image, beside which its TSV table stands, as
              TemplateFlow has them;
            - what nilearn's ``fetch_atlas_...`` functions return;
            - a mapping of names to any of these: several atlases.

            A 4-D image has a volume of probabilities for each region, up to 1 or up to
            100; the most likely region counts. An atlas on another grid is taken at
            the voxel centres of the map, through both affines.

        Returns
        -------
        Clusters
            With the columns ``NAME_region``, ``NAME_distance``, ``NAME_regions`` and,
            of probabilistic atlases, ``NAME_probability``, as in
            :class:`nithresh.ClusterTable`. The name of a single atlas is ``atlas``.

        Raises
        ------
        TypeError
            Something of which no atlas can be made.
        ValueError
            Labels without names; a list of names without labels; two names for one
            label; labels that are not integers; an atlas that does not overlap with the
            map; an atlas of a name that the table has.

        Warns
        -----
        UserWarning
            The map and the atlas say that they are in different spaces, or less than
            half of each lies in the other; names without labels.

        Examples
        --------
        >>> import nibabel, numpy as np
        >>> from nithresh import datasets, find_clusters, load
        >>> image = load(datasets.load_sample_motor_activation_image())
        >>> sides = np.ones(image.shape, np.uint8)
        >>> sides[27:] = 2
        >>> atlas = nibabel.Nifti1Image(sides, image.affine), ["right", "left"]
        >>> clusters = find_clusters(image, 5, cluster_threshold=200, max_peaks=1)
        >>> clusters.with_atlas({"side": atlas}).table["side_regions"].tolist()
        ['right 100%', 'left 100%']
        """
        from nithresh.atlas import name_regions

        return replace(self, table=name_regions(self.table, self.labels_img, atlas))

    def _labels_of(self, sign: int) -> SpatialImage:
        of_sign = np.append(False, self._signs == sign)
        return self._labelled(np.arange(len(self) + 1) * of_sign)

    def _labelled(self, numbers: NDArray[Any]) -> SpatialImage:
        image: SpatialImage = self._images.labelled(numbers)
        return image

    def __repr__(self) -> str:
        """Say what it holds."""
        rows = self.table["id"].size
        return f"<Clusters: {len(self)} clusters, a table of {rows} rows>"

    def __str__(self) -> str:
        """Say how many clusters there are, by which rule, and show the table."""
        if not len(self):
            return str(self.table)
        choices = self.table.choices
        level, extent = choices["threshold_resolved"], choices["cluster_threshold"]
        return (
            f"{len(self)} clusters, {choices['comparison']} {in_full(level)}, "
            f"connectivity {choices['connectivity']}, extent >= {max(extent, 1)}\n"
            f"{self.table}"
        )

    def _repr_html_(self) -> str:
        """Show the table in a notebook."""
        return self.table._repr_html_()


class ClusterImages(Protocol):
    """The images of clusters; each call makes a fresh one."""

    def thresholded(self) -> Any:
        """Make the thresholded map."""

    def labelled(self, numbers: NDArray[Any]) -> Any:
        """Make an image of labels, with a number for each cluster and for none (0)."""


class _VolumeImages:
    """The images of clusters of a volume: a fresh header over the same voxels."""

    def __init__(
        self, thresholded: SpatialImage, blank: SpatialImage, unwritten: Labels
    ) -> None:
        self._kept = _parts(thresholded)
        self._blank = _parts(blank)
        self._unwritten: Labels | None = unwritten

    def thresholded(self) -> SpatialImage:
        """Make the thresholded map."""
        return _image(self._kept)

    def labelled(self, numbers: NDArray[Any]) -> SpatialImage:
        """Make an image of labels."""
        labels = self._labels
        if not np.array_equal(numbers, np.arange(len(numbers))):
            labels = numbers.astype(np.int32)[labels]
            labels.flags.writeable = False
        return _image(self._blank._replace(voxels=labels))

    @cached_property
    def _labels(self) -> NDArray[np.int32]:
        """The labels, written when they are first asked for."""
        like = self._kept.voxels
        labels, is_zero = new_result(drop_axes(like), np.int32)
        if self._unwritten is not None:
            self._unwritten.write(labels, is_zero)
        labels.flags.writeable = False
        return restore_axes(labels, like.shape)

    def __getstate__(self) -> dict[str, Any]:
        """Say what to pickle: the written labels, which need not be written again."""
        return {**vars(self), "_labels": self._labels, "_unwritten": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        # Arrays forget that they are read-only.
        self._kept.voxels.flags.writeable = False
        self._labels.flags.writeable = False


class _Parts(NamedTuple):
    """What an image is made of."""

    image_class: Any
    voxels: NDArray[Any]
    affine: NDArray[np.float64]
    header: Any


def _parts(image: SpatialImage) -> _Parts:
    voxels = np.asanyarray(image.dataobj)
    voxels.flags.writeable = False
    return _Parts(type(image), voxels, image.affine, image.header)


def _image(parts: _Parts) -> SpatialImage:
    # The class copies the affine and the header.
    image: SpatialImage = parts.image_class(
        parts.voxels, parts.affine, header=parts.header
    )
    return image


def _open_extra(name: str, img: Any, like: SpatialImage) -> OpenMap:
    """Open an extra map, which must be on the grid of another."""
    argument = f"extra[{name!r}]"
    extra = OpenMap.of_image(img, name=argument, one_volume=True, for_clusters=False)
    differs = difference(extra.image, like)
    if differs is not None:
        msg = (
            f"{argument} is on another grid than img: {differs}; both must agree in "
            "shape and affine"
        )
        raise ValueError(msg)
    return extra


def _check_extra(extra: Any) -> Mapping[str, Any]:
    if extra is None:
        return {}
    if not isinstance(extra, Mapping):
        msg = (
            f"extra is of type {type(extra).__name__}; it must be a mapping of names "
            "to paths or images"
        )
        raise TypeError(msg)
    for name in extra:
        if not isinstance(name, str):
            msg = f"extra has the name {name!r}; it must be text"
            raise TypeError(msg)
        if not name or not name.isprintable():
            msg = f"extra has the name {name!r}; it must be text that can be printed"
            raise ValueError(msg)
    return extra


def _found(opened: OpenMap, request: Request, level: float) -> dict[str, Any]:
    """Return what the core finds, with the map and the number of non-finite values."""
    voxels = opened.voxels
    out, is_zero = new_result(voxels, voxels.dtype)
    found = _core.find_clusters(
        voxels,
        out,
        opened.for_core(request, level),
        mask=opened.inside,
        out_is_zero=is_zero,
        whole_plateaus=False,
    )
    non_finite = 0
    if found["has_non_finite"]:
        warn("Non-finite values detected. They will be replaced with zeros.")
        non_finite = int(voxels.size - np.isfinite(voxels).sum())
    if found["range"] == (0, 0):
        smallest, largest, _ = opened.summary()
        warn_beyond_range(request, level, smallest, largest, opened.data.dtype)
    found = in_order(found, request.order, voxels.shape)
    return {**found, "voxels": out, "non_finite": non_finite}


def _columns_of_extra(
    found: dict[str, Any], extra_maps: Mapping[str, OpenMap], rows: Rows
) -> dict[str, NDArray[Any]]:
    """Make the columns of the extra maps."""
    columns: dict[str, NDArray[Any]] = {}
    for name, extra_map in extra_maps.items():
        *figures, non_finite = found["labels"].sample(extra_map.voxels)
        if non_finite:
            warn(
                f"extra[{name!r}] has {non_finite} non-finite values in clusters. They "
                "are left out."
            )
        columns |= made_of_extra(name, tuple(figures), rows)
    return columns


def _robust(
    found: dict[str, Any], opened: OpenMap, request: Request, level: float
) -> dict[str, NDArray[np.float64]]:
    """Return the thresholds between which each cluster is one and separate."""
    heights = {
        name: np.full(len(found["signs"]), np.nan)
        for name in ("robust_from", "robust_to")
    }
    if not len(found["signs"]):
        return heights
    least = request.least(level, opened.data.dtype)
    at = tree_of(opened, request.connectivity).clusters(abs(least))
    # Matched by the labels at their peaks. The tree also has the other sign and small
    # clusters, and other peaks where integers are the same as 64-bit floats.
    labels, is_zero = new_result(opened.voxels, np.int32)
    found["labels"].write(labels, is_zero)
    numbers = labels[tuple(at.ijk.T)]
    for name, of_clusters in heights.items():
        of_clusters[numbers[numbers > 0] - 1] = getattr(at, name)[numbers > 0]
    return heights
