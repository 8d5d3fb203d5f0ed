"""Thresholding: the voxels that pass, in clusters that are large enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from nithresh._arrays import (
    check_out,
    check_writeable,
    drop_axes,
)
from nithresh._kept import threshold_map, warn_of_kept
from nithresh._open import OpenMap
from nithresh._params import Request, check_bool, check_request
from nithresh._rules import CONNECTIVITY, TWO_SIDED
from nithresh._shared_docs import shared_docs
from nithresh.surfaces.words import SurfaceWords

if TYPE_CHECKING:
    from nibabel.spatialimages import SpatialImage

    from nithresh._open import MapOrPath


@shared_docs
def threshold(
    data: NDArray[Any],
    threshold: float | str,
    *,
    cluster_threshold: int = 0,
    two_sided: bool = TWO_SIDED,
    connectivity: int = CONNECTIVITY,
    comparison: str | None = None,
    rules: str | None = None,
    mask: NDArray[Any] | None = None,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Threshold a map that is an array.

    A voxel whose value equals the threshold is kept (see `comparison`), and so is a
    cluster of exactly ``cluster_threshold`` voxels. NaN and infinities become zero. No
    warning is given; :func:`threshold_img` gives them.

    Parameters
    ----------
    data : numpy.ndarray of shape (x, y, z) or (x, y, z, volumes)
        A real type of up to 64 bits, in any memory order; never changed unless
        it is `out` as well. Axes of length 1 beyond the third count for nothing.
    threshold : float or str
        The cluster-defining threshold in the units of the map, or a percentile
        such as ``"95%"``: of abs(values) if `two_sided`, else of the values
        >= 0; all volumes together, linearly interpolated, plus 1e-5.
    {cluster_threshold}
        Positive and negative clusters never merge. Each volume has its own clusters.
    {two_sided}
    {connectivity}
    {comparison}
    {mask}
        Voxels outside become zero and count for no percentile.
    out : numpy.ndarray, optional
        Where to write the result, of the shape and type of the result; may be
        `data` itself.

    Returns
    -------
    numpy.ndarray
        The shape and type of `data` (uint8 for bool), in native byte order and
        in the memory order of `data`; `out` if that was given.

    Raises
    ------
    {errors_of_arguments}

    Examples
    --------
    >>> import numpy as np
    >>> data = np.zeros((5, 1, 1), np.float32)
    >>> data[:, 0, 0] = [3, -2, -4, 0.5, 2]
    >>> threshold(data, 2)[:, 0, 0]
    array([ 3., -2., -4.,  0.,  2.], dtype=float32)
    >>> threshold(data, 2, cluster_threshold=2)[:, 0, 0]
    array([ 0., -2., -4.,  0.,  0.], dtype=float32)
    """
    request = check_request(
        threshold,
        two_sided=two_sided,
        cluster_threshold=cluster_threshold,
        connectivity=connectivity,
        comparison=comparison,
        rules=rules,
    )
    opened = OpenMap.of_array(data, mask)
    target = None
    if out is not None:
        check_out(out, data)
        target = opened.data if out is data else drop_axes(out)
    result = threshold_map(opened, request, opened.level(request), target).voxels
    return opened.restored(result) if out is None else out


