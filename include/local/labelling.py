"""Installs Label Studio, the tool that people label in, into an environment of its own, and says how it is started.

Its pins do not go together with the product's, so under ``root`` there are::

    env/             virtual environment with the pins of requirements-labelling.txt
    installed.json   what was installed; written last, so a half-made installation is made again
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import shutil
import sys
from pathlib import Path

from filelock import FileLock

from include.local.errors import PlatformError
from include.local.places import ROOT
from include.local.triton_install import TritonInstallError, uv

REQUIREMENTS = ROOT / "requirements-labelling.txt"
USER = "admin@example.com"  # Label Studio's people are named by an e-mail address; this one is the platform's own


class LabellingInstallError(PlatformError):
    """Label Studio cannot be installed or started on this machine; the message says what to do."""


def fingerprint() -> dict[str, str]:
    """Return what identifies an installation: layout, Python and the lock of the environment."""
    lock = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    return {"layout": "1", "python": platform.python_version(), "base": sys.base_prefix, "lock": lock}


def is_installed(root: Path) -> bool:
    """Return whether ``root`` holds a complete installation for this Python and these requirements."""
    try:
        return bool(json.loads((root / "installed.json").read_text()) == fingerprint())
    except (OSError, ValueError):
        return False


def install(root: Path) -> bool:
    """Install Label Studio under ``root``; nothing happens where it is there already.

    Args:
        root: folder of the installation; made if missing. Other things in it stay as they are.

    Returns:
        Whether anything was installed.

    Raises:
        LabellingInstallError: no ``uv`` or no package index.
    """
    root = root.resolve()
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / ".install.lock", timeout=900):
        if is_installed(root):
            return False
        (root / "installed.json").unlink(missing_ok=True)
        env = root / "env"
        shutil.rmtree(env, ignore_errors=True)
        try:
            uv(["venv", "--python", sys.executable, str(env)])
            uv(["pip", "install", "--python", str(env / "bin" / "python"), "--compile-bytecode", "-r", str(REQUIREMENTS)])
        except TritonInstallError as cause:
            raise LabellingInstallError(f"Label Studio cannot be installed: {cause}") from cause
        half = root / ".installed.json.part"
        half.write_text(json.dumps(fingerprint()))
        half.rename(root / "installed.json")
    return True


def labelling_command(
    root: Path, data: Path, port: int, token: str, password: str, host: str = "127.0.0.1"
) -> tuple[list[str], dict[str, str]]:
    """Return how to start the server; its first start makes the database, the account `USER` and its token.

    Args:
        root: folder of the installation (see `install`).
        data: folder of its database and uploads; made if missing.
        port: where it listens.
        token: API token of the account, 40 hexadecimal digits; counts at the first start.
        password: of the account; counts at the first start.
        host: address to listen on.

    Returns:
        The argument list without secrets, and the variables to start it with beside the usual ones.

    Raises:
        LabellingInstallError: nothing is installed under ``root``.
    """
    root, data = root.resolve(), data.resolve()
    if not is_installed(root):
        raise LabellingInstallError(
            f"no Label Studio under {root} for this Python: run `python -m include.local.labelling install --root {root}`"
        )
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    program = [str(root / "env" / "bin" / "label-studio"), "start", "--no-browser", "--enable-legacy-api-token"]
    argv = [*program, "--internal-host", host, "--port", str(port), "--data-dir", str(data)]
    return argv, {
        "LABEL_STUDIO_BASE_DATA_DIR": str(data),
        "LABEL_STUDIO_USERNAME": USER,
        "LABEL_STUDIO_PASSWORD": password,
        "LABEL_STUDIO_USER_TOKEN": token,
        # Who reaches the port may not make an account; people come by a link that an account holder gives them.
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "LABEL_STUDIO_SENTRY_DSN": "",
        "LABEL_STUDIO_FRONTEND_SENTRY_DSN": "",
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
    }


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m include.local.labelling", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("install", help="install Label Studio in an environment of its own")
    command.add_argument("--root", type=Path, required=True, help="folder of the installation")
    options = parser.parse_args(arguments)
    try:
        new = install(options.root)
    except LabellingInstallError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"Label Studio {'installed' if new else 'is installed'} under {options.root}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
