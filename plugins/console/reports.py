"""Reports that tasks kept in a data repository, shown to people who may see the project."""

from __future__ import annotations

from typing import Annotated, Literal

from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse

from include.projects import list_projects
from include.settings import Settings
from plugins.console.errors import ApiError

router = APIRouter(prefix="/reports")

# A report holds what came from outside: it may show itself, and run or load nothing.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, max-age=300",
}
MAX_BYTES = 64 << 20


@router.get("/{zone}/{project}/{ref}/{path:path}")
def report(
    request: Request,
    user: GetUserDep,
    zone: Literal["dev", "ops"],
    project: str,
    ref: Annotated[str, Path(pattern=r"^[A-Za-z0-9_.-]{1,200}$")],
    path: Annotated[str, Path(pattern=r"^[A-Za-z0-9_./-]{1,500}\.html$")],
) -> HTMLResponse:
    """Return one HTML report.

    Args:
        request: tells the settings.
        user: has to be logged in, and be allowed to see the project's DAGs.
        zone: whose repository holds it.
        project: the project's name.
        ref: branch, tag or commit.
        path: the object.
    """
    settings: Settings = request.app.state.settings
    if project not in list_projects(settings.projects_dir):
        raise ApiError(404, "unknown_project", f"there is no project {project!r}", "open the link of the task again")
    requires_access_dag("GET", param_dag_id=f"{project}.data_preparation")(request, user)
    return HTMLResponse(read_object(settings, zone, project, ref, path), headers=HEADERS)


def read_object(settings: Settings, zone: Literal["dev", "ops"], project: str, ref: str, path: str) -> bytes:
    """Return an object of a project's repository.

    Raises:
        ApiError: it is not there, this server may not read it, or the data server does not answer.
    """
    from include.clients.lakefs import DataDenied, DataError, DataNotFound, DataRepository, DataUnreachable
    from include.projects import ProjectError, load_project

    if any(part in ("", ".", "..") for part in path.split("/")):
        raise ApiError(404, "not_found", f"there is no {path}", "open the link of the task again")
    try:
        repository = DataRepository(settings, load_project(project, settings.projects_dir).repositories[zone], zone, hurry=True)
        content = repository.get(ref, path)
    except DataNotFound as cause:
        raise ApiError(404, "not_found", f"there is no {path} at {ref}", "its branch may be gone; see the version") from cause
    except DataDenied as cause:
        raise ApiError(503, "no_credential", f"this server may not read the {zone} zone", "see the operator") from cause
    except ProjectError as cause:
        raise ApiError(503, "broken_project", str(cause), "correct its project.yaml") from cause
    except DataUnreachable as cause:
        raise ApiError(503, "data_unreachable", "the data server does not answer", "try again in a moment") from cause
    except DataError as cause:
        raise ApiError(502, "data_refused", cause.problem, cause.advice) from cause
    if len(content) > MAX_BYTES:
        raise ApiError(413, "too_large", f"{path} has {len(content)} bytes", "read it from the data repository")
    return content
