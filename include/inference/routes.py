"""Which release answers on each route: one immutable snapshot, replaced as a whole."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from include.inference.errors import ApiError, unavailable
from include.ledger import Route
from include.settings import Settings

ROUTES = ("production", "staging")
READ_TIMEOUT_S = 3.0

RouteName = Literal["production", "staging"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """One route as the AP uses it. The release id is also the model's name in Triton."""

    project: str
    route: str
    release_id: str
    model: dict[str, Any]
    since: str

    def to_dict(self) -> dict[str, Any]:
        """Return what callers see of it."""
        return {"route": self.route, "release_id": self.release_id, "model": self.model, "since": self.since}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All routes at one moment. A request takes it once, so what it answers is never of two releases."""

    entries: Mapping[tuple[str, str], Entry] = field(default_factory=lambda: MappingProxyType({}))
    read_at: float | None = None

    def entry(self, project: str, route: str) -> Entry:
        """Return the entry of a route.

        Raises:
            ApiError: 503: the routes are not known yet, or nothing is deployed there.
        """
        found = self.entries.get((project, route))
        if found is not None:
            return found
        if self.read_at is None:
            raise unavailable(
                "routes_unknown", "the routes could not be read yet", "see /readyz for the reason, then send it again"
            )
        message = f"no release is on route {route} of project {project}"
        raise unavailable("no_release", message, f"deploy one first: start the pipeline {project}.release", retry_after_s=30)

    def of(self, project: str) -> list[Entry]:
        """Return the entries of one project."""
        return [entry for (name, _), entry in self.entries.items() if name == project]

    def releases(self) -> set[str]:
        """Return the ids of all releases that are on some route."""
        return {entry.release_id for entry in self.entries.values()}


class RouteTable:
    """Keeps the snapshot up to date; while the ledger cannot be read it keeps the one it has.

    Args:
        read: reads all routes; called in a thread of its own, never twice at once.
    """

    def __init__(self, read: Callable[[], Iterable[Route]]) -> None:
        self.snapshot = Snapshot()
        self.error: str | None = None
        self.switches = 0
        self._read = read
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="routes")
        self._lock = asyncio.Lock()
        self._late: asyncio.Future[Any] | None = None

    async def refresh(self, since: float | None = None) -> bool:
        """Read the routes, beginning after this call, and return whether they changed.

        Args:
            since: a moment of ``time.monotonic``: a read that began after it, for another caller, will do.

        Raises:
            ApiError: 503: they cannot be read now; the snapshot is as it was.
        """
        async with self._lock:
            if since is not None and self.snapshot.read_at is not None and self.snapshot.read_at > since:
                return False
            try:
                async with asyncio.timeout(READ_TIMEOUT_S):
                    if self._late is not None:  # a read that hung: its answer is older than this call
                        await asyncio.wait([self._late])
                    begin = time.monotonic()
                    self._late = asyncio.get_running_loop().run_in_executor(self._thread, self._read)
                    found = await asyncio.shield(self._late)
                    self._late = None
            except Exception as cause:  # whatever the ledger's database raises: this AP goes on with what it has
                if self._late is not None and self._late.done():
                    self._late = None
                self._tell(cause)
                what = "check the ledger's database; until then the routes stay as they are"
                raise unavailable("ledger_unreachable", f"the routes cannot be read: {self.error}", what) from cause
            if self.error is not None:
                _log.info("the routes can be read again")
            self.error = None
            return self._take(found, begin)

    async def run(self, every_s: float) -> None:
        """Refresh for ever."""
        while True:
            with contextlib.suppress(ApiError):  # kept in `error`, told by /readyz
                await self.refresh()
            await asyncio.sleep(every_s)

    def age_s(self) -> float | None:
        """Return the seconds since the routes were last read, None where they never were."""
        return None if self.snapshot.read_at is None else time.monotonic() - self.snapshot.read_at

    def close(self) -> None:
        """End the reading thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _take(self, found: Iterable[Route], begin: float) -> bool:
        entries = {(route.project, route.name): _entry(route) for route in found}
        before = self.snapshot
        changed = [key for key in entries.keys() | before.entries.keys() if entries.get(key) != before.entries.get(key)]
        self.snapshot = Snapshot(MappingProxyType(entries), begin)
        if before.read_at is not None:
            self.switches += len(changed)
        for project, name in changed:
            new = entries.get((project, name))
            _log.info("route %s of %s: %s", name, project, new.release_id if new else "no release")
        return bool(changed)

    def _tell(self, cause: Exception) -> None:
        problem = "no answer within 3 s" if isinstance(cause, TimeoutError) else f"{cause}".partition("\n")[0][:300]
        if self.error != problem:
            _log.warning("the routes cannot be read: %s", problem)
        self.error = problem


def ledger_reader(settings: Settings) -> Callable[[], list[Route]]:
    """Return a function that reads all routes from the ledger of ``settings``."""
    from include.ledger import Ledger

    return Ledger(settings.ledger()).routes


def _entry(route: Route) -> Entry:
    model: dict[str, Any] = {key: route.model[key] for key in ("name", "version") if key in route.model}
    return Entry(route.project, route.name, route.release_id, model, route.since.isoformat(timespec="milliseconds"))
