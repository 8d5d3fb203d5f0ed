"""The kinds of maps of surfaces, told apart by their names and classes.

A kind opens a map and makes its results. To add one, add a file with its class, and its
place in :func:`open_kind`.
"""

from __future__ import annotations

import os
from typing import Any

import nibabel

from nithresh.files.surface_files import (
    is_freesurfer_overlay,
    read_cifti,
    read_freesurfer_overlay,
    read_gifti,
)
from nithresh.surfaces.cifti_map import CiftiFileMap, CiftiImageMap
from nithresh.surfaces.gifti_map import GiftiMap
from nithresh.surfaces.kind import Kind
from nithresh.surfaces.overlay_map import MorphMap, OverlayMap
from nithresh.surfaces.surface_image_map import SurfaceImageMap, is_surface_image
from nithresh.surfaces.words import CIFTI_NAME, GIFTI_NAMES


def open_kind(img: Any, name: str = "img", *, raw: bool = False) -> Kind:
    """Open a map of surfaces.

    Parameters
    ----------
    img : str, os.PathLike or image
    name : str
        The argument, for errors.
    raw : bool
        Make results of CIFTI files as the NIfTI-2 images that they are, with their XML
        byte for byte, and not as nibabel's Cifti2Image.

    Raises
    ------
    TypeError
        Neither a path nor an image.
    ValueError
        A missing or damaged file; not a map of surfaces.
    """
    if isinstance(img, (str, os.PathLike)):
        path = os.fspath(img)
        if path.lower().endswith(GIFTI_NAMES):
            return GiftiMap(read_gifti(img), name)
        if CIFTI_NAME.search(path):
            return CiftiFileMap(read_cifti(img), path, raw=raw)
        if is_freesurfer_overlay(img):
            return MorphMap(read_freesurfer_overlay(img), path)
    elif isinstance(img, nibabel.GiftiImage):
        return GiftiMap(img, name)
    elif isinstance(img, nibabel.Cifti2Image):
        return CiftiImageMap(img, name)
    elif is_surface_image(img):
        return SurfaceImageMap(img, name)
    # Imported here, because volumes need no surfaces.
    from nithresh.images import open_image

    return OverlayMap(open_image(img, name=name), name)
