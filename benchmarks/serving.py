"""Requests a second and p99 of one server process, beside a raw ASGI echo on the same server.

Logistic regression on 17 numbers and 3 texts, as ONNX, features given; and the flights product after
a lap, with its features given, and with them looked up online: that is what a user is served. One
caller on one kept-alive connection tells the latency, 16 connections tell the requests a second.
Rounds alternate, so that a busy machine slows all alike. ``--peers`` adds FastAPI with scikit-learn,
in an environment of its own, from the lock in ``peers/``.
"""

from __future__ import annotations

import argparse
import os
import selectors
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import numpy as np

from benchmarks.looked_up import MODEL, Flights
from benchmarks.serving_worker import version
from benchmarks.table import table
from lapwise.core.clock import MachineClock
from lapwise.core.deployment import Deployment
from lapwise.core.model import Column
from lapwise.serving import VersionFiles, publish
from peers.environment import environment, versions

NUMBERS = [f"n{at}" for at in range(17)]
TEXTS = ["carrier", "origin", "dest"]
VALUES = ["UA", "DL", "B6", "AA", "EV"]
COUNTS = (1, 100)
ROUNDS = 5
SECONDS = 1.5
CALLERS = 16
CLOCK = MachineClock()


@dataclass
class Server:
    """A running process, and what was measured of it."""

    name: str
    port: int
    path: str
    bodies: dict[int, bytes]
    rates: dict[int, list[float]] = field(default_factory=dict)
    waits: dict[int, list[float]] = field(default_factory=dict)


def train(folder: Path) -> Any:
    """Write the model as ONNX, and return it as scikit-learn has it."""
    import pandas as pd
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(5000, 17)).astype(np.float32), columns=NUMBERS)
    for name in TEXTS:
        frame[name] = random.choice(VALUES, 5000)
    late = random.random(5000) < 0.3
    model = make_pipeline(
        make_column_transformer(
            (StandardScaler(), NUMBERS), (OneHotEncoder(handle_unknown="ignore"), TEXTS)
        ),
        LogisticRegression(),
    ).fit(frame, late)
    types = [(name, FloatTensorType([None, 1])) for name in NUMBERS]
    types += [(name, StringTensorType([None, 1])) for name in TEXTS]
    proto = convert_sklearn(
        model, initial_types=types, options={id(model): {"zipmap": False}}, target_opset=17
    )
    (folder / "model.onnx").write_bytes(proto.SerializeToString())
    return model


def columns() -> list[Column]:
    return [
        *(Column(name=name, dtype="Float32") for name in NUMBERS),
        *(Column(name=name, dtype="String") for name in TEXTS),
    ]


def rows(count: int) -> dict[str, list[Any]]:
    random = np.random.default_rng(1)
    found: dict[str, list[Any]] = {
        name: [round(float(value), 3) for value in random.normal(size=count)] for name in NUMBERS
    }
    return found | {name: [str(v) for v in random.choice(VALUES, count)] for name in TEXTS}


def infer_request(count: int) -> bytes:
    inputs = [
        {
            "name": name,
            "shape": [count],
            "datatype": "BYTES" if name in TEXTS else "FP32",
            "data": values,
        }
        for name, values in rows(count).items()
    ]
    return msgspec.json.encode({"inputs": inputs})


@contextmanager
def started(command: Sequence[str], port_file: Path, env: dict[str, str]) -> Iterator[int]:
    """Run a server process, and give its port once it answers."""
    process = subprocess.Popen(command, env=env)
    try:
        while not port_file.exists():
            assert process.poll() is None, "the server died before it answered"
            CLOCK.sleep(0.02)
        yield int(port_file.read_text())
    finally:
        process.terminate()
        process.wait(10)


