"""What calls take for maps of surfaces, and which maps those are.

It imports nothing of the kinds of maps: most calls are for volumes.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

GIFTI_NAMES = (".gii", ".gii.gz")
# Those of CIFTI-2 alone: many volumes have names such as bold.denoised.nii.gz.
CIFTI_EXTENSION = r"\.[dp]{1,2}(?:conn(?:series|scalar)?|label|scalar|tseries)\.nii"
CIFTI_NAME = re.compile(rf"{CIFTI_EXTENSION}(\.gz)?$", re.IGNORECASE)
_OF_FREESURFER = re.compile(r"[lr]h\.")
# nibabel's and nilearn's classes.
_CLASSES = {"GiftiImage", "Cifti2Image", "SurfaceImage"}


def is_surface_map(img: Any) -> bool:
    """Whether a path or an image is a map of surfaces by its name or its class.

    FreeSurfer's overlays of .mgh and NIfTI files are not: by both they are volumes.
    """
    if isinstance(img, (str, os.PathLike)):
        name = os.fspath(img)
        return isinstance(name, str) and (
            name.lower().endswith(GIFTI_NAMES)
            or bool(CIFTI_NAME.search(name))
            or _is_freesurfer_overlay(name)
        )
    image_class: type = type(img)
    return _is_class_of_surfaces(image_class)


@lru_cache
def _is_class_of_surfaces(image_class: type) -> bool:
    return any(own.__name__ in _CLASSES for own in image_class.__mro__)


def _is_freesurfer_overlay(name: str) -> bool:
    """Whether a file is one such as lh.thickness, by its name and how it begins."""
    if not _OF_FREESURFER.match(os.path.basename(name)):  # noqa: PTH119 - text
        return False
    from nithresh.files.surface_files import is_freesurfer_overlay

    return is_freesurfer_overlay(name)


class SurfaceWords(NamedTuple):
    """What calls take for maps of surfaces.

    Attributes
    ----------
    surface : path, mesh, or mapping of "left" and "right" to them, or None
    areas : path, array, or mapping of "left" and "right" to them, or None
        Of the vertices, in mm².
    min_area : float
        Least area of a cluster of vertices, in mm².
    across_structures : bool
        Whether clusters of voxels go on from one structure to another.
    """

    surface: Any = None
    areas: Any = None
    min_area: float = 0.0
    across_structures: bool = False

    @classmethod
    def checked(
        cls,
        surface: Any,
        areas: Any = None,
        min_area: Any = 0.0,
        *,
        across_structures: Any = False,
    ) -> SurfaceWords:
        """Check them as far as that can be done without reading a file.

        Raises
        ------
        TypeError, ValueError
            One is of the wrong type or value; there is no file of a path.
        """
        if surface is areas is None and min_area == 0.0 and across_structures is False:
            return _NONE
        # Imported here, because the command asks for names before it needs NumPy.
        from nithresh._params import check_bool, check_not_negative

        _check_there(surface, "surface")
        _check_there(areas, "areas")
        return cls(
            surface,
            areas,
            check_not_negative(min_area, "min_area"),
            check_bool(across_structures, "across_structures"),
        )

    def are_for(self, img: Any) -> bool:
        """Whether an image is opened as a map of surfaces."""
        return self is not _NONE or is_surface_map(img)


_NONE = SurfaceWords()


def _check_there(given: Any, name: str) -> None:
    """Check that there is a file of each path, whether a call needs it or not."""
    from nithresh._paths import expanded
    from nithresh.files import MissingFileError

    parts = {name: given}
    if isinstance(given, Mapping):
        parts = {f"{name}[{side!r}]": part for side, part in given.items()}
    for argument, part in parts.items():
        if not isinstance(part, (str, os.PathLike)):
            continue
        try:
            is_there = stat.S_ISREG(expanded(part).stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            is_there = False
        except OSError as error:
            msg = f"{argument} is {str(part)!r}, which cannot be read: {error.strerror}"
            raise OSError(msg) from error
        if not is_there:
            msg = f"{argument} is {str(part)!r}; there is no such file"
            raise MissingFileError(msg)
