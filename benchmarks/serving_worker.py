"""One server process of the serving benchmark: ``serving_worker.py KIND FOLDER PORT_FILE``.

``echo`` is a bare ASGI application that returns what it gets, on the same server as ours.
``one`` and ``log`` are Lapwise with one ONNX model, without and with its prediction log.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from lapwise.core.model import Column, Lineage, ModelVersion, Signature
from lapwise.serving import InferenceApp, ServedVersion, bind, read_version, serve


class OnnxScorer:
    """Feeds each column as a tensor (rows, 1)."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options)

    def score(self, columns: Mapping[str, Any]) -> Any:
        """Return the probability of yes."""
        feeds = {name: values.reshape(-1, 1) for name, values in columns.items()}
        return self.session.run(["probabilities"], feeds)[0][:, 1]


async def echo(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = (await receive())["body"]
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def version(columns: list[Column]) -> ModelVersion:
    return ModelVersion(
        id="v1",
        model="bench",
        number=1,
        digest="d" * 64,
        format="onnx",
        serving="onnx",
        parity="proven",
        artifacts=(),
        signature=Signature(
            inputs=tuple(columns), outputs=(Column(name="score", dtype="Float64"),)
        ),
        lineage=Lineage(),
        task="binary",
        threshold=0.5,
        created=0,
    )


def main(kind: str, folder: Path, port_file: Path) -> None:
    """Serve until stopped; the port file appears once requests are answered."""

    def announce(_host: str, port: int) -> None:
        fresh = port_file.with_suffix(".new")
        fresh.write_text(str(port))
        fresh.rename(port_file)

    def opened(name: str) -> ServedVersion:
        record = msgspec.json.decode(read_version(folder, name), type=ModelVersion)
        return ServedVersion(version=record, scorer=OnnxScorer(folder / "model.onnx"))

    app: Any = echo
    if kind == "one":
        served = opened("v1")
        app = InferenceApp.of_version(served.version, served.scorer)
    elif kind == "log":
        app = InferenceApp.of_folder(folder, opened)
    serve(app, bind(), announce=announce)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
