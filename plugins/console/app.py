"""The product's own routes under ``/devmlops`` of Airflow's api-server."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from include.settings import Settings
from plugins.console import alerts, records, reports
from plugins.console.errors import ApiError


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application; a stranger finds nothing in it but a sign of life.

    Args:
        settings: the product's settings; read from the environment where None.
    """
    app = FastAPI(title="DevMLOps", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.settings = settings or Settings()

    @app.exception_handler(ApiError)
    async def refuse(request: Request, error: ApiError) -> JSONResponse:
        return JSONResponse(error.body(), error.status, headers=error.headers)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    app.include_router(alerts.router)
    app.include_router(reports.router)
    app.include_router(records.router)
    return app
