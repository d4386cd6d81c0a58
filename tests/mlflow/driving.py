"""The real client in its own environment, and the server that it talks to: both are processes."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peers.environment import environment
from tests import orphans

ROOT = Path(__file__).parents[2]
LAPWISE = str(Path(sys.executable).with_name("lapwise"))
DRIVER = Path(__file__).with_name("driver.py")


class ClientError(Exception):
    """What the client raised: the name of the class, MLflow's error code, and what it says."""

    def __init__(self, told: Mapping[str, str]) -> None:
        super().__init__(f"{told['raised']}: {told['message']}\n{told['trace']}")
        self.kind = told["raised"]
        self.code = told["code"]
        self.message = told["message"]


@dataclass
class Client:
    """A process in which MLflow is imported; functions are sent to it as text."""

    process: subprocess.Popen[str]
    version: str

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function there and return what it returned, which must be JSON.

        It sees only its arguments, of which the first is ``mlflow``.

        Raises:
            ClientError: it raised.
        """
        told = {
            "source": textwrap.dedent(inspect.getsource(function)),
            "name": function.__name__,
            "arguments": arguments,
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(told) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the client died; its error is above"
        answer = json.loads(line)
        if "raised" in answer:
            raise ClientError(answer)
        return answer["returned"]

    def refused(self, function: Callable[..., Any], *arguments: Any) -> ClientError:
        """Call a function that must raise, and return what it raised."""
        try:
            returned = self(function, *arguments)
        except ClientError as error:
            return error
        raise AssertionError(f"nothing was raised; it returned {returned!r}")


@contextmanager
def client_of(url: str, folder: Path, **settings: str) -> Iterator[Client]:
    """Start the client, told where the server is, and none of our settings."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "MLFLOW_TRACKING_URI": url,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1",
        "NO_PROXY": "127.0.0.1",
        **orphans.mark(),
        **settings,
    }
    command = [str(environment("mlflow")), str(DRIVER)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, text=True, env=env, cwd=folder
    ) as process:
        try:
            assert process.stdout is not None
            version = json.loads(process.stdout.readline())["version"]
            yield Client(process, version)
        finally:
            process.kill()


@dataclass
class Server:
    """A running ``lapwise server``, and where its store is."""

    url: str
    store: str
    blobs: str
    process: subprocess.Popen[str]


@contextmanager
def server_of(store: str, blobs: str, folder: Path, *options: str) -> Iterator[Server]:
    """Run ``lapwise server`` on a free port, on a store."""
    env = {**os.environ, "LAPWISE_STORE": store, "LAPWISE_BLOBS": blobs}
    command = [LAPWISE, "server", "--port", "0", "--json"]
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, text=True, env=env, cwd=folder
    ) as process:
        try:
            assert process.stdout is not None
            told = ""
            for line in process.stdout:  # the JSON may be written over many lines
                told += line
                if line.rstrip().endswith("}"):
                    break
            assert told, "the server ended before it answered; its error is above"
            yield Server(json.loads(told)["url"], store, blobs, process)
        finally:
            process.terminate()


def make_token(store: str, blobs: str, folder: Path, *arguments: str) -> str:
    """Return the secret of a new token."""
    env = {**os.environ, "LAPWISE_STORE": store, "LAPWISE_BLOBS": blobs}
    command = [LAPWISE, "token", "create", "--json", *arguments]
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=True)
    secret: str = json.loads(done.stdout)["secret"]
    return secret
