"""The clusters of a map at all thresholds, found once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nithresh import _core
from nithresh._arrays import warn_if_non_finite
from nithresh._comparison import all_as_compared
from nithresh._grown import Grown
from nithresh._numbers import in_full
from nithresh._open import OpenMap
from nithresh._params import (
    check_bool,
    check_cluster_threshold,
    check_connectivity,
    check_count,
    check_levels,
)
from nithresh._shared_docs import shared_docs
from nithresh.surfaces.words import SurfaceWords

if TYPE_CHECKING:
    from nithresh._open import MapOrPath


@dataclass(frozen=True, eq=False)
class TreeClusters:
    """The clusters of a map at one threshold.

    In every array, cluster number n is at place n - 1: the largest first, of equal
    extent the one with the largest absolute peak first, and of those the one whose
    peak has the smallest indices. Heights are absolute values; the sign of a cluster
    is that of its peak.

    Attributes
    ----------
    threshold : float
        The threshold, rounded to the type of the map. A voxel equal to it is kept.
    extent : numpy.ndarray of int64, shape (clusters,)
        In voxels.
    peak : numpy.ndarray of float64, shape (clusters,)
        The value of the largest absolute value. Its height is the cluster's birth
        when the threshold falls; when it rises beyond this, the cluster vanishes.
    ijk : numpy.ndarray of intp, shape (clusters, 3)
        The voxel indices of the peak; of equal voxels the smallest.
    merge : numpy.ndarray of float64, shape (clusters,)
        The height at which the peak becomes part of a cluster with a higher one (or
        with an equal one of smaller indices), when the threshold falls to it; 0 if
        that never happens. The peak leads a cluster at ``merge < h <= abs(peak)``.
    robust_from, robust_to : numpy.ndarray of float64, shape (clusters,)
        How far the threshold may move while the cluster, whose extent changes, stays
        one separate cluster: at all h in ``robust_from < h <= robust_to``, from the
        threshold on, a cluster has this peak, none of the other clusters here is
        part of it, and no other cluster at h is part of this one. At `robust_from`
        it joins another; beyond `robust_to` it comes apart or vanishes.
    """

    threshold: float
    extent: NDArray[np.int64]
    peak: NDArray[np.float64]
    ijk: NDArray[np.intp]
    merge: NDArray[np.float64]
    robust_from: NDArray[np.float64]
    robust_to: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.extent)


class TreeBranches(NamedTuple):
    """The branches of a tree, one for each local maximum: all that a look-up needs.

    A branch is alive at ``merge < threshold <= height of its peak``. Positive branches
    come first, then those with the higher peak, then those whose peak has the smaller
    indices; so `into` is never a branch that comes later.

    Attributes
    ----------
    of_voxels : numpy.ndarray of int64, shape (x, y, z)
        One more than the branch of each voxel: the one that leads its cluster at its
        own height. 0 at voxels of no cluster.
    into : numpy.ndarray of intp, shape (branches,)
        The branch that it joins; itself if it never joins one.
    merge : numpy.ndarray of float64, shape (branches,)
        The height at which it joins that branch; 0 if it never does.
    peak : numpy.ndarray of intp, shape (branches, 3)
        The voxel indices of its peak.
    """

    of_voxels: NDArray[np.int64]
    into: NDArray[np.intp]
    merge: NDArray[np.float64]
    peak: NDArray[np.intp]


@shared_docs
class ClusterTree:
    """The clusters of a map at all thresholds.

    Built once, from one sort of the voxels and one pass of union-find; then every
    question is answered without a look at the voxels.

    A threshold is a distance from zero: voxels with ``abs(v) >= threshold`` are kept,
    compared in the type of the map, and zeros never. Positive and negative clusters
    never merge.

    Parameters
    ----------
    img : str, pathlib.Path, nibabel image or nilearn SurfaceImage
        A map of shape (x, y, z), or a map of surfaces as for
        :func:`nithresh.threshold_img`: its vertices and voxels, one after the other,
        are those of a volume of shape (n, 1, 1). NaN and infinities count as zero, with
        a warning.
    {connectivity}
    two_sided : bool, default=True
        Whether there are negative clusters too.
    {mask_img}
        Voxels outside count as zero.
    {surface}
    {across_structures}

    Attributes
    ----------
    shape : tuple of int
        Of the map.
    connectivity : int
        As passed.
    two_sided : bool
        As passed.

    Raises
    ------
    {errors_of_arguments}

    Warns
    -----
    UserWarning
        Non-finite values.

    See Also
    --------
    ClusterTree.from_array : The same of an array.

    Notes
    -----
    Also known as component tree or max-tree [1]_. It is kept as its branches, one for
    each local maximum: when the threshold falls, a branch is born at its peak and
    ends where its cluster joins one with a higher peak.

    References
    ----------
    .. [1] Salembier, Oliveras and Garrido (1998), IEEE Transactions on Image
       Processing 7(4):555-570.

    Examples
    --------
    >>> from nithresh import ClusterTree, datasets
    >>> tree = ClusterTree(datasets.load_sample_motor_activation_image())
    >>> tree.counts([3, 4, 5])
    array([22, 10, 11])
    >>> clusters = tree.clusters(5)
    >>> clusters.extent[:3]
    array([1012,  436,  187])
    """

    shape: tuple[int, ...]
    connectivity: int
    two_sided: bool

    def __init__(
        self,
        img: MapOrPath,
        connectivity: int = 6,
        *,
        two_sided: bool = True,
        mask_img: MapOrPath | None = None,
        surface: Any = None,
        across_structures: bool = False,
    ) -> None:
        connectivity = check_connectivity(connectivity)
        two_sided = check_bool(two_sided, "two_sided")
        words = SurfaceWords.checked(surface, across_structures=across_structures)
        if words.are_for(img):
            from nithresh.surfaces.opened import OpenSurface
            from nithresh.surfaces.tree import grow

            on_surface = OpenSurface(img, mask_img, words, one_map=True)
            grown = grow(on_surface, connectivity, two_sided=two_sided)
            self._take(grown, connectivity, two_sided=two_sided)
            warn_if_non_finite(on_surface.map.voxels)
            return
        opened = OpenMap.of_image(img, mask_img, one_volume=True)
        grown = _of_volume(opened, connectivity, two_sided=two_sided)
        self._take(grown, connectivity, two_sided=two_sided)
        warn_if_non_finite(opened.voxels)

    @classmethod
    @shared_docs
    def from_array(
        cls,
        data: NDArray[Any],
        connectivity: int = 6,
        *,
        two_sided: bool = True,
        mask: NDArray[Any] | None = None,
    ) -> ClusterTree:
        """Make the tree of a map that is an array.

        Parameters
        ----------
        data : numpy.ndarray of shape (x, y, z)
            A real type of up to 64 bits, in any memory order; never changed and not
            kept. NaN and infinities count as zero, without a warning.
        connectivity : {6, 18, 26}, default=6
            See the class.
        two_sided : bool, default=True
            See the class.
        {mask}
            Voxels outside count as zero.

        Returns
        -------
        ClusterTree
            It depends on neither memory order nor the number of threads.

        Raises
        ------
        {errors_of_arguments}

        Examples
        --------
        >>> import numpy as np
        >>> data = np.array([2.0, 1, 3, 0, -2]).reshape(5, 1, 1)
        >>> tree = ClusterTree.from_array(data)
        >>> tree.counts([1, 2, 3])
        array([2, 3, 1])
        >>> tree.clusters(1).peak
        array([ 3., -2.])
        """
        connectivity = check_connectivity(connectivity)
        two_sided = check_bool(two_sided, "two_sided")
        opened = OpenMap.of_array(data, mask, one_volume=True)
        grown = _of_volume(opened, connectivity, two_sided=two_sided)
        return cls._of(grown, connectivity, two_sided=two_sided)

    @classmethod
    def _of(cls, grown: Grown, connectivity: int, *, two_sided: bool) -> ClusterTree:
        tree = cls.__new__(cls)
        tree._take(grown, connectivity, two_sided=two_sided)  # noqa: SLF001 - its own
        return tree

    def _take(self, grown: Grown, connectivity: int, *, two_sided: bool) -> None:
        branches = grown.branches
        self.shape = grown.steps.shape
        self.connectivity = connectivity
        self.two_sided = two_sided
        self._dtype = grown.dtype
        self._steps = grown.steps
        self._signs = branches["signs"]
        self._peaks = branches["peaks"].astype(np.intp)
        # A branch is alive at merges < threshold <= births. A merge of 0 means never.
        self._births = branches["births"]
        self._merges = branches["merges"]
        self._into = branches["into"].astype(np.intp)
        # Its extent is extents[i] at thresholds up to heights[i], which fall, until
        # the next, for i in starts[branch]:starts[branch + 1].
        self._starts = branches["starts"].astype(np.intp)
        self._heights = branches["heights"]
        self._extents = branches["extents"].astype(np.int64)

    def __repr__(self) -> str:
        """Say what the tree is of."""
        return (
            f"<ClusterTree of {len(self._births)} local maxima, shape {self.shape}, "
            f"connectivity {self.connectivity}, two_sided {self.two_sided}>"
        )

    @cached_property
    def levels(self) -> NDArray[np.float64]:
        """The thresholds at which the clusters change, rising.

        They are the distinct absolute values of the voxels. From just above one of
        them up to the next, the next included, the clusters are the same.
        """
        levels: NDArray[np.float64] = np.unique(self._heights)
        return levels

    @property
    def branches(self) -> TreeBranches:
        """The branches, and which of them each voxel is on.

        Examples
        --------
        >>> import numpy as np
        >>> data = np.array([2.0, 1, 3, 0, -2]).reshape(5, 1, 1)
        >>> branches = ClusterTree.from_array(data).branches
        >>> branches.of_voxels[:, 0, 0]
        array([2, 1, 1, 0, 3])
        >>> branches.into, branches.merge
        (array([0, 0, 2]), array([0., 1., 0.]))
        """
        numbers = np.arange(1, len(self._births) + 1)
        of_steps = np.repeat(numbers, np.diff(self._starts))
        of_voxels = np.append(0, of_steps)[self._steps]
        return TreeBranches(of_voxels, self._into, self._merges, self._peaks)

    def counts(self, thresholds: ArrayLike) -> NDArray[np.int64]:
        """Count the clusters at each of some thresholds.

        Parameters
        ----------
        thresholds : float or array_like of float
            0 or more.

        Returns
        -------
        numpy.ndarray of int64
            In the shape of `thresholds`.

        Examples
        --------
        >>> import numpy as np
        >>> tree = ClusterTree.from_array(np.array([2, 1, 3]).reshape(3, 1, 1))
        >>> tree.counts([0, 1, 1.5, 2, 2.5, 3, 3.5])
        array([1, 1, 2, 2, 1, 1, 0])
        """
        levels = self._rounded(check_levels(thresholds))
        return _at_least(self._births, levels) - _at_least(self._merges, levels)

    def voxels(self, thresholds: ArrayLike) -> NDArray[np.int64]:
        """Count the voxels that are kept at each of some thresholds.

        Parameters
        ----------
        thresholds : float or array_like of float
            0 or more.

        Returns
        -------
        numpy.ndarray of int64
            In the shape of `thresholds`.

        Examples
        --------
        >>> import numpy as np
        >>> tree = ClusterTree.from_array(np.array([2, 1, 3]).reshape(3, 1, 1))
        >>> tree.voxels([1, 2, 3])
        array([3, 2, 1])
        """
        levels = self._rounded(check_levels(thresholds))
        # The voxels at the lowest level that is not below the threshold.
        return np.append(self._voxels_at_levels, 0)[
            np.searchsorted(self.levels, levels)
        ]

    def clusters(self, threshold: float) -> TreeClusters:
        """Return the clusters at a threshold, numbered by their extents.

        Parameters
        ----------
        threshold : float
            0 or more.

        Returns
        -------
        TreeClusters
            Their extents and peaks, and how far the threshold may move before each of
            them merges, splits or vanishes.

        Examples
        --------
        A cluster that comes apart above 1, and one that nothing touches.

        >>> import numpy as np
        >>> data = np.array([2.0, 1, 3, 0, -2]).reshape(5, 1, 1)
        >>> clusters = ClusterTree.from_array(data).clusters(0.5)
        >>> clusters.extent
        array([3, 1])
        >>> clusters.robust_to
        array([1., 2.])
        """
        level = self._level(threshold)
        births, merges = self._births, self._merges
        alive, extents = self._ranked(level)

        # When the threshold falls, the first thing to happen to a cluster is that it
        # joins another, or that another joins it.
        robust_from = merges.copy()
        np.maximum.at(robust_from, self._into[alive], merges[alive])
        # When it rises, a branch that has joined it comes off, or it vanishes.
        robust_to = births.copy()
        joined = merges >= level
        np.minimum.at(robust_to, self._into[joined], merges[joined])
        return TreeClusters(
            threshold=float(level),
            extent=extents,
            peak=self._signs[alive] * births[alive],
            ijk=self._peaks[alive],
            merge=merges[alive],
            robust_from=robust_from[alive],
            robust_to=robust_to[alive],
        )

    @shared_docs
    def labels(self, threshold: float, cluster_threshold: int = 0) -> NDArray[np.int32]:
        """Write the number of its cluster at a threshold to each voxel.

        Parameters
        ----------
        threshold : float
            0 or more.
        {cluster_threshold}

        Returns
        -------
        numpy.ndarray of int32, shape (x, y, z)
            The numbers of :meth:`clusters`, which are those of :func:`nithresh.label`;
            0 at voxels of no cluster, and of clusters that are too small. In the
            memory order of the map.

        Notes
        -----
        Integers of 64 bits are compared as 64-bit floats. Beyond 2^53, where several
        are the same float, clusters of equal extent may be numbered in another order
        than by :func:`nithresh.label`.

        Examples
        --------
        >>> import numpy as np
        >>> data = np.array([2.0, 1, 3, 0, -2]).reshape(5, 1, 1)
        >>> tree = ClusterTree.from_array(data)
        >>> tree.labels(1)[:, 0, 0]
        array([1, 1, 1, 0, 2], dtype=int32)
        >>> tree.labels(2)[:, 0, 0]
        array([2, 0, 1, 0, 3], dtype=int32)
        >>> tree.labels(1, cluster_threshold=2)[:, 0, 0]
        array([1, 1, 1, 0, 0], dtype=int32)
        """
        level = self._level(threshold)
        alive, extents = self._ranked(level)
        alive = alive[extents >= check_cluster_threshold(cluster_threshold)]
        numbers = np.zeros(len(self._births), np.int32)
        numbers[alive] = np.arange(1, len(alive) + 1)
        # From branches that have joined another on to the one that is alive.
        branches = np.arange(len(self._into))
        leaders = np.where(self._merges >= level, self._into, branches)
        while (leaders[leaders] != leaders).any():
            leaders = leaders[leaders]
        of_steps = np.repeat(numbers[leaders], np.diff(self._starts))
        of_steps[self._heights < level] = 0
        return np.append(np.int32(0), of_steps)[self._steps]

    def threshold_for_clusters(self, most: int) -> float:
        """Return the lowest threshold from which on there are so many clusters.

        Parameters
        ----------
        most : int
            1 or more clusters, of both signs together.

        Returns
        -------
        float
            The lowest of the :attr:`levels` at which, and at all above, there are at
            most so many clusters. There are exactly so many, unless fewer are all
            that the map has or equal voxels make several at once.

        Raises
        ------
        ValueError
            Even the highest level has more clusters.

        Examples
        --------
        >>> import numpy as np
        >>> data = np.array([2.0, 1, 3, 0, -4]).reshape(5, 1, 1)
        >>> tree = ClusterTree.from_array(data)
        >>> tree.threshold_for_clusters(2)
        3.0
        """
        most = check_count(most, "most")
        return self._lowest_with_at_most(most, self.counts(self.levels), "clusters")

    def threshold_for_voxels(self, most: int) -> float:
        """Return the lowest threshold that keeps at most so many voxels.

        Parameters
        ----------
        most : int
            1 or more voxels, of both signs together.

        Returns
        -------
        float
            One of the :attr:`levels`.

        Raises
        ------
        ValueError
            Even the highest level has more voxels.

        Examples
        --------
        >>> import numpy as np
        >>> data = np.array([2.0, 1, 3, 0, -4]).reshape(5, 1, 1)
        >>> ClusterTree.from_array(data).threshold_for_voxels(2)
        3.0
        """
        most = check_count(most, "most")
        return self._lowest_with_at_most(most, self._voxels_at_levels, "voxels")

    def threshold_separating(self, peak: ArrayLike, other: ArrayLike) -> float:
        """Return the lowest threshold at which two peaks have a cluster each.

        Parameters
        ----------
        peak, other : array_like of 3 ints
            The voxel indices of two peaks, as :meth:`clusters` gives them at any
            threshold.

        Returns
        -------
        float
            One of the :attr:`levels`: the one above the highest threshold at which
            both are in the same cluster, or the lowest if they never are.

        Raises
        ------
        TypeError
            Not three integers.
        ValueError
            A voxel that is the peak of no cluster at any threshold; the same twice.

        Examples
        --------
        >>> import numpy as np
        >>> data = np.array([2.0, 1, 3, 0, -4]).reshape(5, 1, 1)
        >>> tree = ClusterTree.from_array(data)
        >>> tree.threshold_separating([0, 0, 0], [2, 0, 0])
        2.0
        """
        a, b = self._branch(peak, "peak"), self._branch(other, "other")
        if a == b:
            msg = f"peak and other are both {tuple(self._peaks[a].tolist())}"
            raise ValueError(msg)
        together = 0.0
        while a != b:
            # Follow the peak whose cluster is the first to join one with a higher peak.
            if self._merges[a] < self._merges[b]:
                a, b = b, a
            together = self._merges[a]
            if together == 0:
                break
            a = self._into[a]
        return float(self.levels[np.searchsorted(self.levels, together, side="right")])

    def _branch(self, ijk: ArrayLike, name: str) -> Any:
        """Return the branch of a peak."""
        index = np.asarray(ijk)
        if index.shape != (3,) or index.dtype.kind not in "iu":
            msg = f"{name} is {ijk!r}; it must be the three indices of a voxel"
            raise TypeError(msg)
        found = np.flatnonzero((self._peaks == index).all(axis=1))
        if not found.size:
            msg = (
                f"{name} is {tuple(index.tolist())}, the peak of no cluster at any "
                "threshold; it must be one of the ijk that clusters() gives"
            )
            raise ValueError(msg)
        return found[0]

    def _level(self, threshold: float) -> NDArray[np.float64]:
        """Return one threshold as voxels are compared with it."""
        level = self._rounded(check_levels(threshold))
        if level.ndim:
            msg = f"threshold is {threshold!r}; it must be one number"
            raise TypeError(msg)
        return level

    def _ranked(
        self, level: NDArray[np.float64]
    ) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Return the branches alive at a level, in order, and their extents."""
        births = self._births
        alive = np.flatnonzero((births >= level) & (self._merges < level))
        extents = self._extents_at(alive, level)
        i, j, k = self._peaks[alive].T
        order = np.lexsort((k, j, i, -births[alive], -extents))
        return alive[order], extents[order]

    def _rounded(self, levels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return thresholds as voxels are compared with them: in the map's type."""
        # Zeros are in no cluster, at any threshold.
        return np.maximum(all_as_compared(levels, self._dtype), np.nextafter(0, 1))

    def _extents_at(
        self, branches: NDArray[np.intp], level: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Return the extents of branches that are alive at a threshold.

        A search by halves for the last step of each that is not below it.
        """
        low, high = self._starts[branches], self._starts[branches + 1]
        while (high - low > 1).any():
            middle = (low + high) // 2
            reaches = self._heights[middle] >= level
            low, high = np.where(reaches, middle, low), np.where(reaches, high, middle)
        return self._extents[low]

    @cached_property
    def _voxels_at_levels(self) -> NDArray[np.int64]:
        """The voxels that are kept at each level.

        A step adds what its cluster has grown by. That includes the branches which
        end there, whose voxels have been counted before.
        """
        before = np.roll(self._extents, 1)
        before[self._starts[:-1]] = 0
        ended = self._merges > 0
        last = self._extents[self._starts[1:] - 1]
        added = np.zeros(len(self.levels), np.int64)
        steps = np.searchsorted(self.levels, self._heights)
        ends = np.searchsorted(self.levels, self._merges[ended])
        np.add.at(added, steps, self._extents - before)
        np.subtract.at(added, ends, last[ended])
        kept: NDArray[np.int64] = added[::-1].cumsum()[::-1]
        return kept

    def _lowest_with_at_most(
        self, most: int, numbers: NDArray[np.int64], what: str
    ) -> float:
        """Return the level above the highest one that has more than `most`."""
        if not len(numbers):
            msg = "the map has no voxel other than zero, so no threshold has clusters"
            raise ValueError(msg)
        more = np.flatnonzero(numbers > most)
        place = more[-1] + 1 if more.size else 0
        if place == len(numbers):
            msg = (
                f"most is {most}; the highest level, {in_full(self.levels[-1])}, has "
                f"{numbers[-1]} {what} already"
            )
            raise ValueError(msg)
        return float(self.levels[place])


def tree_of(opened: OpenMap, connectivity: int) -> ClusterTree:
    """Make the tree of both signs of a map that is open."""
    grown = _of_volume(opened, connectivity, two_sided=True)
    return tree_of_grown(grown, connectivity, two_sided=True)


def tree_of_grown(grown: Grown, connectivity: int, *, two_sided: bool) -> ClusterTree:
    """Make a tree of what the core has grown."""
    return ClusterTree._of(grown, connectivity, two_sided=two_sided)  # noqa: SLF001 - its own


def _of_volume(opened: OpenMap, connectivity: int, *, two_sided: bool) -> Grown:
    steps = np.empty_like(opened.voxels, np.int32, subok=False)
    branches = _core.merge_tree(
        opened.voxels,
        steps,
        mask=opened.inside,
        two_sided=two_sided,
        connectivity=connectivity,
    )
    return Grown(branches, steps, opened.data.dtype)


def robust_heights(
    count: int,
    labels: NDArray[np.int32],
    tree: Callable[[], ClusterTree],
    level: float,
) -> dict[str, NDArray[np.float64]]:
    """Return the thresholds between which each cluster is one and separate."""
    heights = {name: np.full(count, np.nan) for name in ("robust_from", "robust_to")}
    if not count:
        return heights
    at = tree().clusters(abs(level))
    # Matched by the labels at their peaks. The tree also has the other sign and small
    # clusters, and other peaks where integers are the same as 64-bit floats.
    numbers = labels[tuple(at.ijk.T)]
    for name, of_clusters in heights.items():
        of_clusters[numbers[numbers > 0] - 1] = getattr(at, name)[numbers > 0]
    return heights


def _at_least(
    heights: NDArray[np.float64], levels: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Count the heights that reach each level."""
    below = np.searchsorted(np.sort(heights), levels)
    return np.asarray(len(heights) - below, np.int64)
