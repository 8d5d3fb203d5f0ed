"""The result of looking for clusters: their table, and images that are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from nithresh._numbers import counted, in_full
from nithresh._params import Request
from nithresh.table import ClusterTable

if TYPE_CHECKING:
    from nibabel.spatialimages import SpatialImage


class Wanted(NamedTuple):
    """What is wanted of clusters, checked.

    Attributes
    ----------
    request : Request
    threshold : float or str
        As it was given.
    min_distance : float
    max_peaks : int
    extra : mapping of str to paths or images
    robust : bool
    peaks_of : path or image, or None
    within : path or image, or None
    volume : int or None
    """

    request: Request
    threshold: float | str
    min_distance: float
    max_peaks: int
    extra: Mapping[str, Any]
    robust: bool
    peaks_of: Any = None
    within: Any = None
    volume: Any = None


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
        atlas : path, image, pair, mapping or nilearn's atlas
            For a volume, a label image and the names of its labels, in one of these
            forms:

            - ``(labels, names)``: a path or an image, and a list, a dict of label to
              name, a table with the columns ``index`` and ``name`` (a pandas.DataFrame,
              or the path of a TSV or CSV file, as BIDS has them), the path of an atlas
              of FSL (``.xml``) or of a FreeSurfer colour table (``.txt``). A list is in
              the order of the labels from 1, or from 0 if it begins with
              ``"Background"``, ``"Unknown"`` or ``"???"``;
            - the path of an atlas of FSL, with its image beside it as FSL has them;
            - the path of a label image, beside which its TSV table stands, as
              TemplateFlow has them;
            - what nilearn's ``fetch_atlas_...`` functions return;
            - a mapping of names to any of these: several atlases.

            A 4-D image has a volume of probabilities for each region, up to 1 or up to
            100; the most likely region counts. An atlas on another grid is taken at
            the voxel centres of the map, through both affines.

            For a map of surfaces, labels are instead

            - GIFTI labels (``.label.gii``) or an annotation of FreeSurfer
              (``lh.aparc.annot``), or ``{"left": ..., "right": ...}`` of them;
            - a CIFTI-2 file or image (``.dlabel.nii``), whose vertices and voxels may
              be others than those of the map;
            - nilearn's SurfaceImage, or arrays: of a label for each vertex of each
              hemisphere, or for each vertex and voxel of the map.

            Their names stand in the files, or are given as ``(labels, names)``.

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
            map; an atlas of surfaces with another number of vertices, of the other
            hemisphere, or for a volume; a volume for a map of surfaces; an atlas of a
            name that the table has.

        Warns
        -----
        UserWarning
            The map and the atlas say that they are in different spaces, or less than
            half of each lies in the other; names without labels; clusters in a
            structure that an atlas of surfaces does not have.

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

        places = self._images.places()
        return replace(self, table=name_regions(self.table, places, atlas))

    def _labels_of(self, sign: int) -> SpatialImage:
        of_sign = np.append(False, self._signs == sign)
        return self._labelled(np.arange(len(self) + 1) * of_sign)

    def _labelled(self, numbers: NDArray[Any]) -> SpatialImage:
        image: SpatialImage = self._images.labelled(numbers)
        return image

    def __repr__(self) -> str:
        """Say what it holds."""
        rows = counted(self.table["id"].size, "row")
        return f"<Clusters: {counted(len(self), 'cluster')}, a table of {rows}>"

    def __str__(self) -> str:
        """Say how many clusters there are, by which rule, and show the table."""
        if not len(self):
            return str(self.table)
        choices = self.table.choices
        level, extent = choices["threshold_resolved"], choices["cluster_threshold"]
        area = choices.get("min_area_mm2", 0)
        and_area = f", area >= {area:g} mm2" if area else ""
        # The neighbours of vertices are those of their surface.
        neighbours = f"connectivity {choices['connectivity']}, "
        return (
            f"{counted(len(self), 'cluster')}, {choices['comparison']} "
            f"{in_full(level)}, {neighbours if 'i' in self.table else ''}"
            f"extent >= {max(extent, 1)}{and_area}\n{self.table}"
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

    def places(self) -> Any:
        """Say where the clusters are, for an atlas to be laid over them."""
