"""A real server process with a real ONNX model: right answers, latency, and an orderly end."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from lapwise.core.errors import ModelError
from lapwise.serving import bind, probe_latency
from tests.serving.versions import INPUTS, flight, make_version, tensor

SCRIPT = Path(__file__).with_name("onnx_server.py")
INFER = "/v2/models/flight-delay/infer"


class Running:
    """A server process and what its model should answer."""

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.port = port
        self.process = process
        self.url = f"http://127.0.0.1:{port}"


def train() -> tuple[bytes, list[Any], NDArray[np.float64]]:
    """Return a trained model as ONNX, three rows of input, and scikit-learn's scores of them."""
    import pandas as pd
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "distance": random.integers(100, 3000, 2000).astype(np.float32),
            "hour": random.integers(5, 24, 2000).astype(np.float32),
            "carrier": random.choice(["UA", "DL", "B6"], 2000),
        }
    )
    late = random.random(2000) < 0.2 + 0.02 * (frame["hour"] - 5)
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    model = make_pipeline(
        make_column_transformer(
            (numbers, ["distance", "hour"]), (OneHotEncoder(handle_unknown="ignore"), ["carrier"])
        ),
        LogisticRegression(),
    ).fit(frame, late)
    kinds = {"Float32": FloatTensorType, "String": StringTensorType}
    types = [(column.name, kinds[column.dtype]([None, 1])) for column in INPUTS]
    proto = convert_sklearn(
        model, initial_types=types, options={id(model): {"zipmap": False}}, target_opset=17
    )
    rows = frame.head(3).assign(carrier=["UA", "never seen", "B6"])
    rows.loc[1, "distance"] = np.nan
    inputs = [
        tensor("distance", "FP32", [float(rows["distance"][0]), None, float(rows["distance"][2])]),
        tensor("hour", "INT64", rows["hour"].astype(int).tolist()),
        tensor("carrier", "BYTES", rows["carrier"].tolist()),
    ]
    return proto.SerializeToString(), inputs, model.predict_proba(rows)[:, 1]


def start(folder: Path) -> Running:
    """Start a server on the model in a folder and wait until it answers."""
    port_file = folder / "port"
    port_file.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), folder / "model.onnx", folder / "version.json", port_file]
    )
    deadline = time.monotonic() + 30
    while not port_file.exists():
        assert process.poll() is None, "the server died before it answered"
        assert time.monotonic() < deadline, "the server did not answer within 30 s"
        time.sleep(0.02)
    return Running(int(port_file.read_text()), process)


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, list[Any], NDArray[np.float64]]:
    folder = tmp_path_factory.mktemp("served model")
    content, inputs, expected = train()
    (folder / "model.onnx").write_bytes(content)
    (folder / "version.json").write_bytes(msgspec.json.encode(make_version()))
    return folder, inputs, expected


@pytest.fixture(scope="module")
def server(trained: tuple[Path, list[Any], NDArray[np.float64]]) -> Iterator[Running]:
    running = start(trained[0])
    yield running
    running.process.terminate()
    running.process.wait(10)


def test_a_served_model_answers_as_scikit_learn_did(
    server: Running, trained: tuple[Path, list[Any], NDArray[np.float64]]
) -> None:
    """A missing number and an unseen category included, over TCP, from the ONNX form."""
    _, inputs, expected = trained
    answer = httpx.post(server.url + INFER, json={"inputs": inputs})
    assert answer.status_code == 200, answer.text
    score, decision = answer.json()["outputs"]
    assert score["data"] == pytest.approx(expected, abs=1e-6)
    assert decision["data"] == (expected >= 0.5).tolist()


def test_health_is_answered_over_tcp(server: Running) -> None:
    assert httpx.get(server.url + "/v2/health/ready").json() == {"ready": True}
    assert httpx.head(server.url + "/v2").status_code == 200


def test_an_error_leaves_the_connection_usable(server: Running) -> None:
    with httpx.Client(base_url=server.url) as client:
        assert client.post(INFER, content=b"{").status_code == 400
        assert client.get("/nowhere").status_code == 404
        assert client.post(INFER, json={"inputs": flight()}).status_code == 200


def test_the_probe_times_every_request(server: Running) -> None:
    bodies = [msgspec.json.encode({"inputs": flight()})]
    probe = probe_latency(
        ("127.0.0.1", server.port), INFER, bodies, requests=500, warmup=50, serving="onnx"
    )
    assert (probe.requests, probe.failures, probe.serving) == (500, 0, "onnx")
    assert 20 < probe.p50 <= probe.p95 <= probe.p99
    print(f"p50 {probe.p50:.0f} us, p95 {probe.p95:.0f} us, p99 {probe.p99:.0f} us")


def test_the_probe_counts_failures(server: Running) -> None:
    bodies = [msgspec.json.encode({"inputs": flight()}), b"{"]
    probe = probe_latency(("127.0.0.1", server.port), INFER, bodies, requests=20, warmup=0)
    assert probe.failures == 10


def test_the_probe_survives_connections_that_break() -> None:
    """A peer that hangs up, and one that does not speak HTTP, are failures and no exception."""
    replies = [b"", b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", b""]
    with socket.create_server(("127.0.0.1", 0)) as peer:

        def answer() -> None:
            # The socket may be closed while this still waits for a last caller who never comes.
            with suppress(OSError):
                for reply in replies:
                    connection, _ = peer.accept()
                    with connection:
                        connection.recv(65_536)
                        connection.sendall(reply)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        probe = probe_latency(peer.getsockname()[:2], "/", [b"{}"], requests=3, warmup=0)
        assert probe.failures == 2


def test_the_probe_says_that_nobody_answers() -> None:
    with bind() as free:
        address = free.getsockname()[:2]
    with pytest.raises(ModelError, match="nobody answers"):
        probe_latency(address, "/", [b"{}"])


def test_an_address_that_is_taken_is_an_error() -> None:
    with bind() as taken:
        taken.listen()
        with pytest.raises(ModelError, match=str(taken.getsockname()[1])):
            bind(port=taken.getsockname()[1])


def test_sigterm_finishes_the_request_under_way(
    trained: tuple[Path, list[Any], NDArray[np.float64]],
) -> None:
    """A request whose body is half sent is answered after SIGTERM, and the process returns 0."""
    running = start(trained[0])
    body = msgspec.json.encode({"inputs": flight()})
    head = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as caller:
        caller.sendall(head + body[:10])
        time.sleep(0.3)
        running.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        caller.sendall(body[10:])
        assert caller.recv(65_536).startswith(b"HTTP/1.1 200 ")
    assert running.process.wait(10) == 0


def test_importing_the_room_loads_neither_numpy_nor_uvicorn() -> None:
    code = (
        "import sys, lapwise.serving.run, lapwise.serving.probe\n"
        "print({'numpy', 'polars', 'uvicorn', 'uvloop'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
