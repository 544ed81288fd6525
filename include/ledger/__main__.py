"""``python -m include.ledger``: make the tables, check the audit chain, see alerts and close one by hand."""

from __future__ import annotations

import argparse
import getpass
import sys

from include.ledger import Ledger, LedgerError
from include.settings import Settings


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns 0 when it went well, 1 when the chain is broken, 2 when the ledger refuses or cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        return _run(Ledger(Settings().ledger()), options)
    except LedgerError as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m include.ledger", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("migrate", help="make or update the tables")
    verify = commands.add_parser("verify", help="check the audit chain and what it vouches for")
    verify.add_argument("--anchor", metavar="COUNT:HASH", help="what an earlier check printed, kept outside the ledger")
    alerts = commands.add_parser("alerts", help="the alerts of a project, newest last")
    alerts.add_argument("project")
    close = commands.add_parser(
        "close-alert", help="close an alert that no retraining will answer; the same cause raises a new one"
    )
    close.add_argument("id", type=int)
    close.add_argument("--by", default=getpass.getuser(), help="who closes it; the name of this login by itself")
    close.add_argument("--reason", required=True)
    return parser


def _run(ledger: Ledger, options: argparse.Namespace) -> int:
    if options.command == "migrate":
        print(f"{ledger!r} is at revision {ledger.migrate()}")
    elif options.command == "alerts":
        for alert in ledger.alerts(options.project):
            print(f"{alert.id}  {alert.state}  {alert.severity}  {alert.last_seen:%Y-%m-%d %H:%M} UTC  {alert.message}")
    elif options.command == "close-alert":
        closed = ledger.close_alert(options.id, options.by, options.reason)
        print(f"alert {closed.id} is closed by {closed.closed_by}: {closed.closed_reason}")
    else:
        check = ledger.verify_audit(options.anchor)
        if not check.ok:
            print(f"BROKEN at entry {check.first_bad_seq}: {check.reason}", file=sys.stderr)
            return 1
        print(f"{check.entries} entries, {check.reason}; head {check.head}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
