"""How many threads the core may use."""

from nithresh import _core
from nithresh._params import check_count


def get_num_threads() -> int:
    """Return how many threads a call may use.

    By default the processors that this process may use (its affinity, and the
    quota of its container), or ``RAYON_NUM_THREADS`` if that is set.

    Examples
    --------
    >>> import nithresh
    >>> nithresh.get_num_threads() >= 1
    True
    """
    return _core.get_num_threads()


def set_num_threads(threads: int | None) -> None:
    """Limit the threads of this process, from the next call on.

    Parameters
    ----------
    threads : int or None
        1 or more, or None for the default. Results do not depend on it.

    Raises
    ------
    TypeError
        Not an integer.
    ValueError
        Less than 1, or more than an index can count.

    Examples
    --------
    >>> import nithresh
    >>> nithresh.set_num_threads(1)
    >>> nithresh.get_num_threads()
    1
    >>> nithresh.set_num_threads(None)
    """
    if threads is None:
        _core.set_num_threads(0)
        return
    _core.set_num_threads(check_count(threads, "threads"))
