"""Measure how fast the packaged candidate answers, in a process of its own, over TCP."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec
import polars as pl

from lapwise.core.clock import MachineClock
from lapwise.core.errors import ModelError
from lapwise.registry import model_inputs
from lapwise.serving import infer_body, probe_latency

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lapwise.core.digest import Digest
    from lapwise.core.evidence import LatencyProbe
    from lapwise.core.model import ModelVersion
    from lapwise.loop.steps.parts import Rows

__all__ = ["measure_latency"]

_ROWS = 200
_ROUNDS = 3
_START = 60.0


def measure_latency(
    digest: Digest,  # noqa: ARG001 - part of the key, with serving: they name the version
    serving: str,  # noqa: ARG001
    of: Sequence[Digest],  # noqa: ARG001 - part of the key: it names the rows
    *,
    version: ModelVersion,
    rows: Rows,
    url: str,
    blobs: str,
    quiet: Callable[[], object] = lambda: None,
) -> LatencyProbe:
    """Start the model as it would be served, ask it one test row at a time, and stop it.

    Of three rounds the fastest counts: whatever else this machine does can only add to the time.

    Args:
        digest: with ``serving``, names the model.
        serving: the form that answers.
        of: names the rows: the digests of examples, split and features.
        version: the model.
        rows: the rows in parts, with features.
        url: the store's database.
        blobs: the store's blobs.
        quiet: called when the process is ready; returns when nothing works beside it any more.

    Raises:
        ModelError: the process does not come up; the error says what it printed.
    """
    test = rows().filter(pl.col("part") == "test").head(_ROWS)
    inputs = model_inputs(test, version.signature.inputs)
    bodies = [infer_body(inputs[at]) for at in range(inputs.height)]
    with TemporaryDirectory(prefix="lapwise-") as folder:
        home = Path(folder)
        (home / "version.json").write_bytes(msgspec.json.encode(version))
        with (home / "errors").open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "lapwise.loop.answer", str(home), url, blobs],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        try:
            port = _port(process, home)
            quiet()
            path = f"/v2/models/{version.model}/infer"
            rounds = [
                probe_latency(("127.0.0.1", port), path, bodies, serving=version.serving)
                for _ in range(_ROUNDS)
            ]
            return min(rounds, key=lambda one: (one.failures, one.p99))
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin:
                process.stdin.close()


def _port(process: subprocess.Popen[bytes], home: Path) -> int:
    """Wait until the process says where it answers."""
    clock = MachineClock()
    until = clock.monotonic() + _START
    announced = home / "port"
    while clock.monotonic() < until and process.poll() is None:
        if announced.exists():
            return int(announced.read_text())
        clock.sleep(0.01)
    raise ModelError(
        "the packaged model does not start to answer",
        value=(home / "errors").read_text(errors="replace").strip().splitlines()[-1:],
        expected=f"a process that answers within {_START:.0f} s",
        fix="lapwise --debug lap",
    )
