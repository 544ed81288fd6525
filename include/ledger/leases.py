"""Leases: one process at a time changes what another engine keeps, on however many machines."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from include.ledger import engine
from include.ledger.errors import LedgerError
from include.ledger.models import LeaseRow

LEASE_S, WAIT_S, POLL_S = 30.0, 45.0, 0.2
"""The wait is longer than a lease: one that a killed process left behind runs out in the meantime."""


class LeaseLedger:
    """The part of the ledger that keeps leases."""

    url: str

    @contextmanager
    def lease(self, name: str, seconds: float = LEASE_S, wait_s: float = WAIT_S) -> Iterator[Callable[[], None]]:
        """Hold a lease for the block; who comes meanwhile waits.

        Args:
            name: of what is changed, such as ``model digits``.
            seconds: after which it is free again, should this process die.
            wait_s: how long to wait for who has it.

        Yields:
            A function that makes the lease new and raises `LedgerError` where another has taken it since; call it before
            what must not happen twice.

        Raises:
            LedgerError: another still has it after that time.
        """
        holder, end = uuid.uuid4().hex, time.monotonic() + wait_s
        while not self._take(name, holder, seconds):
            if time.monotonic() >= end:
                raise LedgerError(f"{name} is being changed by another process: try again in a minute", name=name)
            time.sleep(POLL_S)

        def hold() -> None:
            if not self._take(name, holder, seconds, anew=True):
                raise LedgerError(f"{name} took longer than {seconds:g} s, and another process changes it now: try again")

        try:
            yield hold
        finally:
            with engine.writing(self.url) as session:
                row = session.get(LeaseRow, name)
                if row is not None and row.holder == holder:
                    session.delete(row)

    def _take(self, name: str, holder: str, seconds: float, anew: bool = False) -> bool:
        with engine.writing(self.url) as session:
            row, now = session.get(LeaseRow, name), datetime.now(UTC)
            if row is not None and row.holder != holder and (anew or row.until > now):
                return False
            if row is None:
                if anew:
                    return False
                row = LeaseRow(name=name)
                session.add(row)
            row.holder, row.until = holder, now + timedelta(seconds=seconds)
            return True
