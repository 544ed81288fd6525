"""The platform's TCP ports: the usual ones where they are free, others where they are taken."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

from include.local.places import read_json, write_private

HOST = "127.0.0.1"

PREFERRED: dict[str, int] = {
    "airflow": 8080,
    "airflow_worker_logs": 8793,
    "airflow_trigger_logs": 8794,
    "data": 8100,
    "inference": 8090,
    "labelling": 8085,
    "mlflow": 5000,
    "triton_http": 8000,
    "triton_grpc": 8001,
    "triton_metrics": 8002,
}


def is_free(port: int) -> bool:
    """Return whether nobody listens on ``port`` of this machine, on any address."""
    for host in (HOST, "0.0.0.0"):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


def free_port(taken: set[int]) -> int:
    """Return a port that is free and not in ``taken``."""
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port


def choose_ports(file: Path, is_ours: Callable[[int], bool] = lambda port: False) -> dict[str, int]:
    """Return a port for every name of `PREFERRED` and keep the choice in ``file``.

    Args:
        file: JSON file of the last choice; its ports are kept while they are free or ours.
        is_ours: tells of a port that is not free whether the platform itself listens on it.
    """
    before = read_json(file)
    before = before if isinstance(before, dict) else {}
    chosen: dict[str, int] = {}
    for name, usual in PREFERRED.items():
        wish = before.get(name, usual)
        taken = set(chosen.values())
        usable = isinstance(wish, int) and 0 < wish < 65536 and wish not in taken and (is_free(wish) or is_ours(wish))
        chosen[name] = wish if usable else free_port(taken | set(PREFERRED.values()))
    if chosen != before:
        write_private(file, json.dumps(chosen, indent=1))
    return chosen
