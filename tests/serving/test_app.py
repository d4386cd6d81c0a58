"""The application answers as the Open Inference Protocol v2 says, and refuses without echo."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapwise.core.errors import ModelError
from lapwise.core.model import Column, Signature
from lapwise.serving import FrameScorer, InferenceApp
from tests.serving.versions import flight, make_version, tensor

INFER = "/v2/models/flight-delay/infer"
SECRET = "s3cret-valu3"


class Formula:
    """A model that is a formula, and keeps what it was given."""

    def __init__(self) -> None:
        self.columns: Mapping[str, Any] = {}

    def score(self, columns: Mapping[str, Any]) -> Any:
        """Return more for longer flights; missing distance is one half."""
        self.columns = columns
        return np.nan_to_num(columns["distance"] / 1000, nan=0.5)


class Broken:
    """A model that raises, quoting a row, or gives NaN."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    def score(self, columns: Mapping[str, Any]) -> Any:
        """Fail."""
        if self.error is not None:
            raise self.error
        return np.array([0.5, np.nan])


def call(
    app: InferenceApp, method: str, path: str, body: object = None, **headers: str
) -> httpx.Response:
    """Send one request through the ASGI interface."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://lapwise") as client:
            content = body if isinstance(body, bytes) else msgspec.json.encode(body)
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, path, content=content, headers=named)

    return asyncio.run(send())


def infer(app: InferenceApp, inputs: list[Any], **more: Any) -> httpx.Response:
    """Send an infer request."""
    return call(app, "POST", INFER, {"inputs": inputs, **more})


@pytest.fixture
def app() -> InferenceApp:
    return InferenceApp.of_version(make_version(), Formula())


# ── what never changes ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/v2/models/flight-delay", "/v2/models/flight-delay/versions/3"])
def test_metadata_describes_the_signature(app: InferenceApp, path: str) -> None:
    assert call(app, "GET", path).json() == {
        "name": "flight-delay",
        "versions": ["3"],
        "platform": "lapwise_onnx",
        "inputs": [
            {"name": "distance", "datatype": "FP32", "shape": [-1]},
            {"name": "hour", "datatype": "FP32", "shape": [-1]},
            {"name": "carrier", "datatype": "BYTES", "shape": [-1]},
        ],
        "outputs": [
            {"name": "score", "datatype": "FP64", "shape": [-1]},
            {"name": "decision", "datatype": "BOOL", "shape": [-1]},
        ],
    }
    assert call(app, "GET", f"{path}/ready").json() == {"name": "flight-delay", "ready": True}


def test_health_and_server_answer_with_bodies_that_clients_read(app: InferenceApp) -> None:
    assert call(app, "GET", "/v2/health/live").json() == {"live": True}
    assert call(app, "GET", "/v2/health/ready").json() == {"ready": True}
    server = call(app, "GET", "/v2")
    assert server.json()["name"] == "lapwise"
    assert server.headers["content-type"] == "application/json"


# ── answers ─────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_has_scores_decisions_and_the_requests_id(app: InferenceApp) -> None:
    answer = infer(app, flight(), id="r1", model_name="flight-delay", parameters={"x": 1})
    assert answer.status_code == 200
    assert answer.json() == {
        "model_name": "flight-delay",
        "model_version": "3",
        "id": "r1",
        "outputs": [
            {"name": "score", "shape": [2], "datatype": "FP64", "data": [0.5, 0.5]},
            {"name": "decision", "shape": [2], "datatype": "BOOL", "data": [True, True]},
        ],
    }


def test_only_the_outputs_asked_for_come_back(app: InferenceApp) -> None:
    outputs = infer(app, flight(), outputs=[{"name": "decision"}]).json()["outputs"]
    assert [output["name"] for output in outputs] == ["decision"]


def test_the_model_sees_columns_in_the_signatures_order_and_types() -> None:
    model = Formula()
    infinite = tensor("distance", "FP64", [1e300, 3])
    inputs = [tensor("extra", "FP32", [1, 2]), *reversed(flight(distance=infinite))]
    assert infer(InferenceApp.of_version(make_version(), model), inputs).status_code == 200
    assert list(model.columns) == ["distance", "hour", "carrier"]
    assert [str(values.dtype) for values in model.columns.values()] == [
        "float32",
        "float32",
        "object",
    ]
    assert np.isnan(model.columns["distance"][0])
    assert model.columns["hour"].tolist() == [7.0, 23.0]
    assert model.columns["carrier"].tolist() == ["UA", ""]


@pytest.mark.parametrize(
    "hour",
    [
        tensor("hour", "FP32", [[7], [None]], [2, 1]),
        tensor("hour", "FP64", [7.0, None], [2, 1]),
        tensor("hour", "UINT8", [7, None]),
        tensor("hour", "INT32", [7, None], [2]),
    ],
)
def test_a_column_may_be_nested_or_flat_and_of_any_number(hour: Any) -> None:
    model = Formula()
    assert (
        infer(InferenceApp.of_version(make_version(), model), flight(hour=hour)).status_code == 200
    )
    assert model.columns["hour"][0] == 7
    assert np.isnan(model.columns["hour"][1])


def test_booleans_are_numbers() -> None:
    model = Formula()
    hour = tensor("hour", "BOOL", [True, False])
    assert (
        infer(InferenceApp.of_version(make_version(), model), flight(hour=hour)).status_code == 200
    )
    assert model.columns["hour"].tolist() == [1.0, 0.0]


def test_several_classes_give_a_row_of_scores_and_the_likeliest_class() -> None:
    class Three:
        def score(self, columns: Mapping[str, Any]) -> Any:
            return np.array([[0.2, 0.7, 0.1], [0.5, 0.2, 0.3]])

    version = make_version(task="multiclass", classes=("early", "late", "never"), threshold=None)
    outputs = infer(InferenceApp.of_version(version, Three()), flight()).json()["outputs"]
    assert outputs[0]["shape"] == [2, 3]
    assert outputs[1] == {
        "name": "decision",
        "shape": [2],
        "datatype": "BYTES",
        "data": ["late", "early"],
    }


def test_without_a_threshold_there_is_no_decision() -> None:
    app = InferenceApp.of_version(make_version(threshold=None), Formula())
    assert [output["name"] for output in infer(app, flight()).json()["outputs"]] == ["score"]


def test_a_request_without_rows_is_refused(app: InferenceApp) -> None:
    inputs = [
        {"name": name, "datatype": kind, "shape": [0], "data": []}
        for name, kind in [("distance", "FP32"), ("hour", "FP32"), ("carrier", "BYTES")]
    ]
    answer = infer(app, inputs)
    assert answer.status_code == 400
    assert answer.json()["error"] == "a request needs at least one row"


def test_a_model_of_frames_gives_what_it_gives_on_the_frame() -> None:
    class Frames:
        def predict(self, frame: pl.DataFrame) -> Any:
            assert frame.schema == pl.Schema(
                {"distance": pl.Float32, "hour": pl.Float32, "carrier": pl.String}
            )
            return frame.select(pl.col("hour") / 100 + pl.col("carrier").str.len_chars())[
                "hour"
            ].to_numpy()

    app = InferenceApp.of_version(make_version(), FrameScorer(Frames()))
    assert infer(app, flight()).json()["outputs"][0]["data"] == pytest.approx([2.07, 0.23])


# ── refusals ────────────────────────────────────────────────────────────────────────────────────

REFUSED: dict[str, tuple[list[Any], str]] = {
    "missing input": (flight(hour=None), "hour"),
    "number as text": (flight(hour=tensor("hour", "BYTES", [SECRET, "b"])), "hour"),
    "text as number": (flight(carrier=tensor("carrier", "FP32", [1, 2])), "carrier"),
    "unknown datatype": (flight(hour=tensor("hour", SECRET, [1, 2])), "hour"),
    "text in numbers": (flight(hour=tensor("hour", "FP32", [SECRET, 1])), "hour"),
    "fraction in integers": (flight(hour=tensor("hour", "INT64", [1.5, 1])), "hour"),
    "boolean in numbers": (flight(hour=tensor("hour", "FP32", [True, 1])), "hour"),
    "number in text": (flight(carrier=tensor("carrier", "BYTES", [1, "a"])), "carrier"),
    "wrong count": (flight(hour=tensor("hour", "FP32", [1, 2], [3])), "hour"),
    "lengths differ": (flight(hour=tensor("hour", "FP32", [1, 2, 3])), "hour"),
    "three axes": (flight(hour=tensor("hour", "FP32", [1, 2], [2, 1, 1])), "hour"),
    "two columns": (flight(hour=tensor("hour", "FP32", [1, 2], [1, 2])), "hour"),
    "negative rows": (flight(hour=tensor("hour", "FP32", [1, 2], [-1])), "hour"),
    "nested though flat": (flight(hour=tensor("hour", "FP32", [[1], [2]])), "hour"),
    "half nested": (flight(hour=tensor("hour", "FP32", [[1], 2], [2, 1])), "hour"),
    "given twice": ([*flight(), tensor("hour", "FP32", [1, 2])], "hour"),
    "no data": (flight(hour={"name": "hour", "datatype": "FP32", "shape": [2]}), "hour"),
    "no shape": (flight(hour={"name": "hour", "datatype": "FP32", "data": [1]}), "shape"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_input_is_named_and_no_value_comes_back(app: InferenceApp, case: str) -> None:
    inputs, named = REFUSED[case]
    answer = infer(app, inputs)
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert named in answer.json()["error"]
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", INFER, b'{"inputs": [', 400),
        ("POST", INFER, b'{"inputs": [NaN]}', 400),
        ("POST", INFER, b"\xff\xfe", 400),
        ("POST", INFER, b"", 400),
        ("POST", INFER, b"[]", 400),
        ("POST", INFER, b"{}", 400),
        ("POST", INFER, b" " * (16 * 1024 * 1024 + 1), 413),
        ("GET", INFER, b"", 405),
        ("POST", "/v2", b"", 405),
        ("POST", "/v2/models/other/infer", b"{}", 404),
        ("GET", "/v2/models/flight-delay/versions/4", b"", 404),
        ("GET", "/", b"", 404),
    ],
)
def test_what_is_not_an_infer_request_is_refused(
    app: InferenceApp, method: str, path: str, body: bytes, status: int
) -> None:
    answer = call(app, method, path, body)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]


def test_encodings_that_are_not_understood_are_refused(app: InferenceApp) -> None:
    body = {"inputs": flight()}
    assert call(app, "POST", INFER, body, content_encoding="gzip").status_code == 415
    assert call(app, "POST", INFER, body, inference_header_content_length="9").status_code == 400


def test_an_unknown_output_is_refused(app: InferenceApp) -> None:
    answer = infer(app, flight(), outputs=[{"name": SECRET}])
    assert answer.status_code == 400
    assert "score, decision" in answer.text
    assert SECRET not in answer.text


@pytest.mark.parametrize("error", [ValueError(SECRET), None])
def test_a_model_that_fails_says_so_without_values(
    error: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    answer = infer(InferenceApp.of_version(make_version(), Broken(error)), flight())
    assert answer.status_code == 500
    assert SECRET not in answer.text + caplog.text


def test_a_signature_that_cannot_be_served_is_refused_at_once() -> None:
    moment = Signature(inputs=(Column(name="at", dtype="Datetime"),), outputs=())
    with pytest.raises(ModelError, match="'at'"):
        InferenceApp.of_version(make_version(signature=moment), Formula())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(JSON, st.sampled_from(["inputs", "name", "shape", "datatype", "data"]))
def test_any_json_is_answered_or_refused_but_never_breaks(value: Any, place: str) -> None:
    """Whatever stands in whatever place, the status is 200 or 400."""
    app = InferenceApp.of_version(make_version(), Formula())
    inputs = value if place == "inputs" else flight()
    if place != "inputs":
        inputs[1][place] = value
    assert infer(app, inputs).status_code in {200, 400}
