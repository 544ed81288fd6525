"""``python -m include.local.data_server``: serve a folder, or remove from it what nothing refers to (``gc``)."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import uvicorn

from include.local.data_server.access_log import AccessLog
from include.local.data_server.app import create_app
from include.local.data_server.gc import collect
from include.local.data_server.keys import Keys, KeysError
from include.local.data_server.store import InUseError, Store


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Returns:
        Exit code: 0, or 2 when it cannot be run as asked.
    """
    parser = argparse.ArgumentParser(prog="python -m include.local.data_server", description="lakeFS API for one machine")
    commands = parser.add_subparsers(dest="command")
    gc = commands.add_parser("gc", help="remove what no branch or tag leads to; the server must be stopped")
    gc.add_argument("--root", type=Path, required=True, help="folder of the data")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8100, help="port to listen on")
    parser.add_argument("--root", type=Path, help="folder of the data")
    parser.add_argument("--keys", type=Path, help="file of access keys (mode 0600)")
    parser.add_argument("--max-object-bytes", type=int, default=5 * 2**30, help="largest object taken")
    parser.add_argument("--access-log", type=Path, help="file of the access log (access.log in the folder of the data)")
    options = parser.parse_args(arguments)
    os.umask(0o077)
    try:
        if options.command == "gc":
            print(collect(options.root))
            return 0
        if options.root is None or options.keys is None:
            parser.error("--root and --keys are required")
        keys = Keys(options.keys)
        store = Store(options.root)
        app = create_app(store, keys, options.max_object_bytes, AccessLog(options.access_log or options.root / "access.log"))
    except (KeysError, InUseError, OSError, RuntimeError) as error:
        print(f"data server: {error}", file=sys.stderr)
        return 2
    uvicorn.run(
        app,
        host=options.host,
        port=options.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
        http="httptools",
        loop="uvloop",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
