"""The ASGI application: which address leads to which handler, who may call it, and on which thread it runs."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Literal, NamedTuple

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from include.local.data_server import object_routes as objects
from include.local.data_server import ref_routes as refs
from include.local.data_server import server_routes as server
from include.local.data_server.access_log import CLAIMED, KEY, AccessLog
from include.local.data_server.errors import ApiError
from include.local.data_server.keys import Keys
from include.local.data_server.store import Store
from include.local.data_server.web import Call, failure, parse_query

_log = logging.getLogger(__name__)

API = "/api/v1"
READERS = 4
MOST_JSON_BYTES = 4 * 2**20

Handler = Callable[[Call], Response]


class Operation(NamedTuple):
    """One method of one address.

    ``access`` is what the key needs on the repository in it. ``quick`` handlers make a few look-ups by key: they
    answer on the event loop, where handing over to a thread and back would cost more than the work.
    """

    method: str
    path: str
    handler: Handler
    access: Literal["read", "write"] = "read"
    quick: bool = False


_R = "/repositories/{repository}"
_B = f"{_R}/branches/{{branch}}"
_F = f"{_R}/refs/{{ref}}"

OPERATIONS = [
    # The most frequent first: addresses are tried in this order.
    Operation("GET", _R, server.get_repository, quick=True),
    Operation("HEAD", f"{_F}/objects", objects.head, quick=True),
    Operation("GET", f"{_F}/objects", objects.download, quick=True),
    Operation("GET", f"{_F}/objects/stat", objects.stat, quick=True),
    Operation("GET", f"{_F}/objects/ls", objects.list_objects),
    Operation("DELETE", f"{_B}/objects", objects.delete, "write"),
    Operation("POST", f"{_B}/objects/delete", objects.delete_many, "write"),
    Operation("POST", f"{_B}/objects/copy", objects.copy, "write"),
    Operation("PUT", f"{_B}/objects/stat/user_metadata", objects.set_user_metadata, "write"),
    Operation("GET", f"{_B}/objects/stage_allowed", objects.allowed, "write"),
    Operation("GET", f"{_F}/objects/underlyingProperties", objects.underlying),
    Operation("GET", "/repositories", server.list_repositories),
    Operation("POST", "/repositories", server.create_repository, "write"),
    Operation("DELETE", _R, server.delete_repository, "write"),
    Operation("GET", f"{_R}/metadata", server.get_metadata),
    Operation("POST", f"{_R}/metadata", server.set_metadata, "write"),
    Operation("DELETE", f"{_R}/metadata", server.delete_metadata, "write"),
    Operation("GET", f"{_R}/settings/branch_protection", server.get_protection),
    Operation("PUT", f"{_R}/settings/branch_protection", server.set_protection, "write"),
    Operation("GET", f"{_R}/branches", refs.list_branches),
    Operation("POST", f"{_R}/branches", refs.create_branch, "write"),
    Operation("GET", _B, refs.get_branch, quick=True),
    Operation("DELETE", _B, refs.delete_branch, "write"),
    Operation("PUT", _B, refs.reset_branch, "write"),
    Operation("PUT", f"{_B}/hard_reset", refs.hard_reset, "write"),
    Operation("POST", f"{_B}/commits", refs.commit, "write"),
    Operation("POST", f"{_B}/revert", refs.revert, "write"),
    Operation("POST", f"{_B}/cherry-pick", refs.cherry_pick, "write"),
    Operation("GET", f"{_B}/diff", refs.diff_branch),
    Operation("GET", f"{_R}/commits/{{commit}}", refs.get_commit, quick=True),
    Operation("GET", f"{_F}/commits", refs.log),
    Operation("GET", f"{_R}/refs/{{left}}/diff/{{right}}", refs.diff_refs),
    Operation("POST", f"{_R}/refs/{{source}}/merge/{{branch}}", refs.merge, "write"),
    Operation("GET", f"{_R}/refs/{{source}}/merge/{{branch}}", refs.merge_base),
    Operation("GET", f"{_R}/tags", refs.list_tags),
    Operation("POST", f"{_R}/tags", refs.create_tag, "write"),
    Operation("GET", f"{_R}/tags/{{tag}}", refs.get_tag, quick=True),
    Operation("DELETE", f"{_R}/tags/{{tag}}", refs.delete_tag, "write"),
    Operation("PUT", f"{_B}/objects", server.not_offered, "write"),
    Operation("POST", f"{_R}/commits", server.not_offered, "write"),
    Operation("GET", "/config", server.config),
    Operation("GET", "/config/version", server.version),
    Operation("GET", "/config/storage", server.storage),
    Operation("GET", "/user", server.user),
    Operation("POST", "/statistics", server.statistics),
]


class Application:
    """What the endpoints share: data, keys, and the threads that touch the database.

    Args:
        store: the data.
        keys: who may do what.
        max_object_bytes: largest object that is taken.
        log: takes each request; None keeps none.
    """

    def __init__(self, store: Store, keys: Keys, max_object_bytes: int, log: AccessLog | None = None) -> None:
        self.store, self.keys, self.max_object_bytes, self.log = store, keys, max_object_bytes, log
        self.readers = ThreadPoolExecutor(READERS, thread_name_prefix="read")
        self.writer = ThreadPoolExecutor(1, thread_name_prefix="write")

    async def run_read(self, work: Callable[[], Any]) -> Any:
        """Run reading work on one of the reading threads."""
        return await asyncio.get_running_loop().run_in_executor(self.readers, work)

    async def run_write(self, work: Callable[[], Any]) -> Any:
        """Run changing work on the one writing thread."""
        return await asyncio.get_running_loop().run_in_executor(self.writer, work)

    def call(self, request: Request, access: str) -> Call:
        """Return the request of a known key that may do this here.

        Raises:
            ApiError: 401 for an unknown caller, 403 for one that may not.
        """
        headers = request.headers
        if self.log:
            request.scope[CLAIMED] = self.keys.claimed(headers.get("authorization"))
        key = request.scope[KEY] = self.keys.authenticate(headers.get("authorization"))
        params: dict[str, str] = request.path_params
        if "repository" in params:
            key.require(params["repository"], write=access == "write")
        return Call(self.store, key, params, parse_query(request.scope["query_string"]), headers)

    async def serve(self, request: Request, operation: Operation) -> Response:
        """Answer one request."""
        call = self.call(request, operation.access)
        if request.method not in ("GET", "HEAD"):
            call.body = await _body(request)
        if operation.quick:
            return operation.handler(call)
        run = self.run_read if operation.access == "read" else self.run_write
        answer: Response = await run(lambda: operation.handler(call))
        return answer

    async def upload(self, request: Request) -> Response:
        """Answer an upload."""
        call = self.call(request, "write")
        return await objects.upload(call, request, self.max_object_bytes, self.run_read, self.run_write)

    def close(self) -> None:
        """Finish what is being written and close the data."""
        self.writer.shutdown()
        self.readers.shutdown()
        self.store.close()
        if self.log:
            self.log.close()

    async def answer(self, request: Request, work: Awaitable[Response]) -> Response:
        """Turn what a request's work raises into an answer, and write its line into the access log."""
        begin = time.perf_counter()
        response = await _guarded(work)
        if self.log:
            self.log.note(request, response.status_code, begin)
        return response


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_JSON_BYTES:
            raise ApiError(413, f"request body is larger than {MOST_JSON_BYTES} bytes")
    return bytes(body)


