"""Thresholding and clusters of volumes that do not fit into memory, with Dask.

The calls on arrays once more, for chunked volumes of the class
:class:`dask.array.Array`, from Zarr, HDF5 or memory maps. Results are those of the
volume in one piece, for any chunks: each chunk is labelled separately, clusters are
joined across the borders of chunks, and a second pass keeps or drops them.

>>> import dask.array as da
>>> from nithresh.dask import threshold
>>> volume = da.ones((400, 300, 200), chunks=100)
>>> threshold(volume, 0.5, cluster_threshold=1000)
dask.array<..., shape=(400, 300, 200), dtype=float64, chunksize=(100, 100, 100), ...>

Needs an extra: ``pip install 'nithresh[dask]'``.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

try:
    import dask.array as da
except ImportError as error:
    msg = "nithresh.dask needs Dask; install it with: pip install 'nithresh[dask]'"
    raise ImportError(msg) from error

from nithresh._choices import rules_of, versions
from nithresh._columns import Rows, made
from nithresh._kept import warn_beyond_range
from nithresh._numbers import counted
from nithresh._params import check_request, warn
from nithresh._rules import CONNECTIVITY, TWO_SIDED
from nithresh._shared_docs import shared_docs
from nithresh.dask.blocks import Volume, merged
from nithresh.grids import fault
from nithresh.table import ClusterTable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Clusters", "find_clusters", "label", "threshold"]


@shared_docs
def threshold(
    array: da.Array,
    threshold: float | str,
    *,
    cluster_threshold: int = 0,
    two_sided: bool = TWO_SIDED,
    connectivity: int = CONNECTIVITY,
    comparison: str | None = None,
    rules: str | None = None,
    mask: da.Array | NDArray[Any] | None = None,
) -> da.Array:
    """Threshold a chunked volume; :func:`nithresh.threshold` for Dask.

    A voxel whose value equals the threshold is kept, and so is a cluster of exactly
    ``cluster_threshold`` voxels. NaN and infinities become zero.

    To filter clusters the volume is read once at the call, by the scheduler that Dask
    would use (that of a :class:`distributed.Client` if there is one), and once more
    when the result is computed. A percentile and the check of a mask that is a Dask
    array are computed at the call, too.

    Parameters
    ----------
    {chunked_array}
    threshold : float or str
        The cluster-defining threshold in the units of the map, or a percentile
        such as ``"95%"``: of abs(values) if `two_sided`, else of the values
        >= 0; linearly interpolated, plus 1e-5. It takes a pass over the volume for
        each 16 bits of its type.
    {cluster_threshold}
        Positive and negative clusters never merge.
    {two_sided}
    {connectivity}
    {comparison}
    {chunked_mask}
        Voxels outside become zero and count for no percentile.

    Returns
    -------
    dask.array.Array
        The shape, chunks and type of `array` (uint8 for bool), in native byte order.
        Not yet computed.

    Raises
    ------
    {errors_of_arguments}
    RuntimeError
        A worker of Dask's client has no nithresh, or another version.

    Examples
    --------
    >>> import dask.array as da
    >>> volume = da.from_array(np.array([3, -2, -4, 0.5, 2]).reshape(5, 1, 1), chunks=2)
    >>> threshold(volume, 2, cluster_threshold=2).compute()[:, 0, 0]
    array([ 0., -2., -4.,  0.,  0.])
    """
    request = check_request(
        threshold,
        two_sided=two_sided,
        cluster_threshold=cluster_threshold,
        connectivity=connectivity,
        comparison=comparison,
        rules=rules,
    )
    volume = Volume.of(array, mask, request)
    if request.cluster_threshold <= 1:
        return volume.thresholded(None)
    numbers, _ = volume.joined()
    return volume.thresholded(numbers)


@shared_docs
def label(
    array: da.Array,
    threshold: float | str,
    *,
    cluster_threshold: int = 0,
    two_sided: bool = TWO_SIDED,
    connectivity: int = CONNECTIVITY,
    comparison: str | None = None,
    rules: str | None = None,
    mask: da.Array | NDArray[Any] | None = None,
) -> tuple[da.Array, int]:
    """Give the clusters of a chunked volume their numbers.

    :func:`nithresh.label` for Dask. A voxel whose value equals the threshold is kept,
    and so is a cluster of exactly ``cluster_threshold`` voxels. NaN and infinities
    count as zero. The volume is read once at the call, and once more when the
    labels are computed.

    Parameters
    ----------
    {chunked_array}
    threshold : float or str
        As for :func:`nithresh.dask.threshold`.
    {cluster_threshold}
        What is smaller and touches no border of a chunk is forgotten at once, so a
        larger one takes less memory.
    {two_sided}
    {connectivity}
        Positive and negative clusters never merge.
    {comparison}
        Clusters are numbered by extent under all rules.
    {chunked_mask}
        Voxels outside belong to no cluster.

    Returns
    -------
    labels : dask.array.Array of int32
        In the shape and the chunks of `array`: the number of its cluster at each voxel,
        0 at those of none. The numbers are those of :func:`nithresh.label`. Not yet
        computed.
    count : int
        How many clusters there are, of both signs together.

    Raises
    ------
    TypeError
        An argument of the wrong type.
    ValueError
        An argument of the right type with a value that is not allowed; 2³¹ clusters
        or more.
    RuntimeError
        A worker of Dask's client has no nithresh, or another version.

    Examples
    --------
    >>> import dask.array as da
    >>> values = np.array([3, -2, -4, 0.5, 5, 0]).reshape(6, 1, 1)
    >>> labels, count = label(da.from_array(values, chunks=2), 2)
    >>> labels.compute()[:, 0, 0], count
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
    volume = Volume.of(array, mask, request)
    numbers, found = volume.joined()
    return volume.labels(numbers), len(found["signs"])


