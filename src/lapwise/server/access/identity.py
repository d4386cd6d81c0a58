"""Who asks: a token in a header becomes a principal, and wrong ones are held up."""

from __future__ import annotations

import base64
import binascii
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from threading import Lock
from typing import TYPE_CHECKING

from lapwise.core.access import Principal
from lapwise.core.clock import MachineClock
from lapwise.core.digest import Digest
from lapwise.core.errors import LapwiseError
from lapwise.server.access.secret import hash_secret, is_secret
from lapwise.server.problem import HeldUpError, UnknownError

if TYPE_CHECKING:
    from lapwise.core.access import Token
    from lapwise.store.model import Store

__all__ = ["Identity", "Turnstile", "borne", "is_good"]

_TRIES = 10
_WITHIN = 60.0
_ADDRESSES = 4096
_LATELY_GOOD = 4096
_TOUCH = 60 * 1_000_000
_LONGEST = 512


@dataclass(frozen=True, slots=True)
class Identity:
    """A principal, and the hash of the secret by which it was known."""

    principal: Principal
    hash: Digest


class Turnstile:
    """Lets through whoever bears a good token, and counts wrong ones by address.

    A good token is never held up by wrong ones from the same address, for behind a proxy all come from
    one, and nobody finds 256 random bits by trying. Each request asks the database, so a revoked token opens nothing at once.

    Args:
        store: gives the bare store.
        clock: this machine's.
        tries: so many wrong tokens in a minute are answered; then the address has to wait.
    """

    def __init__(
        self,
        store: Callable[[], Store],
        *,
        clock: MachineClock | None = None,
        tries: int = _TRIES,
    ) -> None:
        self._store = store
        self._clock = clock or MachineClock()
        self._tries = tries
        self._lock = Lock()
        self._wrong: OrderedDict[str, list[float]] = OrderedDict()
        self._good: OrderedDict[Digest, int] = OrderedDict()  # when the use was last written down

    def enter(self, secret: str, address: str) -> Identity:
        """Return who bears a secret.

        Raises:
            UnknownError: there is no such token, or it is revoked or has expired.
            HeldUpError: too many wrong ones came from the address within a minute.
        """
        hash = hash_secret(secret)
        place = _network(address)
        token = self._store().tokens.find(hash) if is_secret(secret) else None
        if token is None or not is_good(token, self._clock.timestamp()):
            self._hold_up(place)
            self._count(place, hash)
            raise UnknownError
        self._touch(token, hash)
        return Identity(Principal(name=token.name, grants=token.grants), hash)

    def again(self, hash: Digest) -> Identity:
        """Return who was let through before under a hash; raises UnknownError if not any more."""
        token = self._store().tokens.find(hash)
        if token is None or not is_good(token, self._clock.timestamp()):
            raise UnknownError
        self._touch(token, hash)
        return Identity(Principal(name=token.name, grants=token.grants), hash)

    def _hold_up(self, place: str) -> None:
        now = self._clock.monotonic()
        with self._lock:
            times = [one for one in self._wrong.get(place, ()) if now - one < _WITHIN]
            if len(times) >= self._tries:
                raise HeldUpError(max(1, round(_WITHIN - (now - times[0]))))

    def _count(self, place: str, hash: Digest) -> None:
        now = self._clock.monotonic()
        with self._lock:
            self._good.pop(hash, None)
            times = [one for one in self._wrong.pop(place, ()) if now - one < _WITHIN]
            self._wrong[place] = [*times, now][-self._tries :]
            while len(self._wrong) > _ADDRESSES:
                self._wrong.popitem(last=False)

    def _touch(self, token: Token, hash: Digest) -> None:
        now = self._clock.timestamp()
        with self._lock:
            written = self._good.pop(hash, token.used or 0)
            due = now - written >= _TOUCH
            self._good[hash] = now if due else written
            while len(self._good) > _LATELY_GOOD:
                self._good.popitem(last=False)
        if due:
            with suppress(LapwiseError):  # a busy database is no reason to turn anybody away
                self._store().tokens.touch(token.id, now)


def is_good(token: Token, now: int) -> bool:
    """Say whether a token opens anything at a time in microseconds.

    >>> from lapwise.core.access import Token
    >>> one = Token(id="t", name="ci", grants=(), created=0, expires=10)
    >>> is_good(one, 9), is_good(one, 10)
    (True, False)
    """
    return token.revoked is None and (token.expires is None or now < token.expires)


def borne(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the secret that a request bears in its one header of authorisation, or None.

    >>> borne([(b"authorization", b"Bearer lw_x")]), borne([(b"authorization", b"Basic dTpsd194")])
    ('lw_x', 'lw_x')
    >>> borne([]), borne([(b"authorization", b"Digest lw_x")])
    (None, '')
    """
    found = [value for name, value in headers if name == b"authorization"]
    if not found:
        return None
    scheme, _, rest = found[0].partition(b" ")
    rest = rest.strip()
    if len(found) > 1 or len(rest) > _LONGEST:
        return ""
    if scheme.lower() == b"basic":
        try:
            rest = base64.b64decode(rest, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return ""
    elif scheme.lower() != b"bearer":
        return ""
    return rest.decode("latin-1")


def _network(address: str) -> str:
    """Return what counts as one address: of IPv6, the 64 bits that one customer has.

    >>> _network("2001:db8:0:1:2:3:4:5"), _network("10.0.0.1"), _network("")
    ('2001:db8:0:1::', '10.0.0.1', '')
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped) if mapped else str(IPv6Address(int(found) >> 64 << 64))
    return str(found)
