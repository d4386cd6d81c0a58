"""One connection to a Redis server: commands go, replies come, and errors say what mends them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast
from urllib.parse import parse_qs, urlsplit

from lapwise.core.errors import (
    DeclarationError,
    LapwiseError,
    MissingDependencyError,
    StorageFullError,
    StoreError,
)
from lapwise.store.address import without_password

try:
    from redis import exceptions as said
    from redis.backoff import NoBackoff
    from redis.connection import Connection, UnixDomainSocketConnection, parse_url
    from redis.retry import Retry
except ImportError as _error:
    raise MissingDependencyError(
        "Redis needs a driver", value="redis", fix="pip install 'lapwise[redis]'"
    ) from _error

__all__ = ["AwayError", "Line", "Settings", "SlowError", "cluster"]

_EXAMPLE = "redis://host:6379/0, rediss://… or unix:///path/redis.sock"
_NOT_ALLOWED = ("NOPERM", "ACL failure in script", "The user executing the script can't")
_OURS = {"decode_responses", "protocol", "retry", "retry_on_timeout", "retry_on_error"}
"""What the address may not choose: the answers are bytes, and who asks again is decided here."""


class _Connection(Protocol):
    """What is used of redis-py's connections, which say no types."""

    def connect(self) -> object: ...

    def disconnect(self) -> object: ...

    def pack_command(self, *words: bytes | str | int) -> object: ...

    def pack_commands(self, commands: Sequence[Sequence[bytes | str | int]]) -> object: ...

    def send_packed_command(self, packed: object) -> object: ...

    def read_response(self) -> Any: ...


_parse = cast("Callable[[str], dict[str, Any]]", parse_url)


class AwayError(StoreError):
    """The server did not answer, or hung up before it did; what was asked may have been done."""


class SlowError(AwayError):
    """The server did not answer in time."""


class Settings:
    """What an address says, ready to connect with.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``; ``?space=`` and redis-py's own options
            may follow.

    Raises:
        DeclarationError: it is no such address; the password is never shown.
    """

    def __init__(self, url: str) -> None:
        self.place = without_password(url)
        _check_signs(url, self.place)
        try:
            options: dict[str, Any] = _parse(url)
        except (ValueError, TypeError):  # whose words may hold half a password
            raise DeclarationError(
                "not the address of a Redis server", value=self.place, expected=_EXAMPLE
            ) from None
        blank = "space" in parse_qs(urlsplit(url).query, keep_blank_values=True)
        self.space: str | None = options.pop("space", "" if blank else None)
        self.timeout: float | None = options.pop("socket_timeout", None)
        wrong = sorted(_OURS & set(options))
        if wrong:
            raise DeclarationError(
                "the address of the online store says what it may not", value=", ".join(wrong)
            )
        self._kind: type[Any] = options.pop("connection_class", Connection)
        self._options = options

    def line(self, *, patience: float, greet: Callable[[Line], None]) -> Line:
        """Return a line that connects when it is first used.

        Args:
            patience: seconds to wait for a reply.
            greet: called whenever it has connected, to look at whom it reached.
        """
        options = {
            "socket_timeout": patience,
            "socket_connect_timeout": min(patience, 2.0),
            "socket_keepalive": True,
            **self._options,
            "decode_responses": False,
            "protocol": 2,
            "retry": Retry(NoBackoff(), 0),
        }
        if issubclass(self._kind, UnixDomainSocketConnection):
            options.pop("socket_keepalive")
        try:
            return Line(self._kind(**options), self.place, greet)
        except TypeError:
            raise DeclarationError(
                "the address of the online store has an option that redis-py does not know",
                value=", ".join(sorted(self._options)),
                expected="for example socket_timeout, ssl_ca_certs, db",
            ) from None


def _check_signs(url: str, place: str) -> None:
    """Refuse a password that would be taken for the host, and so be looked up and shown."""
    scheme, _, rest = url.partition("://")
    behind = rest.partition("/")[2]
    if "#" in rest or (scheme != "unix" and "@" in behind):
        raise DeclarationError(
            "the address of the online store has a sign in its password that ends it too early",
            value=place,
            expected="percent-encoding: %2F for /, %23 for #, %3F for ?, %40 for @",
        )


