"""Imports in the child of a fork that were under way in another thread of the parent.

Nearly everything here is imported when it is first used, which may be in a thread.
Where another thread forks at that moment, the child has the locks of that thread's
modules but not the thread. To import one of these modules in the child
would take for ever: Python resets the one lock of all imports, and not those of the
modules.

So the child forgets such modules, and imports them again when it needs them. The parent
waits for nothing: a library that took a lock for a fork could meet another one that
takes it in the other order.

Two modules cannot be imported again, because their libraries are initialised once in a
process: NumPy and our own extension. A child that is forked while one of these is
imported gets an ImportError when it needs it.
"""

import os
import sys
import threading
from importlib import _bootstrap
from typing import Any

_EXTENSION = "nithresh._core"


class _Refuse:
    """Says why the extension cannot be imported; to try it would wait for ever."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        """Look for no other module."""
        if name == _EXTENSION:
            msg = (
                "this process was forked while another thread imported nithresh; use "
                "nithresh once before you fork, or start processes by spawn"
            )
            raise ImportError(msg)


def forget_unfinished_imports() -> None:
    """Forget modules that threads of the parent had begun to import; for the child."""
    own = threading.get_ident()
    bootstrap: Any = _bootstrap
    module_locks = bootstrap._module_locks  # noqa: SLF001 - there is no public way
    for name, reference in list(module_locks.items()):
        owner = getattr(reference(), "owner", None)
        if owner in (None, own):  # nobody, or this thread, imports it now
            continue
        module_locks.pop(name, None)
        if name == _EXTENSION:
            sys.meta_path.insert(0, _Refuse())
        # With what it has imported of itself, which would not become its attributes.
        for other in [
            other for other in sys.modules if f"{other}.".startswith(f"{name}.")
        ]:
            del sys.modules[other]


def register() -> None:
    """See to the children of this process from now on."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget_unfinished_imports)
