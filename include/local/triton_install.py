"""Installs the real Triton server on one machine, out of NVIDIA's wheel, without Docker or root.

Under ``root`` it makes::

    server/          the wheel's files; its libraries find each other by relative position
    server/pytriton/tritonserver/devmlops_backends/python/    Python backend with the stub of this Python
    env/             serving environment: what models import (numpy below 2, onnxruntime)
    installed.json   what was installed; written last, so a half-made installation is made again
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from filelock import FileLock

from include.settings import ROOT

WHEEL = "nvidia-pytriton==0.7.0"  # carries tritonserver 2.51.0 and Python stubs of 3.8 to 3.13
WHEEL_SHA256 = (
    "21f063ff93bb426d0c06b7a55e7eb9efcfe62c0dddd9a908e9877e18710128df",
    "f99e07ee56fe065337453956afba17d2673e02ec6a632c3de26ce6e7b32a0898",
)
SERVING_REQUIREMENTS = ROOT / "requirements-serving.txt"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class TritonInstallError(RuntimeError):
    """Triton cannot be installed or started on this machine; the message says what to do."""


def server_home(root: Path) -> Path:
    """Return the folder of the wheel's ``tritonserver`` under ``root``."""
    return root / "server" / "pytriton" / "tritonserver"


def backends(root: Path) -> Path:
    """Return the ``--backend-directory``; at this depth the libraries' relative search paths hold."""
    return server_home(root) / "devmlops_backends"


def check_platform() -> None:
    """Check that the wheel can run here.

    Raises:
        TritonInstallError: not Linux on x86-64 with glibc 2.35 or newer.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise TritonInstallError(
            f"the Triton wheel runs on Linux x86-64 alone and this is {platform.system()} {platform.machine()}: "
            "start the platform with docker-compose instead"
        )
    libc, version = platform.libc_ver()
    if libc != "glibc" or tuple(int(n) for n in version.split(".")[:2]) < (2, 35):
        raise TritonInstallError(
            f"the Triton wheel needs glibc 2.35 or newer and this machine has {libc or 'another C library'} {version}: "
            "use a newer distribution (Debian 12, Ubuntu 22.04) or docker-compose"
        )


def fingerprint() -> dict[str, str]:
    """Return what identifies an installation: layout, wheel, Python and the lock of the serving environment."""
    lock = hashlib.sha256(SERVING_REQUIREMENTS.read_bytes()).hexdigest()
    return {"layout": "1", "wheel": WHEEL, "python": platform.python_version(), "base": sys.base_prefix, "serving": lock}


def is_installed(root: Path) -> bool:
    """Return whether ``root`` holds a complete installation for this Python and these requirements."""
    try:
        return bool(json.loads((root / "installed.json").read_text()) == fingerprint())
    except (OSError, ValueError):
        return False


def install(root: Path) -> bool:
    """Install server, stub and serving environment under ``root``; nothing happens where they are there already.

    Args:
        root: folder of the installation; made if missing. Other things in it stay as they are.

    Returns:
        Whether anything was installed.

    Raises:
        TritonInstallError: wrong platform, no ``uv``, no network, or a Python without a stub.
    """
    check_platform()
    root = root.resolve()
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / ".install.lock", timeout=600):
        if is_installed(root):
            return False
        (root / "installed.json").unlink(missing_ok=True)
        for part in ("server", "env"):
            shutil.rmtree(root / part, ignore_errors=True)
        _install_server(root)
        _install_env(root)
        library_path(root)
        half = root / ".installed.json.part"
        half.write_text(json.dumps(fingerprint()))
        half.rename(root / "installed.json")
    return True


def library_path(root: Path) -> list[str]:
    """Return the folders that the stub needs on ``LD_LIBRARY_PATH`` to find this Python's shared library.

    Raises:
        TritonInstallError: this Python was built without one and the system has none.
    """
    if PYTHON == "3.13":  # its stub brings its own
        return [str(root / "server" / "nvidia_pytriton.libs")]
    name = f"libpython{PYTHON}.so.1.0"
    for folder in (sysconfig.get_config_var("LIBDIR"), f"{sys.base_prefix}/lib"):
        if folder and (Path(folder) / name).is_file():
            return [folder]
    try:
        ctypes.CDLL(name)
    except OSError as cause:
        raise TritonInstallError(
            f"Triton's Python backend needs {name}, and neither {sys.base_prefix}/lib nor the system has it: "
            f"install it (Debian and Ubuntu: apt install libpython{PYTHON}) or use a Python built with --enable-shared"
        ) from cause
    return []


def _install_server(root: Path) -> None:
    requirement = WHEEL + "".join(f" --hash=sha256:{digest}" for digest in WHEEL_SHA256)
    # The wheel asks for numpy below 2 and old clients; only its binaries are wanted.
    uv(["pip", "install", "--no-deps", "--require-hashes", "--target", str(root / "server"), "-r", "-"], requirement)
    home = server_home(root)
    stub = home / "python_backend_stubs" / PYTHON / "triton_python_backend_stub"
    if not stub.is_file():
        have = ", ".join(sorted(p.name for p in stub.parents[1].glob("3.*")))
        raise TritonInstallError(
            f"{WHEEL} has no Python backend for Python {PYTHON} (it has {have}): use Python 3.11, 3.12 or 3.13"
        )
    target = backends(root) / "python"
    shutil.copytree(home / "backends" / "python", target)
    shutil.copy2(stub, target)
    for program in (target / stub.name, home / "bin" / "tritonserver"):
        program.chmod(0o755)


def _install_env(root: Path) -> None:
    env = root / "env"
    uv(["venv", "--python", sys.executable, str(env)])
    uv(["pip", "install", "--python", str(env / "bin" / "python"), "--compile-bytecode", "-r", str(SERVING_REQUIREMENTS)])
    # The stub ignores PYTHONDONTWRITEBYTECODE; a compiled model.py would change a released package and make Triton reload it.
    site = next((env / "lib").glob("python3*")) / "site-packages"
    (site / "devmlops.pth").write_text("import sys; sys.dont_write_bytecode = True\n")


def uv(arguments: list[str], stdin: str | None = None) -> None:
    """Run ``uv`` with these arguments.

    Raises:
        TritonInstallError: there is no ``uv``, or it failed; what it said is in the message.
    """
    beside = Path(sys.executable).with_name("uv")
    if importlib.util.find_spec("uv"):
        program = [sys.executable, "-m", "uv"]
    elif found := (str(beside) if beside.is_file() else shutil.which("uv")):
        program = [found]
    else:
        raise TritonInstallError("uv is not installed: run `python -m pip install uv` and start again")
    environment = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "UV_PYTHON", "PYTHONDONTWRITEBYTECODE")}
    if arguments[0] == "pip" and "--python" not in arguments:
        arguments = [*arguments, "--python", sys.executable]
    done = subprocess.run([*program, "--quiet", *arguments], input=stdin, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise TritonInstallError(
            f"`uv {' '.join(arguments[:2])}` failed (is the package index reachable?): {done.stderr.strip()}"
        )