class Line:
    """A connection, for one thread at a time; it connects again when it was cut."""

    def __init__(
        self,
        connection: _Connection,
        place: str,
        greet: Callable[[Line], None],
    ) -> None:
        self._connection = connection
        self._greet = greet
        self._greeted = False
        self.place = place
        self.owed = 0
        """Replies that are still to come."""

    @property
    def is_new(self) -> bool:
        """Whether nothing was asked since it last connected, so that a failure is no old cut."""
        return not self._greeted

    def ask(self, *commands: Sequence[bytes | str | int]) -> list[Any]:
        """Send some commands at once and return their replies, in one round trip.

        Raises:
            AwayError: the server is away, or was too slow.
            StoreError: it refused one of them; the first refusal, when all have answered.
        """
        if self.owed:  # of something that was interrupted
            self.close()
        self.send(*commands)
        refused: StoreError | None = None
        replies: list[Any] = []
        for _ in commands:
            try:
                replies.append(self.reply())
            except AwayError:
                raise
            except StoreError as error:
                refused = refused or error
        if refused is not None:
            raise refused
        return replies

    def values(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of some keys, at least one, as of one moment."""
        connection = self._connection
        if self.owed:
            self.close()
        try:
            if not self._greeted:
                self._connect()
            self.owed = 1
            connection.send_packed_command(connection.pack_command("MGET", *keys))
            found: list[bytes | None] = connection.read_response()
        except said.RedisError as error:
            self.owed = 0
            raise self._failure(error) from error
        self.owed = 0
        return found

    def send(self, *commands: Sequence[bytes | str | int]) -> None:
        """Send some commands; each owes a reply."""
        try:
            if not self._greeted:
                self._connect()
            self.owed += len(commands)
            self._connection.send_packed_command(self._connection.pack_commands(commands))
        except said.RedisError as error:
            raise self._failure(error) from error

    def reply(self) -> Any:
        """Return the next reply that is owed."""
        try:
            reply = self._connection.read_response()
        except said.ResponseError as error:
            self.owed -= 1
            raise self._failure(error) from error
        except said.RedisError as error:
            raise self._failure(error) from error
        self.owed -= 1
        return reply

    def failure(self, error: Exception) -> StoreError:
        """Say what a refusal within a transaction's reply means."""
        return _refusal(error, self.place)

    def close(self) -> None:
        """Hang up; what is owed never comes."""
        self._greeted, self.owed = False, 0
        self._connection.disconnect()

    def _connect(self) -> None:
        self._connection.connect()
        self._greeted = True
        try:
            self._greet(self)
        except LapwiseError:
            self.close()
            raise

    def _failure(self, error: said.RedisError) -> StoreError:
        if isinstance(error, said.AuthenticationError) or not isinstance(
            error, (said.ConnectionError, said.TimeoutError)
        ):
            return _refusal(error, self.place)
        self.close()
        if isinstance(error, said.BusyLoadingError):
            return AwayError(
                "the online store is reading its file in after a start",
                value=self.place,
                fix="wait a moment",
            )
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return AwayError(
                "the certificate of the online store is not of an authority that is trusted",
                value=self.place,
                fix="name the authority: rediss://…?ssl_ca_certs=/path/ca.pem",
            )
        kind, what = AwayError, "the online store is away"
        if isinstance(error, said.TimeoutError):
            kind, what = SlowError, "the online store does not answer in time"
        return kind(
            what,
            value=self.place,
            expected="a Redis server that answers there",
            fix=f"look at it: redis-cli -u {self.place} ping",
        )


def _refusal(error: Exception, place: str) -> StoreError:
    """Translate what the server says into what a person can do."""
    text = str(error)
    word = text.partition(" ")[0]
    if isinstance(error, said.AuthenticationError) or word in {"NOAUTH", "WRONGPASS"}:
        return StoreError(
            "the online store refuses the user or the password",
            value=place,
            fix="redis://USER:PASSWORD@host:6379/0 in LAPWISE_ONLINE, percent-encoded",
        )
    if isinstance(error, said.ReadOnlyError) or "READONLY" in text:
        return StoreError(
            "the online store is a replica, which takes no writes",
            value=place,
            expected="the primary server",
            fix="let LAPWISE_ONLINE of whoever pushes name the primary",
        )
    if isinstance(error, said.OutOfMemoryError) or "OOM" in text:
        return StorageFullError(
            "the online store has no memory left; nothing of this write was kept",
            value=place,
            fix="raise maxmemory of the Redis server, or keep less history",
        )
    if "MISCONF" in text:
        return StorageFullError(
            "the Redis server cannot write its file and so takes no writes",
            value=place,
            fix="give its disk room; its own log says more",
        )
    if isinstance(error, said.NoPermissionError) or any(words in text for words in _NOT_ALLOWED):
        return StoreError(
            "the user of the online store may not do this",
            value=text[:200],
            expected="an ACL such as: ~lapwise* +@all -@dangerous +info",
        )
    if word in {"MOVED", "ASK", "CLUSTERDOWN", "CROSSSLOT"}:
        return cluster(place)
    return StoreError("the online store refused a command", value=f"{place}: {text[:150]}")


def cluster(place: str) -> StoreError:
    """Say that one server is needed: no read across slots is of one moment."""
    return StoreError(
        "the online store is a Redis cluster, where no read of many keys is of one moment",
        value=place,
        expected="one primary server, with replicas if need be",
    )
