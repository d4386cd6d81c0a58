"""A connection to an MLflow server: asked again when it fails, and never sent elsewhere."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lapwise.core.errors import DataError, DeclarationError, StoreError

if TYPE_CHECKING:
    import httpx

__all__ = ["Connection"]

_TRIES = 6
_FIRST_PAUSE = 0.5
_AGAIN = {408, 429, 500, 502, 503, 504}
_SECONDS = 120.0
_PIECE = 1 << 20
_LARGEST = 256 << 20  # of one answer, unpacked: a thousand runs with all that was logged


class Connection:
    """A connection to one server; redirects are not followed.

    Whoever asks is told by what MLflow's own clients take: ``user:password@`` in the address,
    ``MLFLOW_TRACKING_TOKEN``, or ``MLFLOW_TRACKING_USERNAME`` and ``MLFLOW_TRACKING_PASSWORD``.

    Args:
        url: where the server is.

    Raises:
        DeclarationError: it is no address of a server.
    """

    def __init__(self, url: str) -> None:
        import httpx

        split = urlsplit(url)
        if split.scheme not in {"http", "https"} or not split.hostname:
            raise DeclarationError("not the address of a server", expected="http://host:5000")
        headers = {}
        user, password = split.username, split.password or ""
        if not user:
            user = os.environ.get("MLFLOW_TRACKING_USERNAME")
            password = os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
        token = os.environ.get("MLFLOW_TRACKING_TOKEN")
        if token and not user:
            headers["Authorization"] = f"Bearer {token}"
        host = split.netloc.rpartition("@")[2]
        self._client = httpx.Client(
            base_url=f"{split.scheme}://{host}{split.path.rstrip('/')}",
            auth=(user, password) if user else None,
            headers=headers,
            timeout=_SECONDS,
            follow_redirects=False,
        )

    def get(self, path: str, /, **asked: Any) -> dict[str, Any]:
        """Return the JSON object that a GET answers."""
        return self._object(self._asked("GET", path, params=asked))

    def post(self, path: str, body: dict[str, Any], *, absent: bool = False) -> dict[str, Any]:
        """Return the JSON object that a POST answers; ``absent`` takes 404 for an empty one."""
        answer = self._asked("POST", path, json=body, absent=absent)
        return {} if absent and answer.status_code == 404 else self._object(answer)

    def download(self, path: str, target: Path, most: int, /, **asked: Any) -> None:
        """Write what a GET answers to a file, in constant memory, and no more than ``most`` bytes.

        Raises:
            DataError: the server does not give it, or more than it said.
            StoreError: the server does not answer.
        """
        import httpx

        for again in range(_TRIES):
            try:
                with self._client.stream("GET", path, params=asked) as answer:
                    if answer.status_code == 200:
                        _write(answer.iter_bytes(_PIECE), target, most)
                        return
                    status = answer.status_code
            except httpx.TransportError as error:
                status, cause = 0, error
                if again == _TRIES - 1:
                    raise self._away(cause) from None
            if status and status not in _AGAIN:
                break
            time.sleep(_FIRST_PAUSE * 2**again)
        raise DataError("the server does not give an artifact", value=path, expected="its bytes")

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _asked(
        self, method: str, path: str, *, absent: bool = False, **more: Any
    ) -> httpx.Response:
        import httpx

        for again in range(_TRIES):
            try:
                answer = self._whole(self._client.build_request(method, path, **more))
            except httpx.TransportError as error:
                if again == _TRIES - 1:
                    raise self._away(error) from None
            else:
                if answer.status_code == 200 or (absent and answer.status_code == 404):
                    return answer
                if answer.status_code not in _AGAIN or again == _TRIES - 1:
                    raise self._refused(answer)
            time.sleep(_FIRST_PAUSE * 2**again)
        raise AssertionError("unreachable")  # pragma: no cover

    def _whole(self, request: httpx.Request) -> httpx.Response:
        """Return an answer, of which a few bytes on the wire may have become very many."""
        import httpx

        with closing(self._client.send(request, stream=True)) as answer:
            pieces: list[bytes] = []
            size = 0
            for piece in answer.iter_bytes(_PIECE):
                pieces.append(piece)
                size += len(piece)
                if size > _LARGEST:
                    raise StoreError(
                        "the server answers without end",
                        value=request.url.path,
                        expected=f"at most {_LARGEST} bytes",
                    )
            kind = answer.headers.get("content-type", "")
            return httpx.Response(
                answer.status_code,
                headers={"content-type": kind},
                content=b"".join(pieces),
                request=request,
            )

    def _object(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise StoreError(
                "the server does not answer as MLflow does",
                value=answer.headers.get("content-type"),
                expected="JSON",
                fix="look whether the address is that of MLflow",
            )
        return found

    def _refused(self, answer: httpx.Response) -> StoreError:
        fix = "look whether the address is that of MLflow"
        if answer.status_code in {401, 403}:
            fix = "set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        return StoreError(
            f"the server refuses {answer.request.url.path}",
            value=f"{answer.status_code} {answer.text[:150]}",
            expected="200",
            fix=fix,
        )

    def _away(self, error: Exception) -> StoreError:
        return StoreError(
            "the MLflow server does not answer",
            value=type(error).__name__,
            expected="a server at that address",
            fix="look whether it runs; what was brought over stays, run the command again to go on",
        )


def _write(pieces: Iterator[bytes], target: Path, most: int) -> None:
    size = 0
    with target.open("wb") as file:
        for piece in pieces:
            size += len(piece)
            if size > most:
                raise DataError(
                    "an artifact is larger than the server said", expected=f"{most} bytes"
                )
            file.write(piece)
