import subprocess
from types import SimpleNamespace

import psutil
import pytest

from include.training import device, reproducibility
from include.training.reproducibility import code_digest, environment, git_commit, packages


@pytest.fixture
def copy(digits, tmp_path):
    folder = tmp_path / "digits"
    folder.mkdir()
    for path in digits.folder.glob("*.*"):
        (folder / path.name).write_bytes(path.read_bytes())
    return digits.model_copy(update={"folder": folder})


def test_the_digest_follows_every_byte_and_name_of_the_code(copy):
    before = code_digest(copy, [])
    model = copy.folder / "model.py"
    text = model.read_text()
    model.write_text(text + "# one more\n")
    changed = code_digest(copy, [])
    model.write_text(text)
    assert before.startswith("sha256:") and changed != before == code_digest(copy, [])
    model.rename(copy.folder / "network.py")
    assert code_digest(copy, []) != before


def test_caches_do_not_count_and_the_training_area_does(copy):
    before = code_digest(copy, [])
    (copy.folder / "__pycache__").mkdir()
    (copy.folder / "__pycache__" / "model.cpython-311.pyc").write_bytes(b"x")
    (copy.folder / ".hidden").write_text("x")
    assert code_digest(copy, []) == before != code_digest(copy)


def test_git_names_the_commit_and_says_when_files_differ(tmp_path):
    assert git_commit(tmp_path) is None

    def git(*arguments: str) -> None:
        base = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run([*base, *arguments], check=True, capture_output=True)

    (tmp_path / "a").write_text("1")
    git("init")
    git("add", "a")
    git("commit", "-m", "one")
    commit = git_commit(tmp_path)
    assert commit and len(commit) == 40
    (tmp_path / "a").write_text("2")
    assert git_commit(tmp_path) == f"{commit}+changes"


def test_packages_and_machine_are_told():
    lines = packages().splitlines()
    assert any(line.startswith("torch==") for line in lines)
    assert len(lines) == len({line.partition("==")[0].lower() for line in lines}) > 50
    assert {"python", "platform", "cpu", "torch"} <= set(environment())


def test_what_a_job_was_given_is_told(monkeypatch):
    for name, value in {"ENVIRONMENT": "상자", "RUNTIME": "docker", "IMAGE": "ml:1", "CPUS": "1.5", "GPUS": "0"}.items():
        monkeypatch.setenv(f"DEVMLOPS_JOB_{name}", value)
    found = {name: value for name, value in environment().items() if name.startswith("job_")}
    wanted = {"job_environment": "상자", "job_runtime": "docker", "job_image": "ml:1", "job_cpus": "1.5", "job_gpus": "0"}
    assert found == wanted
    for name in ("ENVIRONMENT", "RUNTIME", "IMAGE", "CPUS", "GPUS"):
        monkeypatch.delenv(f"DEVMLOPS_JOB_{name}")
    assert not [name for name in environment() if name.startswith("job_")]


def test_memory_and_gpus_are_told(monkeypatch, tmp_path):
    import torch

    monkeypatch.setattr(reproducibility, "GPU_NODES", (str(tmp_path / "none"),))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: pytest.fail("there is no need to ask torch"))
    found = environment()
    assert found["memory"] == f"{psutil.virtual_memory().total / 2**30:.0f} GiB"
    assert (found["gpus"], found["device"]) == ("none", "cpu") and "cuda" not in found
    there = [SimpleNamespace(name="NVIDIA H200", total_memory=139.8 * 2**30), SimpleNamespace(name="작은 것", total_memory=2**34)]
    monkeypatch.setattr(reproducibility, "GPU_NODES", (str(tmp_path / "none"), str(tmp_path)))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(there))
    monkeypatch.setattr(torch.cuda, "get_device_properties", there.__getitem__)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    for gpus, place in (("", "cuda"), ("0", "cpu")):
        monkeypatch.setenv("DEVMLOPS_JOB_GPUS", gpus)
        found = environment()
        assert (found["gpus"], found["cuda"]) == ("NVIDIA H200 140 GiB, 작은 것 16 GiB", "12.8")
        assert found["device"] == place
    with device.on_cpu():
        assert environment()["device"] == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert environment()["gpus"] == "none", "torch sees none of them"
