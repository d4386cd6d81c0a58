"""A server process for the tests: python onnx_server.py MODEL.onnx VERSION.json PORT_FILE."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import onnxruntime

from lapwise.core.model import ModelVersion
from lapwise.serving import InferenceApp, bind, serve


class OnnxScorer:
    """Feeds each column as a tensor (rows, 1)."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options)

    def score(self, columns: Mapping[str, Any]) -> Any:
        """Return the probability of yes."""
        feeds = {name: values.reshape(-1, 1) for name, values in columns.items()}
        return self.session.run(["probabilities"], feeds)[0][:, 1]


def main(model: Path, version: Path, port_file: Path) -> None:
    """Serve until stopped; the port file appears once requests are answered."""
    record = msgspec.json.decode(version.read_bytes(), type=ModelVersion)
    app = InferenceApp.of_version(record, OnnxScorer(model))

    def announce(_host: str, port: int) -> None:
        complete = port_file.with_suffix(".part")
        complete.write_text(str(port))
        complete.rename(port_file)

    serve(app, bind(), announce=announce)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
