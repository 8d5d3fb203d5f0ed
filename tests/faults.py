"""Run a command again and again, and let it meet a fault at each step that it takes.

A process of its own: ``python faults.py FOLDER`` reads from standard input, as JSON,
what to run. Each run is a fork that works in a copy of FOLDER, and meets the fault at
its n-th step: whatever it asks of the system in ``out`` by name (to open, link, rename
or remove a file), and each lock. Runs end with the first that takes fewer steps.
Standard output says how each ended.
"""

import contextlib
import errno
import io
import json
import os
import shutil
import signal
import sys
from pathlib import Path

from nithresh.command import main

STEPS = (
    "open",
    "os.rename",
    "os.link",
    "os.remove",
    "os.chmod",
    "os.chown",
    "os.utime",
)
LOCK = "fcntl.flock"


def meet(fault, last, folder, told):
    """Let this process meet a fault at a step, and tell there which one it was."""
    steps = 0

    def is_step(event, args):
        if event not in STEPS or isinstance(args[0], int):
            return event == LOCK
        return os.path.abspath(args[0]).startswith(folder)  # noqa: PTH100 - no hooks

    def hook(event, args):
        nonlocal steps
        if not is_step(event, args):
            return
        steps += 1
        if steps != last:
            return
        os.write(told, event.encode())
        if fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    sys.addaudithook(hook)


def quietly(args, folder):
    """Run the command in a folder; return its exit code."""
    nowhere = io.TextIOWrapper(io.BytesIO())
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        return main(args)


def run(args, folder, last=0, fault="none"):
    """Run the command in a fork; return its exit code and the step of the fault."""
    source, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            if last:
                meet(fault, last, f"{folder}/out/", told)
            code = quietly(args, folder)
        finally:
            os._exit(code)
    os.close(told)
    with os.fdopen(source) as stream:
        event = stream.read()
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), event


def runs(args, template, fault, after=None):
    """Yield how each run ended, and how the one after it did."""
    # What is imported here is there in all forks.
    quietly(args, shutil.copytree(template, template.with_name("warm")))
    for last in range(1, 100):
        folder = template.with_name(f"{fault}{last}")
        shutil.copytree(template, folder)
        code, event = run(args, folder, last, fault)
        seen = folder.with_name(f"{folder.name}-seen")
        shutil.copytree(folder, seen)
        again = run(after, folder)[0] if after else None
        yield {"seen": str(seen), "folder": str(folder), "code": code, "event": event,
               "again": again}  # fmt: skip
        if not event:
            return


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    for ended in runs(template=Path(sys.argv[1]), **asked):
        print(json.dumps(ended), flush=True)
