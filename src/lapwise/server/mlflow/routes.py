"""Every address of MLflow's API that is served."""

from __future__ import annotations

from typing import Any

from litestar.handlers import HTTPRouteHandler

from lapwise.server.mlflow import (
    aliases,
    artifacts,
    experiments,
    log,
    logged_models,
    metrics,
    model_versions,
    registered_models,
    runs,
    searches,
    server_info,
    version_stages,
)
from lapwise.server.mlflow.coverage import refusals
from lapwise.server.mlflow.endpoint import Endpoint
from lapwise.server.mlflow.multipart import MULTIPART
from lapwise.server.mlflow.proxy import PROXY
from lapwise.server.mlflow.server_info import VERSION

__all__ = ["ENDPOINTS", "MLFLOW"]

ENDPOINTS: tuple[Endpoint[Any], ...] = (
    *experiments.ENDPOINTS,
    *runs.ENDPOINTS,
    *log.ENDPOINTS,
    *searches.ENDPOINTS,
    *metrics.ENDPOINTS,
    *logged_models.ENDPOINTS,
    *artifacts.ENDPOINTS,
    *server_info.ENDPOINTS,
    *registered_models.ENDPOINTS,
    *model_versions.ENDPOINTS,
    *version_stages.ENDPOINTS,
    *aliases.ENDPOINTS,
)
"""Calls with a JSON request and a JSON answer."""

MLFLOW: tuple[HTTPRouteHandler, ...] = (
    *(one.handler() for one in ENDPOINTS),
    *PROXY,
    *MULTIPART,
    VERSION,
    *refusals(),
)
"""What a Litestar application is given."""
