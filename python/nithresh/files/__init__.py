"""Image files: bytes on disk to nibabel images and back."""

from nithresh.files.atomic import marked_temporaries, remove_temporaries
from nithresh.files.errors import ImageFileError, MissingFileError
from nithresh.files.loading import load
from nithresh.files.reading import read_voxels, sha256, without_volume
from nithresh.files.writing import (
    check_extension,
    files_of,
    save,
    write_image,
)

__all__ = [
    "ImageFileError",
    "MissingFileError",
    "check_extension",
    "files_of",
    "load",
    "marked_temporaries",
    "read_voxels",
    "remove_temporaries",
    "save",
    "sha256",
    "without_volume",
    "write_image",
]
