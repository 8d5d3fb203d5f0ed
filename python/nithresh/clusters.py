"""Every result about the clusters of a map at one threshold, from one pass."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nithresh import _core
from nithresh._arrays import (
    drop_axes,
    new_result,
    restore_axes,
    result_type,
)
from nithresh._choices import rules_of, source, versions
from nithresh._clusters import Clusters, Wanted
from nithresh._columns import Rows, made, made_of_extra
from nithresh._kept import warn_of_kept
from nithresh._numbering import Labels, in_order, joined
from nithresh._open import OpenMap
from nithresh._params import (
    Request,
    check_bool,
    check_count,
    check_not_negative,
    check_request,
    warn,
)
from nithresh._peaks_of import with_peaks_of
from nithresh._rules import CONNECTIVITY, TWO_SIDED
from nithresh._shared_docs import shared_docs
from nithresh.grids import difference
from nithresh.surfaces.words import SurfaceWords
from nithresh.table import ClusterTable
from nithresh.tree import robust_heights, tree_of

__all__ = ["Clusters", "find_clusters", "label"]

if TYPE_CHECKING:
    from nibabel.spatialimages import SpatialImage

    from nithresh._open import MapOrPath


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
    img: MapOrPath,
    threshold: float | str,
    *,
    cluster_threshold: int = 0,
    two_sided: bool = TWO_SIDED,
    connectivity: int = CONNECTIVITY,
    comparison: str | None = None,
    rules: str | None = None,
    mask_img: MapOrPath | None = None,
    min_distance: float = 8.0,
    max_peaks: int = 4,
    extra: Mapping[str, MapOrPath] | None = None,
    robust: bool = False,
    atlas: Any = None,
    peaks_of: MapOrPath | None = None,
    within: MapOrPath | None = None,
    volume: int | None = None,
    surface: Any = None,
    areas: Any = None,
    min_area: float = 0.0,
    across_structures: bool = False,
) -> Clusters:
    """Find the clusters of an image: the map, the labels and the table, from one pass.

    A voxel whose value equals the threshold is kept (see `comparison`), and so is a
    cluster of exactly ``cluster_threshold`` voxels. NaN and infinities become zero,
    with a warning.

    Parameters
    ----------
    img : str, pathlib.Path, nibabel image or nilearn SurfaceImage
        A map of shape (x, y, z), or a map of surfaces as for
        :func:`nithresh.threshold_img`.
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
    peaks_of : str, pathlib.Path or nibabel image, optional
        Another map on the same grid, whose peaks and values are listed in the clusters
        of `img`: a z-map beside a map of corrected p-values. The clusters, their
        extents, signs and order are those of `img`; ``peak``, ``mean``, ``mass``, the
        places of peaks and the centres of mass, which are weighted by absolute values,
        are those of the other map.
    within : str, pathlib.Path or nibabel image, optional
        A label image. Clusters end at the borders of its parcels, and voxels of label 0
        become zero. On another grid it is taken at the centres of the map's voxels.
    volume : int, optional
        Which volume of `img`, counted from 0, if it has several.
    {surface}
    {areas}
    {min_area}
    {across_structures}

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
    wanted = Wanted(
        request,
        threshold,
        check_not_negative(min_distance, "min_distance"),
        check_count(max_peaks, "max_peaks"),
        _check_extra(extra),
        check_bool(robust, "robust"),
        peaks_of,
        within,
        volume,
    )
    if wanted.robust and within is not None:
        msg = "robust and within are both given; robust thresholds know no parcels"
        raise ValueError(msg)
    words = SurfaceWords.checked(
        surface, areas, min_area, across_structures=across_structures
    )
    if words.are_for(img):
        from nithresh.surfaces.clusters import find_surface_clusters
        from nithresh.surfaces.opened import OpenSurface

        for name in ("peaks_of", "within", "volume"):
            if getattr(wanted, name) is not None:
                msg = f"{name} is given, but img is a map of a surface, not a volume"
                raise ValueError(msg)
        on_surface = OpenSurface(img, mask_img, words, one_map=True)
        clusters = find_surface_clusters(on_surface, wanted, img, mask_img)
    else:
        clusters = _find_in_volume(img, mask_img, wanted)
    return clusters if atlas is None else clusters.with_atlas(atlas)


