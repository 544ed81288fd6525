"""Looking features up for callers: requests in, the newest features of entities out, the event loop never blocked."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl

from include.data import features
from include.inference.errors import ApiError, invalid, too_large, unavailable
from include.inference.metrics import Metrics
from include.inference.requests import parse_object
from include.ledger import LedgerError
from include.projects import Project
from include.settings import Settings

THREADS = 4  # each holds one connection to the ledger's database
TIMEOUT_S = 3.0
MAX_FIELDS = 100
ASK = 'send {"entities": [{"<key>": ...}, ...]}; see /docs for an example'


class FeatureLookups:
    """Answers lookups in threads of its own; a ledger that hangs costs its callers 3 s and others nothing.

    Args:
        settings: the product's settings.
        metrics: counts lookups and their time.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="features")
        self._in_flight = 0

    async def one(self, project: Project, view: str, query: bytes) -> dict[str, Any]:
        """Answer the features of the entity that an address's query names.

        Raises:
            ApiError: 404: no such view or entity; 422: the keys are wrong; 503: they cannot be read now.
        """
        try:
            pairs = parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
        except ValueError:
            raise invalid("bad_key", f"more than {MAX_FIELDS} keys are given", "name one entity", "query") from None
        entity = dict(pairs)
        if len(entity) < len(pairs):
            raise invalid("bad_key", "a key is given twice", "name one entity; send several by POST", "query")
        about = self._view(project, view)
        (found,) = await self._ask(project, view, [features.read_text(about, entity)], "query")
        if not found["found"]:
            message = f"view {view} of project {project.name} has no features of this {about.entity}"
            what = f"check its keys; new entities come with the pipeline {project.name}.features"
            raise ApiError(404, "unknown_entity", message, what, field="query")
        return {"project": project.name, "view": view, **found}

    async def many(self, project: Project, view: str, body: bytes) -> dict[str, Any]:
        """Answer the features of the entities of a request, in its order.

        Raises:
            ApiError: 404: no such view; 413: too many; 422: the request is wrong; 503: they cannot be read now.
        """
        self._view(project, view)
        entities = parse_object(body, frozenset({"entities"})).get("entities")
        if not isinstance(entities, list) or not entities:
            raise invalid("bad_entities", "entities must be a list with at least one entity", ASK, "entities")
        limit = self._settings.max_request_rows
        if len(entities) > limit:
            raise too_large(f"{len(entities)} entities in one request, at most {limit} are allowed", "send fewer", "entities")
        return {"project": project.name, "view": view, "entities": await self._ask(project, view, entities, "entities")}

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _view(self, project: Project, name: str) -> Any:
        try:
            return features.find_view(project, name)
        except features.UnknownView as error:
            raise ApiError(404, "unknown_view", f"{error.where}: {error.problem}", error.advice, field="view") from error

    async def _ask(self, project: Project, view: str, entities: list[Any], place: str) -> list[dict[str, Any]]:
        if self._in_flight >= self._settings.max_requests_in_flight:
            raise unavailable("busy", f"{self._in_flight} lookups are under way", "send it again in a moment, or add replicas")
        self._in_flight += 1
        begin = time.perf_counter()
        try:
            work = asyncio.get_running_loop().run_in_executor(
                self._threads, features.online, self._settings, project, view, entities
            )
            async with asyncio.timeout(TIMEOUT_S):
                found = await work
        except features.KeyProblem as error:
            at = f"{place}[{error.row}]" if place == "entities" else place
            field = f"{at}.{error.field}" if error.field else at
            message = f"{error.where}: {error.problem}" if place == "entities" else error.problem
            raise invalid("bad_key", message, error.advice, field, error.row) from error
        except features.NotOnline as error:
            raise unavailable("not_online", f"{error.where}: {error.problem}", error.advice, 30) from error
        except (LedgerError, TimeoutError) as error:
            problem = f"no answer within {TIMEOUT_S:g} s" if isinstance(error, TimeoutError) else str(error)
            what = "check the ledger's database, then send it again"
            raise unavailable("ledger_unreachable", f"features cannot be read: {problem}", what) from error
        finally:
            self._in_flight -= 1
        self._metrics.looked_up(project.name, view, len(entities), time.perf_counter() - begin)
        return [{"entity": one["entity"], **one["views"][view]} for one in found]
