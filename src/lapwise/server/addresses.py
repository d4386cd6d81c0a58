"""Addresses of pages: what is asked for stands in them, so that they may be shared."""

from __future__ import annotations

from urllib.parse import quote, urlencode

__all__ = ["address", "run_address"]


def address(path: str, **query: str | int | bool | None) -> str:
    """Return a path with what is asked for; what is empty is left out.

    >>> address("/runs", where="metrics.auc > 0.7", order="", archived=False)
    '/runs?where=metrics.auc+%3E+0.7'
    """
    given = {name: value for name, value in query.items() if value not in ("", None, False)}
    return f"{path}?{urlencode(given)}" if given else path


def run_address(number: int, **query: str | int | bool | None) -> str:
    """Return the address of a run's page.

    >>> run_address(43, find="loss")
    '/runs/43?find=loss'
    """
    return address(f"/runs/{quote(str(number))}", **query)
