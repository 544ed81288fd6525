"""The AP's web application."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Security
from fastapi.responses import Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.exceptions import HTTPException
from starlette.routing import Route

from include.inference.direct import Action, Endpoint
from include.inference.errors import ApiError, unavailable
from include.inference.openapi import FEATURES, INFER, INFER_ROUTE, TRUTHS, described
from include.inference.schemas import ErrorAnswer
from include.inference.service import Service
from include.ledger import Route as LedgerRoute
from include.settings import Settings

DESCRIPTION = """
Answers inferences with the release that is on a project's route, and keeps every answer in a durable log
before it is given. Errors look like `{"error": {"code", "message", "what_to_do", "field"?, "row"?}}`.
"""


def create_app(settings: Settings, read_routes: Callable[[], Iterable[LedgerRoute]] | None = None) -> FastAPI:
    """Return the inference AP as an ASGI application.

    Args:
        settings: the product's settings.
        read_routes: reads all routes; the ledger's where none is given.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await app.state.service.start()
        yield
        await app.state.service.stop()

    app = FastAPI(
        title="DevMLOps inference AP",
        description=DESCRIPTION,
        version="1",
        lifespan=lifespan,
        redoc_url=None,
    )
    app.state.service = Service(settings, read_routes)
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)
    for path, action in ((INFER, infer), (INFER_ROUTE, infer), (TRUTHS, truths)):
        app.router.routes.append(Route(path, Endpoint(action, settings.max_request_bytes), methods=["POST"]))
    lookups: dict[str, Action] = {"GET": features_of_one, "POST": features_of_many}
    for method, look in lookups.items():
        app.router.routes.append(Route(FEATURES, Endpoint(look, settings.max_request_bytes), methods=[method]))
    _add_views(app)
    app.openapi = lambda: described(app, app.state.service.projects.all())  # type: ignore[method-assign]
    return app


async def infer(service: Service, names: dict[str, str], body: bytes) -> dict[str, Any]:
    """Answer one row or several."""
    return await service.infer(names["project"], names.get("route", "production"), body)


async def truths(service: Service, names: dict[str, str], body: bytes) -> dict[str, Any]:
    """Keep the true labels of earlier requests."""
    return await service.tell_truths(names["project"], body)


async def features_of_one(service: Service, names: dict[str, str], query: bytes) -> dict[str, Any]:
    """Look up the features of the entity that the address names."""
    return await service.features.one(service.projects.get(names["project"]), names["view"], query)


async def features_of_many(service: Service, names: dict[str, str], body: bytes) -> dict[str, Any]:
    """Look up the features of several entities."""
    return await service.features.many(service.projects.get(names["project"]), names["view"], body)


def _add_views(app: FastAPI) -> None:
    @app.get("/v1/projects/{project}", tags=["inference"], responses={404: {"model": ErrorAnswer}})
    async def project_status(project: str, service: ServiceOf) -> dict[str, Any]:
        """What the project takes, which release is on each route, and counts since the start."""
        return service.status(project)

    @app.post("/v1/admin/refresh", tags=["admin"], dependencies=[Depends(admin)])
    async def refresh(service: ServiceOf) -> dict[str, Any]:
        """Read the routes now; needs the bearer token of the setting inference_admin_token."""
        return await service.refresh()

    @app.get("/healthz", tags=["operation"])
    async def live() -> dict[str, Any]:
        """Whether the process answers at all."""
        return {"live": True}

    @app.get("/readyz", tags=["operation"], responses={503: {"description": "not ready; problems says why"}})
    async def ready(service: ServiceOf, response: Response) -> dict[str, Any]:
        """Whether inferences can be answered now, and all problems known."""
        state = await service.readiness()
        response.status_code = 200 if state["ready"] else 503
        return state

    @app.get("/metrics", tags=["operation"])
    async def metrics(service: ServiceOf) -> Response:
        """Counters and times for Prometheus."""
        return Response(service.metrics_page(), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def service_of(request: Request) -> Service:
    """Return the service of the application."""
    return request.app.state.service


ServiceOf = Annotated[Service, Depends(service_of)]
_bearer = HTTPBearer(auto_error=False)


def admin(service: ServiceOf, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]) -> None:
    """Let only the bearer of the admin token through.

    Raises:
        ApiError: 401, or 503 where no token is set.
    """
    token = service.settings.inference_admin_token.get_secret_value()
    if not token:
        raise unavailable("no_admin_token", "admin routes are closed: no token is set", "set DEVMLOPS_INFERENCE_ADMIN_TOKEN", 60)
    given = credentials.credentials if credentials else ""
    if not hmac.compare_digest(given.encode("latin-1"), token.encode()):
        raise ApiError(401, "unauthorized", "the admin token is missing or wrong", "send Authorization: Bearer <token>")


async def _api_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return Response(error.body(), error.status, error.headers())


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    what = "see /docs for all addresses and methods"
    found = ApiError(error.status_code, "not_found" if error.status_code == 404 else "refused", str(error.detail), what)
    return Response(found.body(), found.status, {**found.headers(), **(error.headers or {})})


async def _unexpected(_: Request, __: Exception) -> Response:
    found = ApiError(500, "internal_error", "the inference AP failed", "its log has the details; send it again")
    return Response(found.body(), 500, found.headers())
