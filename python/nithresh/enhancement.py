"""Threshold-free cluster enhancement: high voxels of large clusters stand out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nithresh import _core
from nithresh._arrays import warn_if_non_finite
from nithresh._open import OpenMap
from nithresh._params import check_bool, check_connectivity, check_not_negative
from nithresh._shared_docs import shared_docs
from nithresh.surfaces.words import SurfaceWords

if TYPE_CHECKING:
    from nibabel.spatialimages import SpatialImage

    from nithresh._open import MapOrPath


@shared_docs
def tfce(
    data: NDArray[Any],
    *,
    E: float = 0.5,  # noqa: N803 - the symbols of the paper
    H: float = 2.0,  # noqa: N803
    connectivity: int = 6,
    two_sided: bool = True,
    mask: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Enhance the clusters of a map that is an array, without a threshold.

    The score of a voxel of value v is the integral of ``e(h)**E * h**H`` over the
    thresholds h from 0 to abs(v) [1]_, where e(h) is the extent in voxels of the
    cluster that has the voxel in it at threshold h. It is exact: no thresholds are
    sampled, so there is no step to choose [2]_.

    Parameters
    ----------
    data : numpy.ndarray of shape (x, y, z) or (x, y, z, volumes)
        A real type of up to 64 bits, in any memory order; never changed. NaN and
        infinities count as zero. Each volume is scored separately.
    E : float, default=0.5
        Power of the extent; 0 or more.
    H : float, default=2.0
        Power of the height; 0 or more.
    {connectivity}
    two_sided : bool, default=True
        Give negative voxels the negative score of the same map with its signs
        changed. Otherwise they score zero. Positive and negative clusters never
        merge.
    {mask}
        Voxels outside count as zero.

    Returns
    -------
    numpy.ndarray
        The scores, in the shape and the memory order of `data`; in float32 if that
        holds all values of the type of `data` (float16, float32, bool and integers
        of 8 and 16 bits), else in float64. They are summed in float64, and are the
        same for every memory order and number of threads. Scores smaller than the
        type can hold are zero.

    Raises
    ------
    TypeError
        An argument of the wrong type.
    ValueError
        An argument of the right type with a value that is not allowed; a map whose
        largest score is too large, or too small, for the type of the scores.

    Notes
    -----
    Scores of other tools differ by factors, which do not matter to permutation
    tests as long as all maps of a test have the same:

    ==================  ===========================================================
    tfce 0.1.0          none: this integral, in float32
    Workbench           ``v**E`` times these: the integral, with extents in mm³
                        (v is the volume of a voxel); 6 neighbours
    nilearn 0.14.1      about ``100 / m`` times these: a sum over 100 thresholds up
                        to m, the largest absolute value, that is not multiplied by
                        their distance m / 100; 6 neighbours
    FSL fslmaths -tfce  the same, as found by [2]_ in versions up to 6.0.7.19, with
                        m the largest value; positive voxels only
    ==================  ===========================================================

    A factor of ``100 / m`` is another for each map.

    References
    ----------
    .. [1] Smith and Nichols (2009), NeuroImage 44(1):83-98.
    .. [2] Chen et al. (2026), https://arxiv.org/abs/2603.03004

    Examples
    --------
    >>> import numpy as np
    >>> data = np.zeros((4, 1, 1), np.float32)
    >>> data[:, 0, 0] = [3, 3, 0, -3]
    >>> tfce(data, E=1, H=2)[:, 0, 0]
    array([18., 18.,  0., -9.], dtype=float32)
    """
    powers = check_not_negative(E, "E"), check_not_negative(H, "H")
    connectivity = check_connectivity(connectivity)
    two_sided = check_bool(two_sided, "two_sided")
    opened = OpenMap.of_array(data, mask)
    scores = _enhance(opened, powers, connectivity, two_sided=two_sided)
    return opened.restored(scores)