def create_app(store: Store, keys: Keys, max_object_bytes: int = 5 * 2**30, log: AccessLog | None = None) -> Starlette:
    """Return the ASGI application.

    Args:
        store: the data; closed when the application ends.
        keys: who may do what.
        max_object_bytes: largest object that is taken.
        log: takes each request; None keeps none.
    """
    application = Application(store, keys, max_object_bytes, log)

    def endpoint(operation: Operation) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            return await application.answer(request, application.serve(request, operation))

        return answer

    async def upload(request: Request) -> Response:
        return await application.answer(request, application.upload(request))

    async def healthy(request: Request) -> Response:
        return Response(status_code=204)

    async def setup(request: Request) -> Response:
        return server.setup_state()

    not_offered = Operation("", "", server.not_offered)

    async def rest(request: Request) -> Response:
        if methods := {m for route in routes[:-1] if route.path_regex.match(request.url.path) for m in route.methods or ()}:
            return failure(ApiError(405, "method not allowed here", {"Allow": ", ".join(sorted(methods))}))
        return await application.answer(request, application.serve(request, not_offered))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        application.close()

    routes = [
        Route(f"{API}{_B}/objects", upload, methods=["POST"]),
        *(_route(operation, endpoint(operation)) for operation in OPERATIONS),
        Route("/_health", healthy),
        Route(f"{API}/healthcheck", healthy),
        Route(f"{API}/setup_lakefs", setup),
        Route("/{path:path}", rest, methods=["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def _route(operation: Operation, endpoint: Callable[[Request], Any]) -> Route:
    route = Route(API + operation.path, endpoint, methods=[operation.method])
    route.methods = {operation.method}  # Starlette lets GET routes take HEAD too, which has its own handler here
    return route


async def _guarded(answer: Any) -> Response:
    try:
        found: Response = await answer
        return found
    except ApiError as error:
        return failure(error)
    except ClientDisconnect:
        return failure(ApiError(400, "the connection was closed before the whole request had arrived"))
    except sqlite3.OperationalError:
        _log.exception("the database could not be used")
        return failure(ApiError(503, "the data server could not use its database: try again, and see its log"))
    except Exception:
        _log.exception("request failed")
        return failure(ApiError(500, "internal error: see the data server's log"))
