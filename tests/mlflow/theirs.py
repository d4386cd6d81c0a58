"""MLflow's own server, in its own environment."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from peers.environment import environment
from tests import orphans
from tests.ports import fixed_port


@contextmanager
def their_server(folder: Path) -> Iterator[str]:
    """Run ``mlflow server`` on ``m.db`` in a folder, artifacts through it to ``a``; give its address."""
    python = environment("mlflow")
    port = fixed_port()
    command = [str(python), "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/m.db"]
    command += ["--artifacts-destination", f"{folder}/a"]
    env = {
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        **orphans.mark(),
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, env=env, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url, process, folder / "log")
            yield url
        finally:
            os.killpg(process.pid, signal.SIGTERM)  # its workers are processes of their own
            process.wait(60)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(1200):
        with suppress(httpx.HTTPError):
            if httpx.get(url + "/health", trust_env=False).status_code == 200:
                return
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError(f"MLflow's server does not answer: {log.read_text()}")