@shared_docs
def tfce_img(
    img: MapOrPath,
    *,
    E: float | None = None,  # noqa: N803 - the symbols of the paper
    H: float = 2.0,  # noqa: N803
    connectivity: int = 6,
    two_sided: bool = True,
    mask_img: MapOrPath | None = None,
    surface: Any = None,
    areas: Any = None,
    across_structures: bool = False,
) -> Any:
    """Enhance the clusters of an image, without a threshold.

    See :func:`tfce` for what is computed, and for how the scores of other tools
    differ.

    Parameters
    ----------
    img : str, pathlib.Path, nibabel image or nilearn SurfaceImage
        A map of shape (x, y, z) or (x, y, z, volumes), or a map of surfaces; paths and
        patterns as for :func:`nithresh.threshold_img`.
    E : float, optional
        Power of the extent; 0 or more. By default 0.5, of an extent in voxels. Of a
        map of surfaces 1, of an area in mm² (a voxel of CIFTI counts as 1), as in
        wb_command.
    H : float, default=2.0
        Power of the height; 0 or more.
    {connectivity}
    two_sided : bool, default=True
        Give negative voxels negative scores. Otherwise they score zero.
    {mask_img}
        Voxels outside score zero.
    {surface}
    {areas}
    {across_structures}

    Returns
    -------
    nibabel image
        Of the class, affine, shape and header of `img`, but with no intent: the
        scores are not z or t values. Its data type is float32 if that holds all
        values of the type of `img`, else float64. NIfTI if nibabel does not write
        the class of `img` or it cannot hold the scores (float64 in MGH).

    Raises
    ------
    TypeError
        An argument of the wrong type.
    ValueError
        An argument of the right type with a value that is not allowed: among them
        a missing file (also a FileNotFoundError) and a damaged one.

    Warns
    -----
    UserWarning
        Non-finite values.

    Examples
    --------
    >>> from nithresh import datasets, tfce_img
    >>> image = datasets.load_sample_motor_activation_image()
    >>> scores = tfce_img(image).get_fdata()
    >>> print(f"{scores.min():.0f} to {scores.max():.0f}")
    -3277 to 5097
    """
    words = SurfaceWords.checked(surface, areas, across_structures=across_structures)
    is_surface = words.are_for(img)
    powers = default_powers(E, H, is_surface=is_surface)
    connectivity = check_connectivity(connectivity)
    two_sided = check_bool(two_sided, "two_sided")
    if is_surface:
        from nithresh.surfaces.enhancement import enhance_surface
        from nithresh.surfaces.opened import OpenSurface

        on_surface = OpenSurface(img, mask_img, words)
        return enhance_surface(on_surface, powers, connectivity, two_sided=two_sided)

    from nithresh import _stated

    opened = OpenMap.of_image(img, mask_img)
    warn_if_non_finite(opened.voxels)
    scores = _enhance(opened, powers, connectivity, two_sided=two_sided)
    limits = _core.summary(scores, None)[:2]
    enhanced: SpatialImage = opened.as_image(scores, limits)
    _stated.unstate(enhanced)
    return enhanced


def default_powers(
    extent: float | None, height: float, *, is_surface: bool
) -> tuple[float, float]:
    """Check the powers; that of the extent has a default for each kind of map."""
    if extent is None:
        extent = 1.0 if is_surface else 0.5
    return check_not_negative(extent, "E"), check_not_negative(height, "H")


def _enhance(
    opened: OpenMap,
    powers: tuple[float, float],
    connectivity: int,
    *,
    two_sided: bool,
) -> NDArray[Any]:
    """Run the core. The type of the scores follows from that of the voxels."""
    voxels = opened.voxels
    dtype = np.result_type(voxels.dtype, np.float32)
    scores = np.empty_like(voxels, dtype=dtype, subok=False)
    if voxels.size:
        _core.tfce(
            voxels,
            scores,
            mask=opened.inside,
            extent_power=powers[0],
            height_power=powers[1],
            two_sided=two_sided,
            connectivity=connectivity,
        )
    return scores
