"""What a run must remember so that it can be made again: code, packages, machine."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from include.projects import Project
from include.settings import ROOT, Settings
from include.training import device

COMPUTES = ("torch", "numpy", "scikit-learn", "ray", "mlflow")
IGNORED = ("__pycache__", ".ipynb_checkpoints", ".mypy_cache", ".ruff_cache")
# One of them is there where a GPU is: NVIDIA's, the same under Windows, and AMD's. Only then torch, which takes seconds to
# import, is asked what it sees.
GPU_NODES = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")


def code_digest(project: Project, folders: Iterable[Path] | None = None) -> str:
    """Return one digest over the code that makes a model.

    Args:
        project: its whole folder counts, project.yaml included.
        folders: what else counts; the training area where none is given, and the components where a workflow uses them.

    Returns:
        ``sha256:`` and 64 hex digits over names and bytes of all files; caches and hidden files do not count.
    """
    makers = ["training", "components"] if project.workflow else ["training"]
    roots = [project.folder, *(folders if folders is not None else [ROOT / "include" / name for name in makers])]
    total = hashlib.sha256()
    for root in roots:
        for path in sorted(p for p in root.rglob("*") if p.is_file()):
            inside = path.relative_to(root)
            if path.suffix == ".pyc" or any(part in IGNORED or part.startswith(".") for part in inside.parts):
                continue
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            total.update(f"{root.name}/{inside.as_posix()}\0{content}\n".encode())
    return f"sha256:{total.hexdigest()}"


def git_commit(folder: Path = ROOT) -> str | None:
    """Return the commit that is checked out, with ``+changes`` where files differ from it; None without git."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return commit + ("+changes" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()


def packages() -> str:
    """Return every installed distribution as ``name==version`` lines, sorted, as ``pip freeze`` would."""
    found = {(d.metadata["Name"] or "").lower(): f"{d.metadata['Name']}=={d.version}" for d in metadata.distributions()}
    return "".join(f"{found[name]}\n" for name in sorted(found) if name)


def environment() -> dict[str, str]:
    """Return where this process computes: Python, system, hardware, the job's environment, and the versions of what computes.

    Returns:
        ``python``, ``platform``, ``cpu`` (its model), ``cpus``, ``memory`` (of the machine, in whole GiB), ``gpus`` (those that
        torch sees, with their memory, or ``none``), ``cuda`` (of torch, where there are GPUs), ``device`` (that networks
        compute on); of a job ``job_environment``, ``job_runtime``, ``job_image``, ``job_cpus`` and ``job_gpus``, each where
        its environment says it; and the version of each of `COMPUTES`.
    """
    facts = {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cpus": str(os.cpu_count() or 1),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        **_graphics(),
        **_job(),
    }
    for name in COMPUTES:
        try:
            facts[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return facts


def _graphics() -> dict[str, str]:
    alone = {"gpus": "none", "device": "cpu"}
    if not any(Path(node).exists() for node in GPU_NODES):
        return alone
    import torch

    if not torch.cuda.is_available():
        return alone
    there = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    told = ", ".join(f"{one.name} {one.total_memory / 2**30:.0f} GiB" for one in there)
    return {"gpus": told, "cuda": str(torch.version.cuda or torch.version.hip), "device": device.chosen().type}


def _job() -> dict[str, str]:
    one = Settings()
    said = {
        "job_environment": one.job_environment,
        "job_runtime": one.job_runtime,
        "job_image": one.job_image,
        "job_cpus": f"{one.job_cpus:g}" if one.job_cpus else "",
        "job_gpus": "" if one.job_gpus is None else f"{one.job_gpus:g}",
    }
    return {name: value for name, value in said.items() if value}


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
