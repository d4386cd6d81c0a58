"""The API described by itself, as OpenAPI."""

from __future__ import annotations

from functools import cache
from typing import Any

from litestar import Controller, Litestar, Router, get
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig

from lapwise.server.api import RECORDS
from lapwise.server.blob_routes import BLOBS
from lapwise.server.calling import described, handshake

__all__ = ["API", "Description", "describe"]

API = "/api/v1"


class Description(Controller):
    """Tells what may be asked, and what is answered."""

    @get("/openapi.json", sync_to_thread=True)
    def description(self) -> dict[str, Any]:
        """Return the description in OpenAPI 3.1."""
        return describe()


@cache
def describe() -> dict[str, Any]:
    """Return the description, made when it is first asked for.

    It comes from an application that is never served: one that serves its own description answers
    unknown addresses beside it with the library's pages.
    """
    app = Litestar(
        [Router(API, route_handlers=[*RECORDS, handshake, *described(), *BLOBS])],
        dependencies={"store": Provide(_no_store, sync_to_thread=False)},
        openapi_config=OpenAPIConfig(
            title="Lapwise",
            version="1",
            description=(
                "What the store holds, for looking; below /store every call of the store itself, in "
                "JSON or MessagePack; below /blobs its bytes. Times are microseconds, UTC."
            ),
            use_handler_docstrings=True,
        ),
        logging_config=None,
    )
    schema = app.openapi_schema.to_schema()
    for path, methods in schema["paths"].items():
        if path.startswith(f"{API}/store/"):
            _add_messagepack(methods["post"])
    return schema


def _add_messagepack(operation: dict[str, Any]) -> None:
    """Say that what may be JSON may be MessagePack, of the same shape."""
    for part in (operation["requestBody"], *operation["responses"].values()):
        for shape in part.get("content", {}).copy().values():
            part["content"]["application/msgpack"] = shape


def _no_store() -> None:
    """Stand where a store would, in an application that answers nothing."""
