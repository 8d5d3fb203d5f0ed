"""Dask workers, which must have this version of nithresh.

Dask ends a worker that cannot import what a task is made of, and gives the task to the
next one, until none is left and everybody waits. So workers are asked before they are
given anything.
"""

import re
from typing import Any

from nithresh import __version__


def import_distributed(who: str) -> Any:
    """Import ``distributed``, which is an extra.

    Raises
    ------
    ImportError
        It is not installed; names `who` needs it.
    """
    try:
        import distributed
    except ImportError as error:
        msg = f"{who} needs Dask; install it with: pip install 'nithresh[dask]'"
        raise ImportError(msg) from error
    return distributed


def is_address(text: str) -> bool:
    """Whether a text can be the address of a scheduler."""
    return re.fullmatch(r"[a-z]+://\S+", text) is not None


def check_workers(client: Any, name: str) -> None:
    """Ask all workers of a :class:`distributed.Client` for their version of nithresh.

    Parameters
    ----------
    client : distributed.Client
    name : str
        What to call the cluster in the error.

    Raises
    ------
    RuntimeError
        Some have none or another version.
    """
    # As text, which needs no nithresh to be read. A worker that goes away answers with
    # an OSError.
    answers = client.run(eval, "__import__('nithresh').__version__", on_error="return")
    others = [
        f"{worker} has {_version(answer)}"
        for worker, answer in sorted(answers.items())
        if answer != __version__ and not isinstance(answer, OSError)
    ]
    if others:
        msg = (
            f"{name}: all workers must have nithresh {__version__}, but "
            f"{'; '.join(others)}"
        )
        raise RuntimeError(msg)


def _version(answer: Any) -> str:
    return f"none ({answer})" if isinstance(answer, Exception) else str(answer)