def _find_in_volume(img: Any, mask_img: Any, wanted: Wanted) -> Clusters:
    """Find the clusters of a volume."""
    from nithresh import _stated
    from nithresh._parcels import read_parcels
    from nithresh.headers import label_image
    from nithresh.images import one_volume, open_image

    whole = open_image(img)
    or_else = ", or list all with clusters_of_volumes"
    image = one_volume(whole, wanted.volume, or_else)
    opened = OpenMap.of_image(image, mask_img, one_volume=True)
    affine, request, extra = opened.affine, wanted.request, wanted.extra
    extra_maps = {
        name: _open_extra(f"extra[{name!r}]", extra[name], opened.image)
        for name in extra
    }
    other = None
    if wanted.peaks_of is not None:
        other = _open_extra("peaks_of", wanted.peaks_of, opened.image)
    parcels = None
    if wanted.within is not None:
        parcels = read_parcels(wanted.within, opened)
        opened = opened.in_mask(parcels != 0)

    level = opened.level(request)
    found = _found(opened, request, level, parcels)
    if other is not None:
        labels, is_zero = new_result(opened.voxels, np.int32)
        found["labels"].write(labels, is_zero)
        found = with_peaks_of(found, other.voxels, labels)
    rows = Rows.of(
        found,
        affine,
        min_distance=wanted.min_distance,
        max_peaks=wanted.max_peaks,
        robust=_robust(found, opened, request, level) if wanted.robust else None,
    )
    columns = made(rows) | _columns_of_extra(found, extra_maps, rows)

    out = found["voxels"].astype(result_type(opened.data.dtype), copy=False)
    thresholded = opened.as_image(out, found["range"])
    blank = np.broadcast_to(np.int32(0), opened.shape)
    labelled = label_image(opened.image, blank, len(found["signs"]))
    inside = opened.inside
    choices = {
        **rules_of(request, wanted.threshold, level),
        "min_distance_mm": wanted.min_distance,
        "max_peaks": wanted.max_peaks,
        "non_finite_voxels": found["non_finite"],
        "mask_voxels": opened.voxels.size if inside is None else int(inside.sum()),
        "statistic": _stated.stated(whole).as_choice(),
        "input": source(img),
        "mask": None if mask_img is None else source(mask_img),
        "extra": {name: source(extra[name]) for name in extra},
        **_others(wanted),
        "versions": versions(),
    }
    return Clusters(
        ClusterTable(columns, choices),
        found["signs"],
        _VolumeImages(thresholded, labelled, found["labels"]),
    )


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

    def places(self) -> Any:
        """Say where the clusters are."""
        from nithresh.atlas.regions import VolumePlaces

        return VolumePlaces(drop_axes(self._labels), self._blank.affine)

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


def _others(wanted: Wanted) -> dict[str, Any]:
    """Say what else clusters were made of, if anything."""
    others: dict[str, Any] = {}
    if wanted.peaks_of is not None:
        others["peaks_of"] = source(wanted.peaks_of)
    if wanted.within is not None:
        others["within"] = source(wanted.within)
    if wanted.volume is not None:
        others["volume"] = int(wanted.volume)
    return others


def _open_extra(argument: str, img: Any, like: SpatialImage) -> OpenMap:
    """Open another map, which must be on the grid of the first."""
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


def _found(
    opened: OpenMap,
    request: Request,
    level: float,
    parcels: NDArray[np.int64] | None = None,
) -> dict[str, Any]:
    """Return what the core finds, with the map and the number of non-finite values."""
    voxels = opened.voxels
    if parcels is None:
        found, out = _found_inside(opened, request, level)
    else:
        from nithresh._parcels import colours_of

        parts = []
        out = np.zeros_like(voxels)
        for colour in colours_of(parcels, request.connectivity):
            part, own = _found_inside(opened.in_mask(colour), request, level)
            np.copyto(out, own, where=colour)
            parts.append(part)
        found = joined(parts)
    non_finite = 0
    warn_of_kept(opened, request, level, found["range"], found["has_non_finite"])
    if found["has_non_finite"]:
        non_finite = int(voxels.size - np.isfinite(voxels).sum())
    found = in_order(found, request.order, voxels.shape)
    return {**found, "voxels": out, "non_finite": non_finite}


def _found_inside(
    opened: OpenMap, request: Request, level: float
) -> tuple[dict[str, Any], NDArray[Any]]:
    """Return what the core finds, and the map that it keeps."""
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
    return found, out


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
    labels, is_zero = new_result(opened.voxels, np.int32)
    found["labels"].write(labels, is_zero)
    tree = partial(tree_of, opened, request.connectivity)
    least = request.least(level, opened.data.dtype)
    return robust_heights(len(found["signs"]), labels, tree, least)
