"""What says what a job shall do, and what takes its result.

Where task and job see the same files, both are files. Where they do not, the spec is a ``data:`` URI in the job's
command, and the result is the job's last line, marked with the job's id: nothing has to be mounted, nothing is left
behind, and a task that finds the job of an earlier try reads the same lines again.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from include.jobs.errors import SpecError

DATA = "data:application/json;base64,"
LONGEST_SPEC = 100_000  # Linux takes 131,072 bytes as one argument
LONGEST_RESULT = 200_000
LOG = "log:"  # --result log:ID
RESULT = "devmlops-result"
_RESULT_LINE = re.compile(rf"^{RESULT} (\S+) (.*)$", re.DOTALL)


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

    Args:
        uri: path, ``file://`` URI, or ``data:`` URI with the JSON in base64.

    Raises:
        SpecError: it cannot be read, or is not of that form.
    """
    path: Path | str = "in the command" if uri.startswith("data:") else local_path(uri)
    try:
        raw = json.loads(_inline(uri) if isinstance(path, str) else path.read_text(encoding="utf-8"))
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


def spec_uri(spec: Spec) -> str:
    """Return a spec as a ``data:`` URI.

    Raises:
        SpecError: it is no JSON, or too long for a command.
    """
    try:
        text = json.dumps({"project": spec.project, "args": spec.args}, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as cause:
        raise SpecError(f"the arguments of the job are no JSON: {cause}") from cause
    uri = DATA + base64.b64encode(text).decode()
    if len(uri) > LONGEST_SPEC:
        advice = "give a reference (version, run, path) in place of the data themselves"
        raise SpecError(f"the spec of the job has {len(uri)} characters, more than the {LONGEST_SPEC} of a command: {advice}")
    return uri


def _inline(uri: str) -> str:
    head, _, body = uri.partition(",")
    if not head.endswith(";base64"):
        raise ValueError("a data: URI must hold base64")
    try:
        return base64.b64decode(body, validate=True).decode("utf-8")
    except binascii.Error as cause:
        raise ValueError(f"bad base64: {cause}") from cause


def result_line(job_id: str, result: Any) -> str:
    """Return the line that carries a job's result.

    Raises:
        ValueError: it is no JSON, or too long for a line of a log.
    """
    text = json.dumps(result, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    if len(text) > LONGEST_RESULT:
        raise ValueError(f"the result has {len(text)} characters, more than {LONGEST_RESULT}: return references, not data")
    return f"{RESULT} {job_id} {text}"  # ASCII alone, so that no log's encoding changes it


def result_of(line: str, job_id: str) -> str | None:
    """Return the JSON text that a line carries as the result of a job; None where it is another line."""
    found = _RESULT_LINE.match(line)
    return found[2] if found and found[1] == job_id else None


def write_json(path: Path, value: Any) -> None:
    """Write a file that is either whole or not there, readable by its owner alone."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.touch(mode=0o600)
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
