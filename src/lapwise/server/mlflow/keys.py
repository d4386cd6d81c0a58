"""Where an address of an artifact leads: to a run or a logged model, and a name below it.

A client never names a place on this machine. Its address is taken apart once, here; what is left is
an id, which the store looks up, and a key, which is compared with the names that were logged and
never becomes a path. So a key has plain segments only: whatever would mean another place when
somebody decoded it once more, or wrote it to a disk, is refused.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from lapwise.server.mlflow.failures import Refusal

__all__ = ["Place", "check_key", "place_of"]

_LONGEST = 1024
_LONGEST_SEGMENT = 255
_ID = re.compile(r"[A-Za-z0-9][\w\-]{0,255}")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]")
_DRIVE = re.compile(r"[A-Za-z]:")
_DECODINGS = 5


@dataclass(frozen=True, slots=True)
class Place:
    """A run's (``run``), logged model's (``logged``) or version's (``version``) artifact or folder."""

    kind: Literal["run", "logged", "version"]
    id: str
    key: str


def place_of(address: str) -> Place:
    """Return what an address means; an empty key is the top.

    It is one of ``3/RUN/artifacts/KEY``, ``3/models/m-…/artifacts/KEY``, ``versions/ID/KEY``.

    Args:
        address: decoded once, without a slash in front.

    Raises:
        Refusal: it is none of these.

    >>> place_of("3/0af1/artifacts/plots/roc.png")
    Place(kind='run', id='0af1', key='plots/roc.png')
    >>> place_of("3/models/m-1f/artifacts").key
    ''
    """
    address = address.removesuffix("/")
    check_key(address)
    match address.split("/"):
        case ["versions", id, *rest]:
            kind: Literal["run", "logged", "version"] = "version"
        case [experiment, "models", id, "artifacts", *rest] if experiment.isdecimal():
            kind = "logged"
        case [experiment, id, "artifacts", *rest] if experiment.isdecimal():
            kind = "run"
        case _:
            raise _refused()
    if not _ID.fullmatch(id):
        raise _refused()
    key = "/".join(rest)
    if key:
        check_key(key)
    return Place(kind=kind, id=id, key=key)


def check_key(key: str) -> None:
    """Refuse a name of an artifact that is not plain.

    >>> check_key("plots/roc.png")
    """
    if not key or len(key.encode("utf-8", "replace")) > _LONGEST:
        raise _refused()
    seen = key
    for _ in range(_DECODINGS):
        _check_plain(seen)
        _check_plain(unicodedata.normalize("NFKC", seen))
        further = unquote(seen, errors="replace")
        if further == seen:
            return
        seen = further
    raise _refused()


def _check_plain(key: str) -> None:
    if _UNSAFE.search(key) or any("\ud800" <= sign <= "\udfff" for sign in key):
        raise _refused()
    for segment in key.split("/"):
        # A blank or a dot at the end is dropped by some systems: ".. " would be "..".
        if not segment.rstrip(" .") or len(segment.encode()) > _LONGEST_SEGMENT:
            raise _refused()
    if _DRIVE.match(key):
        raise _refused()


def _refused() -> Refusal:
    return Refusal("Invalid path: name a run's or a model's artifact by its relative path")
