"""Every address of MLflow 3.17.2's REST API: served, or refused and why.

The list is ``endpoints.tsv``, one (method, address, word) a line; ``docs/mlflow.md`` shows it. What is
refused answers 501 with a sentence instead of 404, so that a client tells its user why.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from litestar import HttpMethod, Response
from litestar.handlers import HTTPRouteHandler

from lapwise.core.model import Record
from lapwise.server.mlflow.endpoint import FAILURES, AnyRequest, addresses
from lapwise.server.mlflow.failures import Refusal

__all__ = ["REASONS", "SERVED", "Listed", "listed", "refusals"]

_BY_ITSELF = "deletion"  # proxy.py answers it, where the rest of that address is
_PART = re.compile(r"\{[^}]*\}")

SERVED = "served"
"""The word for what is answered."""

REASONS = {
    "absent": "MLflow itself serves nothing at this address",
    "agents": "Lapwise keeps models, not servers of tools for agents",
    "deletion": "no file that a record names is ever removed; deleting a run archives it",
    "evaluation": "Lapwise judges models by gates, not by judges and reviews of language models",
    "gateway": "Lapwise is no gateway to language models",
    "presigned": "files go through this server, never past it",
    "prompts": "Lapwise does not write prompts",
    "traces": "Lapwise keeps no traces of language models; runs, metrics and models are kept",
    "webhooks": "webhooks are made in Lapwise itself: lapwise webhook",
    "workspaces": "there is one workspace; tokens say who may do what in which product",
}
"""Why an address is refused, by the word of its line."""


class Listed(Record, frozen=True, kw_only=True):
    """One line: ``path`` is whole, with parts in braces; ``word`` is SERVED or one of REASONS."""

    method: str
    path: str
    word: str


@cache
def listed() -> tuple[Listed, ...]:
    """Return every address, by path and method."""
    text = files("lapwise.server.mlflow").joinpath("endpoints.tsv").read_text("utf-8")
    rows = (line.split("\t") for line in text.splitlines())
    return tuple(Listed(method=method, path=path, word=word) for method, path, word in rows)


def refusals() -> tuple[HTTPRouteHandler, ...]:
    """Return handlers, one a method, that answer 501 and say why, for whatever is refused."""
    by_method: dict[str, list[Listed]] = {}
    for one in listed():
        if one.word not in {SERVED, _BY_ITSELF}:
            by_method.setdefault(one.method, []).append(one)
    return tuple(_handler(method, some) for method, some in sorted(by_method.items()))


def _handler(method: str, refused: list[Listed]) -> HTTPRouteHandler:
    words = {_shape(place): one.word for one in refused for place in _addresses(one.path)}

    async def refuse(request: AnyRequest) -> Response[None]:
        """Say why nothing is done at this address."""
        word = words[_shape(request.scope["path_template"])]
        raise Refusal(f"{REASONS[word]}.", "NOT_IMPLEMENTED")

    refuse.__name__ = f"refuse_{method.lower()}"
    places = [place for one in refused for place in _addresses(one.path)]
    return HTTPRouteHandler(
        places, http_method=HttpMethod(method), exception_handlers=FAILURES, status_code=200
    )(refuse)


def _shape(path: str) -> str:
    """Return a path with its parts unnamed: two methods may name one part differently."""
    return _PART.sub("{}", path)


def _addresses(path: str) -> list[str]:
    """Return the addresses of a path in Litestar's notation, those for browsers too."""
    root, _, rest = path.partition("/api/")
    if root or not rest:
        return [path]
    return addresses(rest)