@dataclass(frozen=True, eq=False)
class Clusters:
    """The clusters of a chunked volume; what :func:`find_clusters` gives.

    Attributes
    ----------
    table : nithresh.ClusterTable
        One row for each cluster, in the order of their numbers. In memory.
    thresholded : dask.array.Array
        The map with zeros outside its clusters. Not yet computed.
    labels : dask.array.Array of int32
        The number of its cluster at each voxel, 0 at those of none. Not yet computed.
    """

    table: ClusterTable
    thresholded: da.Array
    labels: da.Array

    def __len__(self) -> int:
        """Return how many clusters there are."""
        return len(self.table["id"])

    def __repr__(self) -> str:
        """Say what it holds."""
        clusters = counted(len(self), "cluster")
        return f"<Clusters: {clusters} in {counted(self.labels.npartitions, 'chunk')}>"


@shared_docs
def find_clusters(
    array: da.Array,
    threshold: float | str,
    *,
    cluster_threshold: int = 0,
    two_sided: bool = TWO_SIDED,
    connectivity: int = CONNECTIVITY,
    comparison: str | None = None,
    rules: str | None = None,
    mask: da.Array | NDArray[Any] | None = None,
    affine: ArrayLike | None = None,
) -> Clusters:
    """Find the clusters of a chunked volume: the table now, the maps when asked for.

    :func:`nithresh.find_clusters` for Dask, without sub-peaks and extra maps. The
    volume is read once, by the scheduler that Dask would use (that of a
    :class:`distributed.Client` if there is one), and once more when the maps are
    computed. A voxel whose value equals the threshold is kept (see `comparison`), and
    so is a cluster of exactly ``cluster_threshold`` voxels. NaN and infinities become
    zero, with a warning.

    Parameters
    ----------
    {chunked_array}
    threshold : float or str
        As for :func:`nithresh.dask.threshold`.
    {cluster_threshold}
    {two_sided}
    {connectivity}
        Positive and negative clusters never merge.
    {comparison}
        Clusters are numbered by extent under all rules.
    {chunked_mask}
        Voxels outside become zero.
    affine : array_like of shape (4, 4), optional
        From voxel indices to mm. Without one the columns of the table in mm are in
        voxels.

    Returns
    -------
    Clusters
        It depends on neither chunks nor scheduler.

    Raises
    ------
    TypeError
        An argument of the wrong type.
    ValueError
        An argument of the right type with a value that is not allowed, such as an
        affine of another shape, with numbers that are not finite or without a volume.
    RuntimeError
        A worker of Dask's client has no nithresh, or another version.

    Warns
    -----
    UserWarning
        Non-finite values; a threshold beyond the range of the map on its side.

    Notes
    -----
    Means, masses and centres of mass are sums of integers that are rounded in the end.
    They equal those of :func:`nithresh.find_clusters` to the last bit: of integer maps
    always; of float maps unless a cluster has values so much smaller than its peak that
    their last digits would not fit (2⁻⁵⁶ of it in float32 and 2⁻²⁷ in float64, in a
    volume of 2³³ voxels). Then means and masses agree to 1e-12 of themselves, and
    centres to 1e-9 voxels.

    Examples
    --------
    >>> import dask.array as da
    >>> values = np.array([3, -2, -4, 0.5, 5, 0]).reshape(6, 1, 1)
    >>> clusters = find_clusters(da.from_array(values, chunks=2), 2)
    >>> clusters
    <Clusters: 3 clusters in 3 chunks>
    >>> clusters.table["extent"], clusters.table["com_x"]
    (array([2., 1., 1.]), array([1.66666667, 4.        , 0.        ]))
    >>> clusters.labels.compute()[:, 0, 0]
    array([3, 1, 1, 0, 2, 0], dtype=int32)
    """
    request = check_request(
        threshold,
        two_sided=two_sided,
        cluster_threshold=cluster_threshold,
        connectivity=connectivity,
        comparison=comparison,
        rules=rules,
    )
    place = _check_affine(affine)
    volume = Volume.of(array, mask, request)
    numbers, found, summaries = volume.joined(volume.summaries())
    summary = merged(summaries)
    if summary.non_finite:
        warn("Non-finite values detected. They will be replaced with zeros.")
    if not len(found["signs"]):
        warn_beyond_range(
            request, volume.level, summary.smallest, summary.largest, volume.array.dtype
        )
    # One peak for each cluster: its place in the table is its number.
    rows = Rows.of(
        {
            **found,
            "maxima": found["peaks"],
            "maxima_clusters": np.arange(1, len(found["signs"]) + 1),
            "maxima_values": found["values"],
        },
        place,
        min_distance=0.0,
        max_peaks=1,
    )
    choices = {
        **rules_of(request._replace(order="extent"), threshold, volume.level),
        "non_finite_voxels": summary.non_finite,
        "mask_voxels": summary.inside,
        "versions": versions() | {"dask": version("dask")},
    }
    return Clusters(
        table=ClusterTable(made(rows), choices),
        thresholded=volume.thresholded(numbers),
        labels=volume.labels(numbers),
    )


def _check_affine(affine: Any) -> NDArray[np.float64]:
    if affine is None:
        return np.eye(4)
    try:
        place = np.asarray(affine, dtype=np.float64)
    except (TypeError, ValueError) as error:
        msg = f"affine is {affine!r}; it must be an array of numbers"
        raise TypeError(msg) from error
    if place.shape != (4, 4):
        msg = f"affine has shape {place.shape}; it must have shape (4, 4)"
        raise ValueError(msg)
    problem = fault(place)
    if problem is not None:
        msg = f"affine {problem}; it is {place.tolist()}"
        raise ValueError(msg)
    return place
