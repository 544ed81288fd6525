"""The environments that there are: kept in the ledger by version, chosen by project, job and run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from include.management.environment import Environment, EnvironmentRefused
from include.projects import Project
from include.settings import Settings

if TYPE_CHECKING:
    from include.ledger import EnvironmentVersion, Ledger

LOCAL = Environment(name="local", runtime="local", description="In the task, on the machine that the task runs on.")
"""The environment that is always there, also where the ledger is not."""


def environments(settings: Settings) -> list[tuple[Environment, int]]:
    """Return all environments in use with their version numbers, the built-in one (version 0) first."""
    kept = _ledger(settings).environments()
    return [(LOCAL, 0), *((_model(one), one.version) for one in kept)]


def environment(settings: Settings, name: str) -> Environment:
    """Return the newest version of an environment.

    Raises:
        EnvironmentRefused: there is none of that name.
        LedgerError: the ledger cannot be reached.
    """
    if name == LOCAL.name:
        return LOCAL
    kept = _ledger(settings).environments()
    for one in kept:
        if one.name == name:
            return _model(one)
    names = ", ".join([LOCAL.name, *(one.name for one in kept)])
    advice = "take one of them, or write one with `python -m include.management environments put FILE`"
    raise EnvironmentRefused(f"there is no environment {name[:60]!r}; there are: {names}. {advice}")


def environment_history(settings: Settings, name: str) -> list[EnvironmentVersion]:
    """Return every version that an environment ever had, oldest first.

    Raises:
        EnvironmentRefused: there never was one of that name.
    """
    found = _ledger(settings).environment_versions(name)
    if not found:
        raise EnvironmentRefused(f"there never was an environment {name[:60]!r}")
    return found


def put_environment(settings: Settings, wanted: Environment, by: str | None) -> EnvironmentVersion:
    """Keep an environment as the next version of its name; the same again changes nothing.

    Raises:
        EnvironmentRefused: it has the name of the built-in one.
    """
    _not_built_in(wanted.name)
    return _ledger(settings).put_environment(wanted.name, wanted.model_dump(exclude_defaults=True), by)


def delete_environment(settings: Settings, name: str, by: str | None) -> EnvironmentVersion:
    """Take an environment out of use; its versions stay readable.

    Raises:
        EnvironmentRefused: it is the built-in one.
        LedgerRefusal: there is none of that name.
    """
    _not_built_in(name)
    return _ledger(settings).delete_environment(name, by)


def choose(settings: Settings, project: Project, job: str, wish: str = "") -> Environment:
    """Return the environment that a job of a project runs in, limited to what the job may take.

    Args:
        settings: name the ledger.
        project: its project.yaml names the environment and limits of each job, and which others a run may choose.
        job: the job's name.
        wish: what this run chose instead; empty takes the project's.

    Raises:
        EnvironmentRefused: there is no such environment, or the project does not allow it.
    """
    allowed = project.environments.choices
    if wish and wish not in allowed:
        advice = "choose one of them, or add it to environments.allowed in project.yaml"
        raise EnvironmentRefused(
            f"{project.name} does not allow the environment {wish[:60]!r}, but {', '.join(allowed)}: {advice}"
        )
    place = project.environments.of(job)
    return environment(settings, wish or place.environment).limited(place.timeout_minutes, place.memory)


def read_environment(path: Path) -> Environment:
    """Read an environment from a YAML or JSON file.

    Raises:
        EnvironmentRefused: the file cannot be read, or something in it is wrong; every problem is named.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as cause:
        raise EnvironmentRefused(f"{path}: cannot be read: {cause.strerror or cause}") from cause
    except (yaml.YAMLError, UnicodeDecodeError) as cause:
        raise EnvironmentRefused(f"{path}: not readable as YAML in UTF-8: {cause}") from cause
    if not isinstance(raw, dict) or not all(isinstance(key, str) for key in raw):
        raise EnvironmentRefused(f"{path}: must be a mapping that begins with name and runtime")
    try:
        return Environment(**raw)
    except ValidationError as cause:
        raise EnvironmentRefused(f"{path}: " + "; ".join(_problems(cause))) from cause


def _not_built_in(name: str) -> None:
    if name == LOCAL.name:
        raise EnvironmentRefused("the environment local is built in: it cannot be changed; give yours another name")


def _ledger(settings: Settings) -> Ledger:
    from include.ledger import Ledger  # with SQLAlchemy, which no DAG file needs

    return Ledger(settings.ledger())


def _model(kept: EnvironmentVersion) -> Environment:
    try:
        return Environment(**(kept.definition or {}))
    except ValidationError as cause:
        problems = "; ".join(_problems(cause))
        raise EnvironmentRefused(f"environment {kept.name} version {kept.version}: {problems}; put it again") from cause


def _problems(cause: ValidationError) -> list[str]:
    # Without the input: what was typed into a wrong field may be a secret.
    found: list[Any] = cause.errors(include_input=False, include_url=False)
    return [f"{'.'.join(map(str, one['loc'])) or 'environment'}: {one['msg'].removeprefix('Value error, ')}" for one in found]
