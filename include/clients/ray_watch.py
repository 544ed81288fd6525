"""What becomes of a process whose Ray goes away under it.

Ray itself (2.60) lets a process whose control service died hang for a minute and then ends it; where its node's process
died, each call fails with some error of its own, and a search ends "well" with trials missing. So somebody looks whether
both still live, and ends this process with a word that helps. It cannot raise: the main thread waits within Ray's code.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

LOOK_S = 0.3
NEEDED = {"raylet": "node process (raylet)", "gcs_server": "control service (gcs_server)"}


class RayWatch:
    """Ends this process when the cluster that it started is no longer whole.

    Args:
        on_gone: called before that, to close what is open elsewhere.
    """

    def __init__(self, on_gone: Callable[[], None] | None = None) -> None:
        import psutil

        self.on_gone = on_gone
        self._needed = {one: NEEDED[name] for one in psutil.Process().children() if (name := one.name()) in NEEDED}
        self._over, self._once = threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._look, daemon=True, name="ray watch")

    def start(self) -> None:
        """Look from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Look a last time, and no more: what comes now may end Ray."""
        self.check()
        self._over.set()

    def check(self) -> None:
        """End this process where Ray is gone."""
        for process, what in self._needed.items():
            if not _lives(process):
                self._leave(what)

    def _look(self) -> None:
        while not self._over.wait(LOOK_S):
            self.check()

    def _leave(self, what: str) -> None:
        self._once.acquire()  # never given back: the process ends
        with contextlib.suppress(Exception):
            if self.on_gone:
                self.on_gone()
        cause = f"Ray's {what} ended in the middle, as when it was killed or memory ran out"
        print(f"RayError: {cause}; another try goes on with what is done", file=sys.stderr, flush=True)
        os._exit(1)


def _lives(process: psutil.Process) -> bool:
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def node_lives() -> bool:
    """Tell whether a node process that this process started still lives."""
    import psutil

    for one in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):  # it may end meanwhile
            if one.name() == "raylet" and _lives(one):
                return True
    return False
