"""``python -m include.ledger migrate`` and ``python -m include.ledger verify [--anchor COUNT:HASH]``."""

from __future__ import annotations

import argparse
import sys

from include.ledger import Ledger, LedgerError
from include.settings import Settings


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns 0 when it went well, 1 when the chain is broken, 2 when the ledger cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m include.ledger", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("migrate", help="make or update the tables")
    verify = commands.add_parser("verify", help="check the audit chain and what it vouches for")
    verify.add_argument("--anchor", metavar="COUNT:HASH", help="what an earlier check printed, kept outside the ledger")
    options = parser.parse_args(arguments)
    try:
        ledger = Ledger(Settings().ledger())
        if options.command == "migrate":
            print(f"{ledger!r} is at revision {ledger.migrate()}")
            return 0
        check = ledger.verify_audit(options.anchor)
    except LedgerError as error:
        print(error, file=sys.stderr)
        return 2
    if check.ok:
        print(f"{check.entries} entries, {check.reason}; head {check.head}")
        return 0
    print(f"BROKEN at entry {check.first_bad_seq}: {check.reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
