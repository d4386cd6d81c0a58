"""Which addresses are those of servers, what cannot be done from there, and what may be shown."""

from __future__ import annotations

from lapwise.core.errors import DeclarationError

__all__ = ["is_remote", "refuse_remote", "without_password"]


def is_remote(url: str) -> bool:
    """Say whether a store's URL is that of a server.

    >>> is_remote("https://lapwise.example"), is_remote("sqlite:///lapwise.db")
    (True, False)
    """
    return url.partition("://")[0].lower() in {"http", "https"}


def refuse_remote(url: str) -> None:
    """Refuse a server's address where the database and the blobs themselves are needed.

    Raises:
        DeclarationError: the URL is that of a server.
    """
    if is_remote(url):
        raise DeclarationError(
            "this needs the store's own database and blobs, not a server that has them",
            value=url.partition("@")[2] or url,
            expected="a store on sqlite:/// or postgresql://, with its blobs",
            fix="run it where the server runs, or unset LAPWISE_STORE for the store of this project",
        )


def without_password(url: str) -> str:
    """Return an address without user, password and options, as it may be shown.

    >>> without_password("redis://anna:s3cret@host:6379/0?socket_timeout=1")
    'redis://host:6379/0'
    >>> without_password("redis://:p@ss/w#rd@host/0"), without_password("redis://:who?@host/0")
    ('redis://host/0', 'redis://…')
    """
    scheme, found, rest = url.partition("://")
    if not found:
        return "…"
    before, _, place = rest.rpartition("@")
    place, _, options = place.partition("?")
    # A question mark on both sides, or an at sign on the wrong one: no telling where it ends.
    return f"{scheme}://…" if "?" in before or "@" in options else f"{scheme}://{place}"
