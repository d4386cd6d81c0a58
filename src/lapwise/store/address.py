"""Which addresses are those of servers, and what cannot be done from there."""

from __future__ import annotations

from lapwise.core.errors import DeclarationError

__all__ = ["is_remote", "refuse_remote"]


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
