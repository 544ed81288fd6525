"""The Triton server of one machine: ``python -m include.local.triton install --root DIR`` and its command line."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from include.local import shared_memory
from include.local.triton_install import TritonInstallError, backends, install, is_installed, library_path, server_home


def triton_command(
    root: Path, repository: Path, http_port: int, grpc_port: int, metrics_port: int, host: str = "127.0.0.1"
) -> tuple[list[str], dict[str, str]]:
    """Return how to start the server, and free what killed ones left; models are loaded by name only, none at start.

    Args:
        root: folder of the installation (see `install`).
        repository: model repository; made if missing.
        http_port: port of the HTTP API.
        grpc_port: port of the gRPC API.
        metrics_port: port of the Prometheus page ``/metrics``.
        host: address to listen on.

    Returns:
        The argument list, and the whole environment to start it with.

    Raises:
        TritonInstallError: nothing is installed under ``root``.
    """
    root, repository = root.resolve(), repository.resolve()
    if not is_installed(root):
        raise TritonInstallError(
            f"no Triton under {root} for this Python: run `python -m include.local.triton install --root {root}`"
        )
    repository.mkdir(parents=True, exist_ok=True)
    shared_memory.sweep()
    argv = [
        str(server_home(root) / "bin" / "tritonserver"),
        f"--model-repository={repository}",
        f"--backend-directory={backends(root)}",
        "--model-control-mode=explicit",
        "--disable-auto-complete-config",  # a load takes 0.1 s instead of 1.3 s
        f"--http-address={host}",
        f"--http-port={http_port}",
        f"--grpc-address={host}",
        f"--grpc-port={grpc_port}",
        f"--metrics-address={host}",
        f"--metrics-port={metrics_port}",
        "--allow-gpu-metrics=false",
        "--pinned-memory-pool-byte-size=0",
        "--exit-timeout-secs=10",
        "--log-info=false",
        f"--backend-config=python,shm-region-prefix-name={shared_memory.PREFIX}",
        "--backend-config=python,shm-default-byte-size=1048576",
        "--backend-config=python,shm-growth-byte-size=1048576",
    ]
    return argv, _environment(root)


def _environment(root: Path) -> dict[str, str]:
    """Return the server's environment: the stub takes its interpreter from PATH and ignores PYTHONPATH."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "DEVMLOPS_", "AIRFLOW"))}
    libraries = [*library_path(root), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    return {
        **kept,
        "PATH": f"{root / 'env' / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        **({"LD_LIBRARY_PATH": os.pathsep.join(libraries)} if libraries else {}),
        "ORT_DISABLE_TELEMETRY": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m include.local.triton", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("install", help="install the server and its serving environment")
    command.add_argument("--root", type=Path, required=True, help="folder of the installation")
    options = parser.parse_args(arguments)
    try:
        new = install(options.root)
    except TritonInstallError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"Triton {'installed' if new else 'is installed'} under {options.root}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
