"""Any image file to the nibabel image that it is."""

import os
import stat
from typing import Any

from nithresh._paths import expanded
from nithresh.files.errors import ImageFileError, MissingFileError
from nithresh.files.reading import (
    image_class_of,
    naming_file,
    read_image,
    without_volume,
)
from nithresh.files.surface_files import load_surfaces


def load(path: str | os.PathLike[str]) -> Any:
    """Load an image file.

    Parameters
    ----------
    path : str or os.PathLike
        A NIfTI-1 or NIfTI-2 file (``.nii``, or a pair of ``.hdr`` and ``.img``), a
        FreeSurfer ``.mgh`` or ``.mgz`` file, or one of the other volumes that nibabel
        reads: Analyze, AFNI (``.HEAD`` and ``.BRIK``), Philips (``.PAR`` and
        ``.REC``), MINC (``.mnc``; MINC2 needs the package h5py) and ECAT (``.v``).
        ``.gz``, ``.bz2`` and ``.zst`` may follow where the format has it. Or a file
        of surfaces: GIFTI (``.gii``) or CIFTI-2 (``.dscalar.nii``). ``~`` is the home
        folder.

    Returns
    -------
    nibabel image
        Of the class that nibabel has for the format. An uncompressed file is mapped
        into memory when its voxels are asked for; a compressed one is decompressed
        here and its checksum verified.

    Raises
    ------
    MissingFileError
        There is no such file (a FileNotFoundError and a ValueError).
    PermissionError
        The file may not be read.
    ImageFileError
        Not an image, truncated or damaged, or of a format for which a
        package is missing (nibabel's error of that name and a ValueError).

    Examples
    --------
    >>> from nithresh import datasets, load
    >>> load(datasets.load_sample_motor_activation_image()).shape
    (53, 63, 46)
    """
    place = expanded(path)
    with naming_file(place):
        try:
            # Not by exists(), which may take what may not be read for missing.
            mode = place.stat().st_mode
        except (FileNotFoundError, NotADirectoryError, ValueError):
            msg = f"no such file: {str(path)!r}"
            raise MissingFileError(msg) from None
        if stat.S_ISDIR(mode):
            msg = f"{str(path)!r} is a folder; it must be an image file"
            raise ImageFileError(msg)
        image_class = image_class_of(place)
        if without_volume(image_class) is not None:
            return load_surfaces(image_class, place)
        return read_image(image_class, place)
