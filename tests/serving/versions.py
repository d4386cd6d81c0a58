"""Versions and requests for the tests of serving."""

from __future__ import annotations

from typing import Any

from lapwise.core.model import Column, Lineage, ModelVersion, Signature

INPUTS = (
    Column(name="distance", dtype="Float32"),
    Column(name="hour", dtype="Float32"),
    Column(name="carrier", dtype="String"),
)


def make_version(**changes: Any) -> ModelVersion:
    """Return a binary model's version with a threshold."""
    fields: dict[str, Any] = {
        "id": "01",
        "model": "flight-delay",
        "number": 3,
        "digest": "d" * 64,
        "format": "skops",
        "serving": "onnx",
        "parity": "proven",
        "artifacts": (),
        "signature": Signature(inputs=INPUTS, outputs=(Column(name="score", dtype="Float64"),)),
        "lineage": Lineage(),
        "task": "binary",
        "threshold": 0.5,
        "created": 0,
    }
    return ModelVersion(**(fields | changes))


def tensor(name: str, datatype: str, data: list[Any], shape: list[int] | None = None) -> Any:
    """Return one input tensor as plain values."""
    return {"name": name, "datatype": datatype, "shape": shape or [len(data)], "data": data}


def flight(**changes: Any) -> list[Any]:
    """Return the input tensors of two flights, some replaced (None: left out)."""
    inputs: dict[str, Any] = {
        "distance": tensor("distance", "FP32", [500.0, None]),
        "hour": tensor("hour", "INT64", [7, 23]),
        "carrier": tensor("carrier", "BYTES", ["UA", None]),
    }
    return [value for value in (inputs | changes).values() if value is not None]
