"""Label Studio: projects, tasks and what people answered, by its REST API.

A token of its legacy kind is used (``Authorization: Token …``); Label Studio takes it where it was started with
``--enable-legacy-api-token``. Nothing is contacted before it is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from include.clients.tls import trusted
from include.errors import FinalError
from include.settings import Settings

PAGE = 1000  # tasks of one answer
TITLE = 50  # characters that a project's title may have there
TIMEOUT_S = 120.0
CONNECT_TRIES = 3
FIELDS = "id,meta,is_labeled,annotations,result,completed_by,was_cancelled,created_at,updated_at,lead_time"


class LabellingError(RuntimeError):
    """Label Studio did not do what it was asked.

    Attributes:
        where: its address.
        problem: what is wrong.
        advice: what to do.
        status: HTTP status, 0 where there was no answer.
    """

    def __init__(self, where: str, problem: str, advice: str, status: int = 0) -> None:
        self.where, self.problem, self.advice, self.status = where, problem, advice, status
        super().__init__(f"Label Studio at {where}: {problem}. {advice}")


class LabellingUnreachable(LabellingError):
    """It did not answer, or answered with a fault of its own; trying again may help."""


class LabellingDenied(FinalError, LabellingError):
    """The token is missing or wrong."""


class LabellingRefused(FinalError, LabellingError):
    """It refused the request, or has no such project."""


class LabellingClient:
    """One connection pool to Label Studio.

    Args:
        settings: ``labelling_url`` and ``labelling_token``.
        timeout_s: for one call.
    """

    def __init__(self, settings: Settings, timeout_s: float = TIMEOUT_S) -> None:
        self.url = settings.labelling_url.rstrip("/")
        self._token = settings.labelling_token
        self._http = httpx.Client(
            base_url=self.url,
            timeout=timeout_s,
            transport=httpx.HTTPTransport(verify=trusted(settings) or True, retries=CONNECT_TRIES),
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def find_project(self, title: str) -> dict[str, Any] | None:
        """Return the oldest project of exactly this title, or None."""
        found = [one for one in self._pages("/api/projects", {"title": title}) if one["title"] == title]
        return min(found, key=lambda one: one["id"], default=None)

    def ensure_project(self, title: str, label_config: str, **fields: Any) -> dict[str, Any]:
        """Return the project of a title, made where there is none.

        Args:
            title: at most `TITLE` characters.
            label_config: what people see and may answer, as XML; an existing project keeps the one it has.
            fields: others of its settings, such as ``maximum_annotations``.
        """
        if found := self.find_project(title):
            return found
        made = self._call("POST", "/api/projects", json={"title": title, "label_config": label_config, **fields})
        first = self.find_project(title) or made
        if first["id"] != made["id"]:  # another run made it at the same moment
            self.delete_project(made["id"])
        return first

    def project(self, project_id: int) -> dict[str, Any]:
        """Return a project with its counts."""
        return dict(self._call("GET", f"/api/projects/{project_id}"))

    def delete_project(self, project_id: int) -> None:
        """Delete a project with its tasks."""
        self._call("DELETE", f"/api/projects/{project_id}")

    def import_tasks(self, project_id: int, tasks: Sequence[Mapping[str, Any]]) -> int:
        """Add tasks (``data``, ``meta``, ``predictions``), all of them or none; return how many were added."""
        return int(self._call("POST", f"/api/projects/{project_id}/import", json=list(tasks))["task_count"])

    def upload(self, project_id: int, name: str, content: bytes, mime: str) -> str:
        """Keep a file beside a project without making a task of it; return the address that a task names it by."""
        files = {"file": (name, content, mime)}
        path, options = f"/api/projects/{project_id}/import", {"commit_to_project": "false"}
        made = self._call("POST", path, params=options, files=files)["file_upload_ids"][0]
        return f"/data/{self._call('GET', f'/api/import/file-upload/{made}')['file']}"

    def tasks(self, project_id: int, fields: str = "id,meta", page_size: int = PAGE) -> Iterator[dict[str, Any]]:
        """Yield a project's tasks page by page, without their contents.

        Args:
            project_id: whose tasks.
            fields: of a task, and of its annotations, that come along.
            page_size: tasks of one answer.
        """
        what = "all" if "annotations" in fields else "task_only"
        page, seen = 1, 0
        while True:
            asked = {"project": project_id, "page": page, "page_size": page_size, "fields": what, "include": fields}
            answer = self._call("GET", "/api/tasks", params=asked)
            yield from answer["tasks"]
            page, seen = page + 1, seen + len(answer["tasks"])
            if not answer["tasks"] or seen >= answer["total"]:
                return

    def answered(self, project_id: int) -> Iterator[dict[str, Any]]:
        """Yield the tasks with what each person answered: ``annotations`` with ``result`` and ``completed_by``."""
        return self.tasks(project_id, FIELDS)

    def delete_task(self, task_id: int) -> None:
        """Delete a task; one that is gone counts as deleted."""
        self._call("DELETE", f"/api/tasks/{task_id}", gone=True)

    def people(self) -> dict[int, str]:
        """Return the name of each person by id: the e-mail address, by which Label Studio tells people apart."""
        return {one["id"]: one["email"] for one in self._call("GET", "/api/users/")}

    def _pages(self, path: str, asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        page = 1
        while True:
            answer = self._call("GET", path, params={**asked, "page": page, "page_size": 100})
            yield from answer["results"]
            if not answer.get("next"):
                return
            page += 1

    def _call(self, method: str, path: str, *, gone: bool = False, **options: Any) -> Any:
        token = self._token.get_secret_value()
        if not token:
            advice = "Set it (Airflow connection devmlops_labelling, password), or import labels from a file"
            raise LabellingDenied(self.url, "DEVMLOPS_LABELLING_TOKEN is not set", advice)
        doing = f"{method} {path}"
        try:
            response = self._http.request(method, path, headers={b"Authorization": b"Token " + token.encode()}, **options)
        except httpx.HTTPError as cause:
            advice = "Start it (`make labelling`) or correct DEVMLOPS_LABELLING_URL, then try again; nothing is lost"
            raise LabellingUnreachable(self.url, f"no answer to {doing} ({type(cause).__name__})", advice) from cause
        status = response.status_code
        if status in (401, 403):
            advice = "Check DEVMLOPS_LABELLING_TOKEN, and that it takes legacy tokens (--enable-legacy-api-token)"
            raise LabellingDenied(self.url, f"it denies {doing}: {_said(response)}", advice, status)
        if status in (429, *range(500, 600)):
            raise LabellingUnreachable(self.url, f"{doing} failed with {status}", "Look at its log, then try again", status)
        if status == 404 and gone:
            return None
        if not response.is_success:
            advice = "Is the project still there, and the address Label Studio's?"
            raise LabellingRefused(self.url, f"it refuses {doing} with {status}: {_said(response)}", advice, status)
        if status == 204 or not response.content:
            return None
        try:
            return response.json()
        except ValueError as cause:
            raise LabellingRefused(
                self.url, f"the answer to {doing} is no JSON", "Is the address Label Studio's?", status
            ) from cause


def _said(response: httpx.Response) -> str:
    """Return what Label Studio said about an error, in short."""
    try:
        answer = response.json()
        said = answer.get("validation_errors") or answer.get("detail")
    except (ValueError, AttributeError):
        said = response.text
    return str(said)[:300]