@shared_docs
def threshold_img(
    img: MapOrPath,
    threshold: float | str,
    cluster_threshold: int = 0,
    two_sided: bool = TWO_SIDED,  # noqa: FBT001 - nilearn's signature
    mask_img: MapOrPath | None = None,
    copy: bool = True,  # noqa: FBT001, FBT002 - nilearn's signature
    copy_header: bool = True,  # noqa: FBT001, FBT002 - nilearn's signature
    *,
    connectivity: int = CONNECTIVITY,
    comparison: str | None = None,
    rules: str | None = None,
    surface: Any = None,
    areas: Any = None,
    min_area: float = 0.0,
    across_structures: bool = False,
) -> Any:
    """Threshold an image; a drop-in for nilearn's function of this name.

    A voxel whose value equals the threshold is kept (see `comparison`), and so is a
    cluster of exactly ``cluster_threshold`` voxels. NaN and infinities become zero,
    with a warning.

    Parameters
    ----------
    img : str, pathlib.Path, nibabel image or nilearn SurfaceImage
        A map of shape (x, y, z) or (x, y, z, volumes); axes of length 1 beyond the
        third, as in AFNI's buckets, count for nothing. Or a map of surfaces: a
        SurfaceImage, GIFTI, CIFTI-2 (``.dscalar.nii``, ``.dtseries.nii``) or, with
        `surface`, an overlay of FreeSurfer; a *voxel* is then a vertex, too. In a path,
        ``~`` is the home folder, and a pattern such as ``"sub-*.nii.gz"`` stands for
        the 3-D images that match, in alphabetical order, as the volumes of one.
    threshold : float or str
        The cluster-defining threshold in the units of the map, or a percentile
        such as ``"95%"``: of abs(values) if `two_sided`, else of the values
        >= 0, over the mask or else the whole field of view, all volumes
        together, linearly interpolated. As in nilearn, 1e-5 is added to a
        percentile: ``"100%"`` keeps nothing, nor does any percentile of a map
        whose values are all smaller than that.
    {cluster_threshold}
        Positive and negative clusters never merge. Each volume has its own clusters.
    {two_sided}
    {mask_img}
        See the notes. Voxels outside become zero.
    copy : bool, default=True
        If False and the image's data are an array in memory, that array is
        thresholded in place and belongs to the result. Of maps of surfaces only the
        arrays of a SurfaceImage are.
    copy_header : bool, default=True
        Give the result the header of `img`, with the data type, ``cal_min``
        and ``cal_max`` of the result; otherwise a fresh one.
    {connectivity}
        nilearn has no choice but 6.
    {comparison}
    {surface}
    {areas}
    {min_area}
    {across_structures}

    Returns
    -------
    nibabel image or SurfaceImage
        Of the class, affine and shape of `img`, and of its data type, except
        that bool gives uint8 and 64-bit integers give int32 where they fit.
        NIfTI if nibabel does not write the class of `img` or it cannot hold the
        result. Its data are an array in memory, independent of any file. A
        SurfaceImage shares the surfaces of `img`.

    Raises
    ------
    TypeError
        An argument of the wrong type.
    ValueError
        An argument of the right type with a value that is not allowed: among
        them a missing file (also a FileNotFoundError) and a damaged one.

    Warns
    -----
    UserWarning
        Non-finite values; a threshold beyond the range of the map on its side,
        so that the result is all zero; 64-bit integers.

    Notes
    -----
    A mask has the grid of the map if the shapes are equal and the voxel centres at
    all corners agree to 1e-3 of a voxel. On another grid, a voxel of the map has the
    value of the mask's voxel that its centre lies in, and is outside where it lies in
    none. A centre on the border of two voxels belongs to the one with the larger
    index; one on the outer border of the mask to the outermost voxel. Positions are
    rounded to 1e-6 of a voxel before.

    The rules are those of nilearn 0.14.1 [1]_, except where it is wrong;
    docs/nilearn.md lists each difference.

    References
    ----------
    .. [1] https://nilearn.github.io/stable/modules/generated/nilearn.image.threshold_img.html

    Examples
    --------
    >>> from nithresh import datasets, threshold_img
    >>> image = datasets.load_sample_motor_activation_image()
    >>> kept = threshold_img(image, threshold=5, cluster_threshold=100)
    >>> int((kept.get_fdata() != 0).sum())
    1928
    """
    request = check_request(
        threshold,
        two_sided=two_sided,
        cluster_threshold=cluster_threshold,
        connectivity=connectivity,
        comparison=comparison,
        rules=rules,
    )
    copy = check_bool(copy, "copy")
    if not isinstance(copy_header, bool):
        msg = f"copy_header is {copy_header!r}; it must be True or False"
        raise TypeError(msg)

    words = SurfaceWords.checked(
        surface, areas, min_area, across_structures=across_structures
    )
    if words.are_for(img):
        from nithresh.surfaces.opened import OpenSurface
        from nithresh.surfaces.thresholding import threshold_surface

        on_surface = OpenSurface(img, mask_img, words)
        level = on_surface.map.level(request)
        return threshold_surface(on_surface, request, level, copy=copy)
    opened = OpenMap.of_image(img, mask_img, for_clusters=request.cluster_threshold > 0)
    return threshold_open(
        opened, request, opened.level(request), copy=copy, copy_header=copy_header
    )


def threshold_open(
    opened: OpenMap,
    request: Request,
    level: float,
    *,
    copy: bool = True,
    copy_header: bool = True,
) -> SpatialImage:
    """Do what :func:`threshold_img` does, at a threshold that is known."""
    from nithresh import headers, images

    out = None if copy else images.array_in_memory(opened.image)
    if out is not None:
        check_writeable(out, "img, with copy=False,")
        if not copy_header:
            headers.check_header_can_hold(opened.image, out)
    # Looked at now if it is about to be overwritten, else only if needed.
    summary = None if out is None else opened.summary()
    result = threshold_map(opened, request, level, out)
    warn_of_kept(opened, request, level, result.range, result.has_non_finite, summary)
    thresholded: SpatialImage = opened.as_image(
        result.voxels, result.range, copy_header=copy_header
    )
    return thresholded
