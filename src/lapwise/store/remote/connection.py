"""A connection to a server: one pool, one token, and patience with what breaks on the way."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import msgspec

from lapwise.core.clock import MachineClock
from lapwise.core.errors import (
    AccessError,
    ConflictError,
    DeclarationError,
    LapwiseError,
    NotFoundError,
    SchemaError,
    StoreError,
)
from lapwise.store.calls import API_VERSION, Handshake
from lapwise.store.refusals import Refusal, error_of, is_known

__all__ = ["MSGPACK", "PATIENCE", "Connection", "Trouble", "refused"]

MSGPACK = "application/msgpack"

PATIENCE = 30.0
"""Seconds for which a call waits for a server that does not answer."""

_API = "/api/v1"
_BUSY = {429, 502, 503, 504}
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_LIMITS = httpx.Limits(max_connections=32, max_keepalive_connections=8, keepalive_expiry=30.0)


class Trouble(Exception):
    """A request went wrong in a way that may pass: no answer, or one that says to ask again."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


class Connection:
    """Asks a server, from any thread.

    Args:
        url: where it is.
        token: says who asks; empty for none.
        patience: seconds for which a request is repeated while there is no answer.

    Raises:
        DeclarationError: the URL is none, or would send a token unprotected through a network.
    """

    def __init__(self, url: str, token: str = "", *, patience: float = PATIENCE) -> None:
        self.url = url.rstrip("/")
        self.patience = patience
        is_here = _check(self.url, token)
        self._clock = MachineClock()
        self._lock = threading.Lock()
        self._greeted = False
        self._client = httpx.Client(
            headers={"authorization": f"Bearer {token}"} if token else {},
            timeout=_TIMEOUT,
            limits=_LIMITS,
            verify=httpx.create_ssl_context(),  # which reads SSL_CERT_FILE
            trust_env=not is_here,  # no proxy stands between us and this machine
        )

    def ask(
        self,
        method: str,
        path: str,
        *,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Return the answer to a request that may be repeated, whatever it says.

        Raises:
            StoreError: there was none, for as long as patience lasts.
            SchemaError: the server speaks another version.
        """
        self._greet()
        return self._patiently(method, path, content, headers)

    @contextmanager
    def once(
        self,
        method: str,
        path: str,
        *,
        content: bytes | Iterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[httpx.Response]:
        """Open the answer to a request that is not repeated, to be read as it comes.

        Raises:
            Trouble: there was none, or it broke off, or it says to ask again.
        """
        self._greet()
        try:
            with self._client.stream(
                method, self._address(path), content=content, headers=headers
            ) as response:
                if response.status_code in _BUSY:
                    response.read()
                _check_busy(response)
                yield response
        except httpx.TransportError as error:
            raise _trouble(error, self.url) from error

    def patience_with(self) -> Patience:
        """Return what says how long to wait before a request is repeated, and when to give up."""
        return Patience(self.url, self.patience)

    def close(self) -> None:
        """Release every connection."""
        self._client.close()

    def _patiently(
        self, method: str, path: str, content: bytes, headers: Mapping[str, str] | None
    ) -> httpx.Response:
        waiting = self.patience_with()
        while True:
            try:
                response = self._client.request(
                    method, self._address(path), content=content, headers=headers
                )
                _check_busy(response)
                return response
            except httpx.TransportError as error:
                waiting.pause(_trouble(error, self.url))
            except Trouble as trouble:
                waiting.pause(trouble)

    def _greet(self) -> None:
        """Ask once which version is spoken there."""
        with self._lock:
            if self._greeted:
                return
            response = self._patiently("GET", "/store", b"", {"accept": "application/json"})
            if response.status_code in {401, 403}:
                raise refused(response)
            try:
                said = msgspec.json.decode(response.content, type=Handshake)
            except msgspec.MsgspecError:
                raise StoreError(
                    f"there is no store of Lapwise at {self.url}",
                    value=f"HTTP {response.status_code}",
                    expected="the address of `lapwise server`",
                    fix="see that LAPWISE_STORE is right",
                ) from None
            if said.api != API_VERSION:
                raise SchemaError(
                    f"the server at {self.url} speaks another version of the store",
                    value=f"version {said.api}, of Lapwise {said.lapwise}",
                    expected=f"version {API_VERSION}",
                    fix=f"pip install lapwise=={said.lapwise}",
                )
            self._greeted = True

    def _address(self, path: str) -> str:
        return f"{self.url}{_API}{path}"


class Patience:
    """Waits longer from time to time, and gives up after a while without progress."""

    def __init__(self, url: str, seconds: float) -> None:
        self._url = url
        self._seconds = seconds
        self._clock = MachineClock()
        self.renew()

    def renew(self) -> None:
        """Begin anew: there was progress."""
        self._until = self._clock.monotonic() + self._seconds
        self._pause = _FIRST_PAUSE

    def pause(self, trouble: Trouble) -> None:
        """Wait before the next attempt.

        Raises:
            StoreError: there is no time left for one.
        """
        pause = self._pause if trouble.after is None else max(trouble.after, self._pause)
        if self._clock.monotonic() + pause > self._until:
            raise StoreError(
                f"the server at {self._url} does not answer",
                value=str(trouble),
                expected="a server that runs and can be reached",
                fix="see that LAPWISE_STORE is right and `lapwise server` runs there, then repeat",
            ) from trouble
        self._clock.sleep(pause)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)


def refused(response: httpx.Response, arguments: object = None) -> LapwiseError:
    """Return the error that an answer other than a good one means."""
    if response.status_code == 401:
        return _unknown(response.request)
    refusal = _refusal(response)
    if is_known(refusal):
        return error_of(refusal, arguments)
    if response.status_code == 413:
        return StoreError(
            "what is sent is too large for the server",
            expected=refusal.expected or "at most 8 MiB in one call",
            fix="send less at once; `lapwise server --max-artifact` says how large a file may be",
        )
    made = _BY_STATUS.get(response.status_code, StoreError)
    return made(refusal.error, expected=refusal.expected, fix=refusal.fix)


def _unknown(request: httpx.Request) -> AccessError:
    ask = "an admin makes one: lapwise token create NAME --role contributor"
    if "authorization" in request.headers:
        return AccessError(
            "the token opens nothing on this server",
            value=request.url.host,
            expected="in LAPWISE_TOKEN, one that was not revoked and has not expired",
            fix=ask,
        )
    return AccessError("a token is needed", expected="in LAPWISE_TOKEN, the secret lw_...", fix=ask)


def _refusal(response: httpx.Response) -> Refusal:
    is_packed = MSGPACK in response.headers.get("content-type", "")
    decode = msgspec.msgpack.decode if is_packed else msgspec.json.decode
    try:
        return decode(response.content, type=Refusal)
    except msgspec.MsgspecError:
        return Refusal(error=f"the server answers with HTTP {response.status_code}")


_BY_STATUS: dict[int, type[LapwiseError]] = {
    400: DeclarationError,
    401: AccessError,
    403: AccessError,
    404: NotFoundError,
    409: ConflictError,
    429: AccessError,
}


def _check(url: str, token: str) -> bool:
    """Say whether a server is on this machine; refuse an address that is none, or not safe."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = None, ""
    if parts is None or not host or parts.query or parts.fragment or parts.scheme not in _SCHEMES:
        raise DeclarationError(
            "not the address of a server",
            value=url.partition("@")[2] or url,
            expected="https://host, with a port and a path where it has them",
        )
    if parts.username is not None or parts.password is not None:
        raise DeclarationError(
            "a server's address holds no user and no password",
            expected=f"{parts.scheme}://{host}",
            fix="set LAPWISE_TOKEN to a token of that server",
        )
    is_here = _is_loopback(host)
    if token and parts.scheme == "http" and not is_here:
        raise DeclarationError(
            "a token is not sent unprotected through a network",
            value=url,
            expected=f"https://{host}",
            fix="let the server speak TLS, and set LAPWISE_STORE to its https:// address",
        )
    return is_here


_SCHEMES = ("http", "https")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_busy(response: httpx.Response) -> None:
    """Raise what says to ask again, unless it is the store's own refusal."""
    if response.status_code not in _BUSY or _refusal(response).kind:
        return
    after = response.headers.get("retry-after", "")
    raise Trouble(f"HTTP {response.status_code}", float(after) if after.isdecimal() else None)


def _trouble(error: httpx.TransportError, url: str) -> Trouble:
    """Return a transport's error as trouble that may pass; raises StoreError for what will not."""
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        raise StoreError(
            f"the server at {url} is not who it says",
            value=str(error)[-150:],
            expected="a certificate of an authority that this machine trusts",
            fix="set SSL_CERT_FILE to the file of the authority that signed it",
        ) from error
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        raise StoreError("the request cannot be sent", value=str(error)) from error
    return Trouble(f"{type(error).__name__}: {error}".rstrip(": "))
