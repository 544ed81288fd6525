from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from include.local import triton, triton_install
from include.local.triton import main, triton_command
from include.local.triton_install import TritonInstallError, check_platform, install, is_installed
from include.settings import ROOT

INSTALLATION = ROOT / ".devmlops" / "triton"


def test_other_platforms_are_sent_to_docker_compose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> None:
    monkeypatch.setattr(triton_install.platform, "machine", lambda: "aarch64")
    with pytest.raises(TritonInstallError, match="docker-compose"):
        check_platform()
    assert main(["install", "--root", str(tmp_path / "t")]) == 1
    assert "docker-compose" in capsys.readouterr().err and not (tmp_path / "t").exists()
    monkeypatch.setattr(triton_install.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(TritonInstallError, match="docker-compose"):
        check_platform()


@pytest.mark.parametrize("libc", [("glibc", "2.31"), ("", ""), ("musl", "1.2.5")])
def test_old_or_other_c_library_is_refused(monkeypatch: pytest.MonkeyPatch, libc: tuple[str, str]) -> None:
    monkeypatch.setattr(triton_install.platform, "libc_ver", lambda: libc)
    with pytest.raises(TritonInstallError, match=r"glibc 2\.35"):
        check_platform()


def test_missing_uv_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(triton_install.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(triton_install.shutil, "which", lambda name: None)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(TritonInstallError, match="pip install uv"):
        install(tmp_path / "t")
    assert not is_installed(tmp_path / "t")


def test_unreachable_index_leaves_nothing_that_looks_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(TritonInstallError, match="is the package index reachable"):
        install(tmp_path / "t")
    assert not is_installed(tmp_path / "t")
    with pytest.raises(TritonInstallError, match=r"run `python -m include\.local\.triton install"):
        triton_command(tmp_path / "t", tmp_path / "models", 1, 2, 3)


def test_python_without_a_shared_library_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(triton_install, "PYTHON", "3.12")
    monkeypatch.setattr(triton_install.sysconfig, "get_config_var", lambda name: str(tmp_path))
    monkeypatch.setattr(triton_install.sys, "base_prefix", str(tmp_path))
    monkeypatch.setattr(triton_install.ctypes, "CDLL", missing)
    with pytest.raises(TritonInstallError, match=r"libpython3\.12\.so\.1\.0.*apt install libpython3\.12"):
        triton_install.library_path(tmp_path)


def test_another_lock_means_installing_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "installed.json").write_text(json.dumps(triton_install.fingerprint()))
    assert is_installed(tmp_path)
    other = tmp_path / "lock.txt"
    other.write_text("numpy==1.26.3\n")
    monkeypatch.setattr(triton_install, "SERVING_REQUIREMENTS", other)
    assert not is_installed(tmp_path)


@pytest.mark.integration
def test_installing_twice_does_nothing_the_second_time() -> None:
    install(INSTALLATION)
    before = (INSTALLATION / "installed.json").stat().st_mtime_ns
    assert install(INSTALLATION) is False
    assert (INSTALLATION / "installed.json").stat().st_mtime_ns == before


@pytest.mark.integration
def test_installation_from_nothing_serves(tmp_path: Path, free_port: Any) -> None:
    """A first installation, over what a killed one left, starts a server that answers."""
    (tmp_path / "t" / "env").mkdir(parents=True)
    (tmp_path / "t" / "env" / "left").write_text("x")
    assert install(tmp_path / "t") is True
    assert not (tmp_path / "t" / "env" / "left").exists()
    site = next((tmp_path / "t" / "env" / "lib").glob("python3*")) / "site-packages"
    assert list((site / "numpy").glob("__pycache__/*.pyc"))  # byte-compiled
    http = free_port()
    argv, env = triton_command(tmp_path / "t", tmp_path / "models", http, free_port(), free_port())
    process = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        for _ in range(200):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{http}/v2", timeout=1) as answer:
                    assert json.load(answer)["version"] == "2.51.0"
                break
            except OSError:
                assert process.poll() is None
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.integration
def test_serving_environment_has_the_numpy_that_the_server_can_talk_to() -> None:
    install(INSTALLATION)
    code = "import numpy, onnxruntime, sys; print(numpy.__version__, onnxruntime.__version__, sys.dont_write_bytecode)"
    env = {**os.environ, "ORT_DISABLE_TELEMETRY": "1"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run([INSTALLATION / "env" / "bin" / "python", "-I", "-c", code], env=env, capture_output=True, text=True)
    assert done.stdout.split() == ["1.26.4", "1.31.1", "True"] or sys.version_info >= (3, 13)


@pytest.mark.integration
def test_server_listens_on_this_machine_alone_and_knows_no_secret(triton_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    server = psutil.Process(triton_server.process.pid)
    listening = {c.laddr for c in server.net_connections(kind="tcp") if c.status == psutil.CONN_LISTEN}
    assert {a.port for a in listening} >= set(triton_server.ports)
    assert {a.ip for a in listening} <= {"127.0.0.1", "::ffff:127.0.0.1"}
    monkeypatch.setenv("DEVMLOPS_DATA_OPS_SECRET_KEY", "hush")
    _, env = triton.triton_command(INSTALLATION, triton_server.repository, 1, 2, 3)
    assert "hush" not in env.values() and not any(k.startswith(("DEVMLOPS_", "PYTHON")) for k in env)
    with urllib.request.urlopen(triton_server.metrics, timeout=5) as answer:
        assert b"nv_" in answer.read()
