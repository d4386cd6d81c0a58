"""What MLflow's clients ask of the server itself: what it can do, and its version."""

from __future__ import annotations

from typing import Any

from litestar import Response, get

from lapwise.server.mlflow.endpoint import FAILURES, Visit, endpoint
from lapwise.server.mlflow.wire import Answer, Request

__all__ = ["ENDPOINTS", "SPOKEN", "VERSION"]

SPOKEN = "3.17.2"
"""The version of MLflow whose clients the tests drive."""


class Nothing(Request, frozen=True, kw_only=True):
    """Asks without saying anything."""


class ServerInfo(Answer, frozen=True, kw_only=True):
    """What the server can do; clients do without the rest."""

    store_type: str
    workspaces_enabled: bool
    trace_archival_enabled: bool
    multipart_uploads_enabled: bool
    multipart_downloads_enabled: bool
    presigned_upload_run_id_supported: bool
    presigned_upload_model_id_supported: bool
    features_enabled: dict[str, bool]


@endpoint("GET", "3.0/mlflow/server-info")
def server_info(visit: Visit, asked: Nothing) -> ServerInfo:
    """Say what the server can do. It tells nothing of the store."""
    del visit, asked
    return ServerInfo(
        store_type="SqlStore",
        workspaces_enabled=False,
        trace_archival_enabled=False,
        # One stream costs less here than many parts: they would have to be put together again. A
        # client that asks for parts nevertheless is served.
        multipart_uploads_enabled=False,
        multipart_downloads_enabled=False,
        presigned_upload_run_id_supported=False,
        presigned_upload_model_id_supported=False,
        features_enabled={"gateway": False},
    )


@get("/version", exception_handlers=FAILURES, sync_to_thread=False)
def version() -> Response[Any]:
    """Return the version of MLflow whose protocol is spoken, as its clients compare it."""
    return Response(SPOKEN, media_type="text/plain")


ENDPOINTS = (server_info,)
VERSION = version