def request(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


def receive(connection: socket.socket) -> None:
    content = b""
    while (end := content.find(b"\r\n\r\n")) < 0:
        content += connection.recv(262_144)
    head = content[:end].lower()
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    while len(content) < end + 4 + length:
        content += connection.recv(262_144)
    assert head.split(b" ", 2)[1] == b"200", content[:500]


def opened(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def waits(port: int, asked: bytes) -> list[float]:
    """Return microseconds of each answer, asked one after the other."""
    found = []
    with opened(port) as connection:
        begun = CLOCK.monotonic()
        while (now := CLOCK.monotonic()) < begun + SECONDS:
            connection.sendall(asked)
            receive(connection)
            found.append((CLOCK.monotonic() - now) * 1e6)
    return found


def rate(port: int, asked: bytes) -> float:
    """Return answers a second with many connections, each asking again once answered."""
    count = 0
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for _ in range(CALLERS):
            connection = stack.enter_context(opened(port))
            connection.sendall(asked)
            selector.register(connection, selectors.EVENT_READ)
        begun = CLOCK.monotonic()
        while CLOCK.monotonic() < begun + SECONDS:
            for key, _ in selector.select():
                ready: Any = key.fileobj
                receive(ready)
                ready.sendall(asked)
                count += 1
        return count / (CLOCK.monotonic() - begun)


def fastapi(folder: Path, model: Any, stack: ExitStack) -> Server:
    """Start FastAPI with scikit-learn, from the lock in ``peers/``."""
    import skops.io

    skops.io.dump(model, folder / "model.skops")
    python = str(environment("fastapi"))
    script = str(Path(__file__).with_name("serve_fastapi.py"))
    port_file = folder / "fastapi.port"
    # Neither our packages nor our settings: only what the lock names.
    clean = {"PATH": os.environ["PATH"], "HOME": str(folder), "OMP_NUM_THREADS": "1"}
    command = [python, script, str(folder / "model.skops"), str(port_file)]
    port = stack.enter_context(started(command, port_file, clean))
    bodies = {count: msgspec.json.encode(rows(count)) for count in COUNTS}
    return Server("FastAPI + scikit-learn", port, "/predict", bodies)


def flights(folder: Path, stack: ExitStack) -> list[Server]:
    """Start the flights product once, to be asked in two ways."""
    product = Flights(folder)
    running = product.start()
    stack.callback(running.stop)
    port, path = running.address[1], f"/v2/models/{MODEL}/infer"
    return [
        Server("flights, given", port, path, product.given(running, COUNTS)),
        Server("flights, looked up", port, path, product.looked_up(COUNTS)),
    ]


def main(argv: Sequence[str]) -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks serving")
    parser.add_argument("--peers", action="store_true", help="install FastAPI, and measure it too")
    asked = parser.parse_args(argv)
    names = {"echo": "raw ASGI echo", "one": "Lapwise, one version", "log": "Lapwise, logged"}
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        folder = Path(scratch)
        model = train(folder)
        publish(
            folder,
            Deployment(model="bench", production="v1", revision=1),
            {"v1": VersionFiles(content=msgspec.json.encode(version(columns())), blobs={})},
        )
        bodies = {count: infer_request(count) for count in COUNTS}
        servers = []
        for kind, name in names.items():
            port_file = folder / f"{kind}.port"
            command = [sys.executable, "-m", "benchmarks.serving_worker", kind, str(folder)]
            env = {**os.environ, "OMP_NUM_THREADS": "1"}
            port = stack.enter_context(started([*command, str(port_file)], port_file, env))
            servers.append(Server(name, port, "/v2/models/bench/infer", bodies))
        servers += flights(folder / "flights", stack)
        if asked.peers:
            servers.append(fastapi(folder, model, stack))
        measure(servers)
    for count in COUNTS:
        print(f"\n{count} row{'s' if count > 1 else ''} a request")
        print(shown(servers, count))
    if asked.peers:
        named = (f"{name} {version}" for name, version in versions("fastapi").items())
        print("\n" + ", ".join(named))
    print("\nx echo: p50 beside the raw ASGI echo's; of echo: requests a second beside its.")


def measure(servers: Sequence[Server]) -> None:
    for _ in range(ROUNDS):
        for server in servers:
            for count, body in server.bodies.items():
                content = request(server.path, body)
                server.waits.setdefault(count, []).extend(waits(server.port, content))
                server.rates.setdefault(count, []).append(rate(server.port, content))


def shown(servers: Sequence[Server], count: int) -> str:
    """Return a table; the first server is what the others stand beside."""
    found = [(server, median(server.rates[count]), *waited(server, count)) for server in servers]
    _, floor_rate, floor_wait, _ = found[0]
    lines = [
        (
            server.name,
            f"{len(server.bodies[count]):,}",
            answers,
            answers * count,
            p50,
            p99,
            p50 / floor_wait,
            answers / floor_rate,
        )
        for server, answers, p50, p99 in found
    ]
    names = ["server, one process", "bytes", "req/s", "rows/s", "p50 µs", "p99 µs", "x echo"]
    return table([*names, "of echo"], lines)


def waited(server: Server, count: int) -> tuple[float, float]:
    """Return p50 and p99 in microseconds."""
    ordered = sorted(server.waits[count])
    p50, p99 = (ordered[ceil(share * len(ordered)) - 1] for share in (0.5, 0.99))
    return p50, p99


if __name__ == "__main__":
    main(sys.argv[1:])
