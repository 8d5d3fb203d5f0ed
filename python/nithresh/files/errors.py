"""What is raised for a file that cannot be used."""

from nibabel import filebasedimages


class ImageFileError(filebasedimages.ImageFileError, ValueError):
    """A file that is no image, or a damaged one. The message names the file."""


class MissingFileError(FileNotFoundError, ValueError):
    """A path that does not exist.

    A ValueError too, because that is what code written for nilearn catches.
    """


class TakenNameError(FileExistsError, ValueError):
    """A file that is no sidecar of nithresh has the name of one."""
