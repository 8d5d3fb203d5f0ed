"""The memory of a process that works on many files."""

import ctypes
import gc
import sys

# glibc's names for what mallopt sets.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
# The most that it takes for the second.
_LARGEST = 32 << 20


def keep_freed_memory() -> None:
    """Keep the memory of one file for the next.

    Otherwise each array is given back to the system and comes back page by page, which
    takes a quarter of the time of a 2 mm map from disk to disk. The most memory that
    the process has at a time does not change. Where the C library is another than
    glibc, nothing is done.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, _LARGEST)
            mallopt(_M_TRIM_THRESHOLD, 8 * _LARGEST)


def collect_from_here_on() -> None:
    """Look for garbage again, but not in what the first file has imported, which stays.

    To look in it, again and again while it is made and once more in the end, takes a
    quarter of the time of a small map.
    """
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
