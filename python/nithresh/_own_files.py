"""Which files a batch reads and writes, so that none is written over."""

import re
from pathlib import Path

from nithresh._paths import FilePath, real_path


class OwnFiles:
    """The files of a batch: each output is named once, and is not an input."""

    def __init__(self) -> None:
        self._inputs: set[Path] = set()
        self._outputs: set[Path] = set()

    def add_input(self, path: FilePath) -> None:
        """Take in a file that is read.

        Raises
        ------
        ValueError
            It is an output.
        """
        source = _file(path)
        self._inputs.add(source)
        self._check(source)

    def add_output(self, path: FilePath) -> None:
        """Take in a file that is written.

        Raises
        ------
        ValueError
            It is an input, or an output already.
        """
        target = _file(path)
        if target in self._outputs:
            msg = f"two inputs have the output {str(target)!r}; each must have its own"
            raise ValueError(msg)
        self._outputs.add(target)
        self._check(target)

    def _check(self, path: Path) -> None:
        if path in self._inputs and path in self._outputs:
            msg = (
                f"{str(path)!r} is an output and an input; it must be only one of the "
                "two"
            )
            raise ValueError(msg)


def _file(path: FilePath) -> Path:
    """Return the one name that a file has; the header's of a pair of files."""
    place = real_path(path)
    return place.parent / re.sub(r"\.img(\.gz)?$", r".hdr\1", place.name)
