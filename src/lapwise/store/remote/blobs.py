"""Blobs behind a server, with a folder of this machine as a read cache.

Both ways are resumable, in constant memory: what is sent goes on where the server says that it ends,
and what is fetched goes on where the cache ends. Whoever is killed meanwhile loses nothing of it.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import httpx
import msgspec

from lapwise.core.digest import Digest, digest_bytes
from lapwise.core.errors import ConflictError, CorruptError, NotFoundError
from lapwise.store.address import refuse_remote
from lapwise.store.blob_names import check_anchor, check_digest, corrupt, missing
from lapwise.store.blobs_local import LocalBlobs
from lapwise.store.blobs_object import cache_folder
from lapwise.store.durable import digest_stream, opened
from lapwise.store.remote.connection import Connection, Trouble, refused
from lapwise.store.uploads import LARGEST_PUT, Received, Uploads

__all__ = ["RemoteBlobs"]

_PIECE = 16 << 20
_CHUNK = 1 << 20


class RemoteBlobs:
    """Implements :class:`lapwise.store.blobs.Blobs` over HTTP.

    Args:
        connection: to the server.
        cache: where blobs are kept to be read as files; default a folder of the user's cache.
    """

    def __init__(self, connection: Connection, cache: Path | None = None) -> None:
        self._connection = connection
        self._cache = LocalBlobs(cache or cache_folder(connection.url))

    def put(self, content: bytes) -> Digest:
        """Keep bytes durably and return their digest."""
        digest = digest_bytes(content)
        if len(content) > LARGEST_PUT:
            self._send(digest, io.BytesIO(content), len(content))
            return digest
        _good(self._connection.ask("PUT", f"/blobs/{digest}", content=content, headers=_BYTES))
        return digest

    def put_file(self, path: Path, *, expected: Digest | None = None) -> Digest:
        """Keep a file in constant memory; ``expected`` (if known) saves hashing it here.

        What was sent before a cut is not sent again.

        Raises:
            CorruptError: the file does not have the ``expected`` digest, or changes meanwhile.
            NotFoundError: the file cannot be read.
        """
        with opened(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size <= LARGEST_PUT:
                content = file.read(LARGEST_PUT + 1)
                if expected is not None and digest_bytes(content) != expected:
                    raise _changed(path)
                return self.put(content)
            digest = expected or digest_stream(file)
            check_digest(digest)
            try:
                self._send(digest, file, size)
            except CorruptError:
                raise _changed(path) from None
        return digest

    def get(self, digest: Digest) -> bytes:
        """Return checked bytes.

        Raises:
            NotFoundError: there is no such blob.
            CorruptError: the bytes differ from their digest.
        """
        check_digest(digest)
        if self._cache.has(digest):
            with suppress(CorruptError, NotFoundError):
                return self._cache.get(digest)
        content = _good(self._connection.ask("GET", f"/blobs/{digest}"), digest).content
        if digest_bytes(content) != digest:
            raise corrupt(digest)
        return content

    def path(self, digest: Digest) -> Path:
        """Return a local read-only file with the blob, fetched once and checked once a process.

        Raises:
            NotFoundError: there is no such blob.
            CorruptError: the bytes differ from their digest.
        """
        if self._cache.has(digest):
            # A damaged cache is no damaged store: fetch it again.
            with suppress(CorruptError):
                return self._cache.path(digest)
        self._fetch(digest)
        return self._cache.path(digest)

    def has(self, digest: Digest) -> bool:
        """Return whether the blob is there (its bytes unchecked)."""
        try:
            self.size(digest)
        except NotFoundError:
            return False
        return True

    def size(self, digest: Digest) -> int:
        """Return the blob's size in bytes; raises NotFoundError."""
        check_digest(digest)
        response = _good(self._connection.ask("HEAD", f"/blobs/{digest}"), digest)
        return int(response.headers["blob-size"])

    def digests(self) -> Iterator[Digest]:
        """Yield the digest of each blob, in any order."""
        response = _good(self._connection.ask("GET", "/blobs"))
        yield from response.text.splitlines()

    def remove(self, digest: Digest) -> None:
        """Remove a blob if it is there (garbage collection only)."""
        check_digest(digest)
        _good(self._connection.ask("DELETE", f"/blobs/{digest}"))

    def uploads(self) -> Uploads:
        """Refuse: a server's are its own; raises DeclarationError."""
        refuse_remote(self._connection.url)
        raise NotImplementedError  # pragma: no cover

    def anchor(self, name: str, content: bytes) -> None:
        """Write a small named object once; raises ConflictError when ``name`` holds other bytes."""
        check_anchor(name)
        _good(self._connection.ask("PUT", f"/anchors/{name}", content=content, headers=_BYTES))

    def anchors(self) -> dict[str, bytes]:
        """Return every anchored object by name."""
        response = _good(self._connection.ask("GET", "/anchors"))
        return msgspec.json.decode(response.content, type=dict[str, bytes])

    def _send(self, digest: Digest, file: IO[bytes], size: int) -> None:
        """Send what the server does not have yet of a blob, piece by piece."""
        waiting = self._connection.patience_with()
        spoilt = 0
        come = self._received(digest)
        while not come.complete:
            before = come.size
            try:
                come = self._send_piece(digest, file, come.size, size)
            except (ConflictError, Trouble) as error:
                # Another sends the same, or the connection broke: how far is it now?
                if isinstance(error, Trouble) or self._received(digest).size <= before:
                    waiting.pause(error if isinstance(error, Trouble) else Trouble(error.thing))
                come = self._received(digest)
            except CorruptError:
                spoilt += 1  # what lay there may have been spoilt by another: once more, from 0
                if spoilt > 1:
                    raise
                come = self._received(digest)
            if come.size > before:
                waiting.renew()

    def _send_piece(self, digest: Digest, file: IO[bytes], offset: int, size: int) -> Received:
        count = max(min(_PIECE, size - offset), 0)
        file.seek(min(offset, size))
        headers = {
            **_BYTES,
            "content-length": str(count),
            "upload-offset": str(offset),
            "upload-length": str(size),
        }
        with self._connection.once(
            "PATCH", f"/blobs/{digest}/upload", content=_chunks(file, count), headers=headers
        ) as response:
            response.read()
            return msgspec.json.decode(_good(response).content, type=Received)

    def _received(self, digest: Digest) -> Received:
        response = _good(self._connection.ask("GET", f"/blobs/{digest}/upload"))
        return msgspec.json.decode(response.content, type=Received)

    def _fetch(self, digest: Digest) -> None:
        """Fetch what the cache does not have yet of a blob."""
        uploads, waiting = self._cache.uploads(), self._connection.patience_with()
        while not self._cache.has(digest):
            come = uploads.received(digest)
            try:
                with uploads.receive(digest, come) as receiving:
                    with self._reading(digest, come) as response:
                        skipped = come if response.status_code == 200 else 0
                        for chunk in response.iter_bytes(_CHUNK):
                            receiving.write(chunk[skipped:])
                            skipped = max(skipped - len(chunk), 0)
                    receiving.finish()
            except ConflictError as error:  # another process fetches it
                waiting.pause(Trouble(error.thing))
            except Trouble as trouble:
                if uploads.received(digest) == come:
                    waiting.pause(trouble)
            if uploads.received(digest) > come:
                waiting.renew()

    @contextmanager
    def _reading(self, digest: Digest, come: int) -> Iterator[httpx.Response]:
        headers = {"range": f"bytes={come}-"} if come else {}
        with self._connection.once("GET", f"/blobs/{digest}", headers=headers) as response:
            if response.status_code == 416:  # all of it is here
                yield httpx.Response(206)
                return
            if not response.is_success:
                response.read()
                _good(response, digest)
            yield response


_BYTES = {"content-type": "application/octet-stream"}


def _chunks(file: IO[bytes], count: int) -> Iterator[bytes]:
    while count > 0:
        piece = file.read(min(count, _CHUNK))
        if not piece:
            raise CorruptError("a file became shorter while it was sent")
        count -= len(piece)
        yield piece


def _good(response: httpx.Response, digest: Digest | None = None) -> httpx.Response:
    """Return an answer that is one; raises what the store raised."""
    if response.is_success:
        return response
    if response.status_code == 404 and digest is not None:
        raise missing(digest)
    raise refused(response)


def _changed(path: Path) -> CorruptError:
    return CorruptError(
        f"file {path} is not what it was a moment ago",
        expected="the digest that it was to have",
        fix="let nobody write the file meanwhile, and repeat",
    )
