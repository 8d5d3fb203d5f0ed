"""Names of files as people write them."""

import os
from pathlib import Path


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return a path with the home folder for ``~``.

    Where nobody has this name (``~x.nii.gz``), it is the name of a file, as in a shell.
    """
    place = Path(os.path.expanduser(os.fspath(path)))  # noqa: PTH111 - Path's raises
    # nibabel would look for somebody of that name once more.
    return place.absolute() if place.parts[:1] and place.parts[0][0] == "~" else place
