"""Documents of a data repository, which the numbers of reports come from, shown to people who may see the project."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from include.projects import list_projects
from include.settings import Settings
from plugins.console.errors import ApiError
from plugins.console.reports import HEADERS, read_object

router = APIRouter(prefix="/records")

# What describes data; the data themselves, and what was masked from them, stay where they are.
DOCUMENT = (
    r"^(rounds/\d{6,}/(round|checks|review|masking|refined/[0-9a-f]{1,64})|versions/v\d{1,9}|splits/[0-9a-f]{64}"
    r"|features/[a-z][a-z0-9_]{1,40}/[0-9a-z:]{1,80}/[A-Za-z0-9_-]{1,40})\.json$"
)


@router.get("/{zone}/{project}/{ref}/{path:path}")
def record(
    request: Request,
    user: GetUserDep,
    zone: Literal["dev", "ops"],
    project: str,
    ref: Annotated[str, Path(pattern=r"^[A-Za-z0-9_.-]{1,200}$")],
    path: Annotated[str, Path(pattern=DOCUMENT)],
) -> Response:
    """Return one document as indented JSON.

    Args:
        request: tells the settings.
        user: has to be logged in, and be allowed to see the project's DAGs.
        zone: whose repository holds it.
        project: the project's name.
        ref: branch, tag or commit.
        path: the object: of a round, version, split, or feature view.
    """
    settings: Settings = request.app.state.settings
    if project not in list_projects(settings.projects_dir):
        raise ApiError(404, "unknown_project", f"there is no project {project!r}", "open the link of the report again")
    requires_access_dag("GET", param_dag_id=f"{project}.data_preparation")(request, user)
    content = read_object(settings, zone, project, ref, path)
    try:
        text = json.dumps(json.loads(content), ensure_ascii=False, indent=2)
    except ValueError as cause:
        raise ApiError(502, "no_document", f"{path} at {ref} is no JSON document", "find out who wrote it") from cause
    return Response(text.encode("utf-8", "replace"), media_type="application/json", headers=HEADERS)
