"""Image files: bytes on disk to nibabel images and back."""

from nithresh.files.errors import ImageFileError, MissingFileError
from nithresh.files.reading import load, sha256
from nithresh.files.writing import (
    check_extension,
    marked_temporaries,
    remove_temporaries,
    save,
    save_text,
)

__all__ = [
    "ImageFileError",
    "MissingFileError",
    "check_extension",
    "load",
    "marked_temporaries",
    "remove_temporaries",
    "save",
    "save_text",
    "sha256",
]
