"""The file that says what a job shall do, and the file that takes its result."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from include.jobs.errors import SpecError


@dataclass(frozen=True)
class Spec:
    """What a job works on: the project's name, and the arguments of the job's function."""

    project: str
    args: dict[str, Any]


def local_path(uri: str) -> Path:
    """Return the file that a path or ``file://`` URI names.

    Raises:
        SpecError: it is another kind of URI.
    """
    parts = urlsplit(uri)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    if "://" in uri:
        raise SpecError(f"{parts.scheme}:// is not supported for specs and results: give a path or file:///path")
    return Path(uri)


def read_spec(uri: str) -> Spec:
    """Read and check a spec, ``{"project": ..., "args": {...}}``.

    Raises:
        SpecError: it cannot be read, or is not of that form.
    """
    path = local_path(uri)
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as cause:
        raise SpecError(f"cannot read the spec {path}: {cause.strerror or cause}") from cause
    except ValueError as cause:
        raise SpecError(f"the spec {path} is not JSON: {cause}") from cause
    if not isinstance(raw, dict) or not isinstance(raw.get("project"), str) or not isinstance(raw.get("args", {}), dict):
        raise SpecError(f'the spec {path} must be {{"project": "name", "args": {{...}}}}')
    unknown = sorted(set(raw) - {"project", "args"})
    if unknown:
        raise SpecError(f"the spec {path} has unknown keys: {', '.join(unknown)}")
    return Spec(raw["project"], dict(raw.get("args", {})))


def write_json(path: Path, value: Any) -> None:
    """Write a file that is either whole or not there, readable by its owner alone."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.touch(mode=0o600)
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
