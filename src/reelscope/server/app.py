"""The web application: the API and the page over parts that live as long as it does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.concurrency import run_in_threadpool

from reelscope.config import Settings
from reelscope.server.answers import install_errors
from reelscope.server.db import Database
from reelscope.server.parts import Parts
from reelscope.server.routes import analyses, blobs, corrections, events, results, system
from reelscope.server.security import install
from reelscope.server.traffic import Traffic
from reelscope.version import VERSION

__all__ = ["create_app"]

DESCRIPTION = """One short-form video in, its complete production document out.

Every error has one shape: `code` (a stable word), `message`, `hint` (what to do), `retryable`."""

ERROR = {"code": "not_found", "message": "there is no such analysis", "hint": "GET /analyses lists what there is", "retryable": False}


def create_app(settings: Settings, *, database: Database | None = None) -> FastAPI:
    """The application under these settings; its parts start with its lifespan.

    Raises:
        ConfigError: The database or the address to listen on is not usable.
    """
    parts = Parts(settings, database)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        parts.start()
        try:
            yield
        finally:
            await run_in_threadpool(parts.stop)

    # OpenAPI's own pages load scripts from elsewhere, which nothing of ours does
    app = FastAPI(
        title="reelscope", version=VERSION, description=DESCRIPTION, lifespan=lifespan, docs_url=None, redoc_url=None,
        separate_input_output_schemas=False, strict_content_type=True, redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )  # fmt: skip
    app.state.parts = parts
    for router in (analyses.router, events.router, results.router, corrections.router, blobs.router, system.router):
        app.include_router(router)
    install_errors(app)
    install(app, settings, parts.database, draining=lambda: parts.draining)
    app.add_middleware(Traffic, counter=parts.traffic)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schema["components"]["schemas"]["ErrorBody"]["example"] = ERROR
        schema["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{}, {"token": []}]
        app.openapi_schema = schema
    return app.openapi_schema
