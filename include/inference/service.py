"""What the AP does with a request, apart from HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from include.inference import predictions
from include.inference.errors import ApiError, unavailable
from include.inference.features import FeatureLookups
from include.inference.form import input_form
from include.inference.known_projects import KnownProjects
from include.inference.metrics import Metrics
from include.inference.model_server import CLASSES, Answer, ModelServer, ModelUnavailable
from include.inference.prediction_log import PredictionLog, end_cursor
from include.inference.requests import InferenceRequest, parse_inference
from include.inference.routes import ROUTES, Entry, RouteTable, ledger_reader
from include.inference.segments import PredictionLogError
from include.inference.true_answers import parse_truths
from include.ledger import Route
from include.projects import Project
from include.settings import Settings

KEEP_LOADED_S = 1.0
PROJECTS_EVERY_S = 2.0

_log = logging.getLogger(__name__)


class Service:
    """The inference AP. Use it inside a running event loop, between `start` and `stop`.

    Args:
        settings: the product's settings.
        read_routes: reads all routes; the ledger's where none is given.
    """

    def __init__(self, settings: Settings, read_routes: Callable[[], Iterable[Route]] | None = None) -> None:
        self.settings = settings
        self.projects = KnownProjects(settings.projects_dir)
        self.metrics = Metrics()
        self.features = FeatureLookups(settings, self.metrics)
        self.in_flight = 0
        self._read_routes = read_routes
        self._logs: dict[str, PredictionLog] = {}
        self._log_error: dict[str, str] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Read projects and routes and begin to keep them fresh; an unreachable ledger or model server stops nothing."""
        self.projects.refresh()
        self.table = RouteTable(self._read_routes or ledger_reader(self.settings))
        self.models = ModelServer(self.settings.triton_grpc_url, self.settings.triton_timeout_s)
        try:
            await self.table.refresh()
        except ApiError as error:
            _log.warning("started without routes: %s", error)
        loops = (
            self.table.run(self.settings.route_refresh_s),
            self.models.keep_loaded(lambda: self.table.snapshot.releases(), KEEP_LOADED_S),
            self._refresh_projects(),
        )
        self._tasks = [asyncio.create_task(loop) for loop in loops]

    async def stop(self) -> None:
        """Stop, with everything acknowledged on the disk."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.models.close()
        self.table.close()
        self.features.close()
        for log in self._logs.values():
            await asyncio.to_thread(log.close)

    async def infer(self, project_name: str, route: str, body: bytes) -> dict[str, Any]:
        """Answer one inference request; when this returns, the answer is in the prediction log.

        Raises:
            ApiError: there is no answer, and none is in the log.
        """
        begin = time.perf_counter()
        project = self.projects.get(project_name)
        if route not in ROUTES:
            raise ApiError(
                404, "unknown_route", f"there is no route {route[:80]!r}", f"routes: {', '.join(ROUTES)}", field="route"
            )
        if self.in_flight >= self.settings.max_requests_in_flight:
            raise unavailable("busy", f"{self.in_flight} requests are under way", "send it again in a moment, or add replicas")
        self.in_flight += 1
        try:
            request = parse_inference(body, project, self.settings.max_request_rows)
            asked = time.perf_counter()
            entry, answer = await self._ask(project, route, request)
            answered = time.perf_counter()
            said, rows = _said(project, entry, answer)
            record = {
                "id": request.request_id,
                "at": datetime.now(UTC).isoformat(timespec="microseconds"),
                "route": route,
                "release_id": entry.release_id,
                "n": request.rows,
                "inputs": request.inputs,
                **said,
                "ms": round((answered - begin) * 1000, 3),
            }
            await self._append(project.name, record)
            end = time.perf_counter()
        finally:
            self.in_flight -= 1
        self.metrics.answered(project.name, route, entry.release_id, request.rows, end - begin, answered - asked, end - answered)
        return _reply(request, entry, rows, (end - begin) * 1000)

    async def tell_truths(self, project_name: str, body: bytes) -> dict[str, Any]:
        """Keep late true answers; when this returns they are durable.

        Raises:
            ApiError: none of them was kept.
        """
        project = self.projects.get(project_name)
        entries = parse_truths(body, project, self.settings.max_request_rows)
        at = datetime.now(UTC).isoformat(timespec="microseconds")
        await self._append(project.name, [{"id": truth["id"], "at": at, "labels": truth["labels"]} for truth in entries])
        self.metrics.truths(project.name, len(entries))
        return {"kept": len(entries)}

    async def refresh(self) -> dict[str, Any]:
        """Read the routes now.

        Raises:
            ApiError: 503: the ledger cannot be read.
        """
        changed = await self.table.refresh()
        routes = [{"project": entry.project, **entry.to_dict()} for entry in self.table.snapshot.entries.values()]
        return {"changed": changed, "routes": routes}

    def refused(self, names: dict[str, str], status: int) -> None:
        """Count an error answer; a name that only the caller knows is not kept."""
        route = names.get("route", "production")
        project = names.get("project", "")
        project = project if self.projects.knows(project) else ""
        if "view" in names:
            view = names["view"] if project and names["view"] in self.projects.get(project).feature_views else ""
            self.metrics.lookup_refused(project, view, status)
        else:
            self.metrics.refused(project, route if route in ROUTES else "", status)

    def status(self, project_name: str) -> dict[str, Any]:
        """Return what one project serves, and how often since the start.

        Raises:
            ApiError: 404: no such project.
        """
        project = self.projects.get(project_name)
        return {
            "project": project.name,
            "title": project.title,
            "task": project.task,
            "classes": project.classes,
            "input": input_form(project),
            "prediction": predictions.described(project),
            "limits": {"rows": self.settings.max_request_rows, "bytes": self.settings.max_request_bytes},
            "routes": [entry.to_dict() for entry in self.table.snapshot.of(project.name)],
            "routes_age_s": _rounded(self.table.age_s()),
            "counts": self.metrics.count(project.name),
            "log_end": end_cursor(self.settings.prediction_log, project.name),
        }

    async def readiness(self) -> dict[str, Any]:
        """Return whether the AP can answer inferences now, and every problem; some problems leave it ready."""
        down = await self.models.live()
        problems = {f"project {name}": problem for name, problem in self.projects.problems.items()}
        problems |= {f"prediction log of {name}": problem for name, problem in self._log_error.items()}
        problems |= {f"release {name}": "not loaded in the model server" for name, ok in self.models.ready.items() if not ok}
        if down:
            problems["model server"] = down
        if self.table.error:
            problems["ledger"] = f"{self.table.error}; the routes stay as they were read last"
        known = self.table.snapshot.read_at is not None
        return {
            "ready": known and not down and not self._log_error,
            "problems": problems,
            "routes": {f"{project}/{name}": entry.release_id for (project, name), entry in self.table.snapshot.entries.items()},
            "routes_age_s": _rounded(self.table.age_s()),
            "in_flight": self.in_flight,
        }

    def metrics_page(self) -> bytes:
        """Return the Prometheus page."""
        table = self.table
        return self.metrics.text(table.snapshot, table.age_s(), table.switches, self.models.ready, self.in_flight)

    async def _ask(self, project: Project, route: str, request: InferenceRequest) -> tuple[Entry, Answer]:
        begin = time.monotonic()
        until = begin + self.settings.triton_timeout_s
        entry = self.table.snapshot.entry(project.name, route)
        try:
            return entry, await self.models.infer(entry.release_id, request.tensor, task=project.task)
        except ModelUnavailable as error:
            _log.info("trying again: %s", error)
            missing = error.missing
        self.metrics.retried(project.name)
        try:
            async with asyncio.timeout(until - time.monotonic()):
                if missing:  # perhaps unloaded, because the route left it a moment ago
                    with contextlib.suppress(ApiError):
                        await self.table.refresh(since=begin)
                entry = self.table.snapshot.entry(project.name, route)
                return entry, await self._second_try(project, entry, request, until)
        except ModelUnavailable as error:
            raise error.to_api() from error
        except TimeoutError as cause:
            late = ModelUnavailable(entry.release_id, f"no answer within {self.settings.triton_timeout_s:g} s", missing=missing)
            raise late.to_api() from cause

    async def _second_try(self, project: Project, entry: Entry, request: InferenceRequest, until: float) -> Answer:
        """Wait for a server that is being started again; where it came back without the model, load it first."""
        for last in (False, True):
            try:
                left = until - time.monotonic()
                return await self.models.infer(entry.release_id, request.tensor, task=project.task, timeout_s=left, wait=True)
            except ModelUnavailable as error:
                if last or not error.missing:
                    raise
                await self.models.load(entry.release_id)
        raise AssertionError("unreachable")

    async def _append(self, project: str, what: dict[str, Any] | list[dict[str, Any]]) -> None:
        log = self._logs.get(project)
        if log is None:
            kept = self.settings
            log = PredictionLog(kept.prediction_log, project, kept.prediction_log_fsync, kept.prediction_log_segment_bytes)
            self._logs[project] = log
        try:
            await (log.append(what, alone=self.in_flight == 1) if isinstance(what, dict) else log.append_truths(what))
        except PredictionLogError as error:
            self._log_error[project] = str(error)
            _log.error("%s", error)
            message = f"the answer could not be kept, so it is not given: {error}"
            raise unavailable(
                "log_unavailable", message, "free disk space or mend the log's folder, then send it again", 5
            ) from error
        self._log_error.pop(project, None)

    async def _refresh_projects(self) -> None:
        while True:
            await asyncio.sleep(PROJECTS_EVERY_S)
            try:
                self.projects.refresh()
            except OSError as error:
                _log.warning("the projects cannot be read: %s", error)


def _said(project: Project, entry: Entry, answer: Answer) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return an answer as the log keeps it, and as the caller gets it, one prediction a row."""
    if project.task != CLASSES:
        rows = predictions.of_outputs(project, answer.outputs)
        return {"predictions": rows}, rows
    if answer.probabilities.shape[1] != len(project.classes):
        problem = f"{answer.probabilities.shape[1]} probabilities for {len(project.classes)} classes of {project.name}"
        message = f"{entry.release_id} answered {problem}"
        raise ApiError(
            502, "bad_model_answer", message, "make project.yaml and the release agree; a rollback brings the one before"
        )
    labels = [project.classes[label] for label in answer.labels]
    probabilities = answer.probabilities.astype(float).round(6).tolist()
    rows = []
    for label, row in zip(labels, probabilities, strict=True):
        by_class = dict(zip(project.classes, row, strict=True))
        rows.append({"label": label, "probability": by_class[label], "probabilities": by_class})
    return {"labels": labels, "probabilities": probabilities}, rows


def _reply(request: InferenceRequest, entry: Entry, rows: list[dict[str, Any]], ms: float) -> dict[str, Any]:
    reply: dict[str, Any] = {"request_id": request.request_id, "release_id": entry.release_id, "model": entry.model}
    if request.single:
        reply["prediction"] = rows[0]
    reply["predictions"] = rows
    reply["duration_ms"] = round(ms, 3)
    return reply


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
