"""``python -m include.inference``: the inference AP as one process."""

from __future__ import annotations

import argparse
import logging
import sys
from urllib.parse import urlsplit

import uvicorn

from include.inference.app import create_app
from include.settings import Settings

SWITCH_S = 0.0005  # the log's thread would else wait 5 ms for a busy event loop after each flush


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM; requests under way are answered first."""
    settings = Settings()
    address = urlsplit(settings.inference_url)
    parser = argparse.ArgumentParser(prog="python -m include.inference", description=__doc__)
    parser.add_argument("--host", default=address.hostname or "127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=address.port or 8090, help="port to listen on")
    options = parser.parse_args(arguments)
    sys.setswitchinterval(SWITCH_S)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    uvicorn.run(
        create_app(settings),
        host=options.host,
        port=options.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=75,  # a caller's pooled connection outlives its usual pauses
        timeout_graceful_shutdown=10,
        backlog=2048,
    )


if __name__ == "__main__":
    main()
