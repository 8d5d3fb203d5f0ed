"""Image files: bytes on disk to nibabel images and back."""

from nithresh.files.atomic import marked_temporaries, remove_temporaries
from nithresh.files.errors import ImageFileError, MissingFileError
from nithresh.files.reading import load, sha256
from nithresh.files.writing import (
    check_extension,
    expanded,
    files_of,
    save,
    write_image,
)

__all__ = [
    "ImageFileError",
    "MissingFileError",
    "check_extension",
    "expanded",
    "files_of",
    "load",
    "marked_temporaries",
    "remove_temporaries",
    "save",
    "sha256",
    "write_image",
]
