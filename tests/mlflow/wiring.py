"""Calls of MLflow's API as they are on the wire."""

from __future__ import annotations

from typing import Any

import httpx

V2 = "/api/2.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/artifacts"


class Wire:
    """Sends calls, and expects a status."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def post(self, path: str, expected: int = 200, /, **body: Any) -> Any:
        answer = self.http.post(V2 + path, json=body)
        assert answer.status_code == expected, answer.text
        return answer.json()

    def get(self, path: str, expected: int = 200, /, **query: Any) -> Any:
        answer = self.http.get(V2 + path, params=query)
        assert answer.status_code == expected, answer.text
        return answer.json()

    def run(self, **more: Any) -> str:
        run: str = self.post("runs/create", **more)["run"]["info"]["run_id"]
        return run
