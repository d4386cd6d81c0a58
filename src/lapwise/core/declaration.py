"""Nouns of the page that more than one room reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from lapwise.core.errors import DeclarationError

__all__ = ["Table"]


class Table(msgspec.Struct, frozen=True):
    """A table of the product's world, and how its rows live in time.

    Args:
        name: letters, digits, ``_`` and ``-``; names it everywhere.
        source: a Parquet or CSV path or glob, or several, relative to the page; or, with
            ``build``, the raw input that ``build`` reads (may be empty).
        key: the column or columns that identify a row; a later row with the same key corrects it.
        event: the column of the time at which it happened.
        known: the column of the time from which anybody could know it; default: ``event``.
        contract: a ``dataframely.Schema`` class that every row must satisfy, or a function that
            returns one (so that the page itself need not import dataframely).
        build: a function that returns the table as a Polars frame; given ``source`` resolved to a
            list of paths when it takes an argument.

    Raises:
        DeclarationError: the name is not usable, or there is neither source nor build.

    >>> Table("weather", "weather/*.parquet", key=("origin", "observed_at"), event="observed_at").known
    'observed_at'
    """

    name: str
    source: str | Path | Sequence[str | Path] = ()
    key: str | Sequence[str] = ()
    event: str = ""
    known: str = ""
    contract: type[Any] | Callable[[], type[Any]] | None = None
    build: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        """Check the declaration and fill ``known``."""
        set_field = msgspec.structs.force_setattr
        source = self.source
        sources = (source,) if isinstance(source, str | Path) else source
        set_field(self, "source", tuple(str(one) for one in sources if str(one)))
        set_field(self, "key", (self.key,) if isinstance(self.key, str) else tuple(self.key))
        if not self.name or not self.name.replace("_", "").replace("-", "").isalnum():
            raise DeclarationError(
                "a table's name must be usable in a path",
                value=self.name,
                expected="letters, digits, _ and -",
            )
        if not self.event or not self.key:
            raise DeclarationError(
                f"table '{self.name}' must say its key and its event time",
                expected='key="flight_id", event="scheduled_departure"',
            )
        if not self.source and self.build is None:
            raise DeclarationError(
                f"table '{self.name}' has neither a source nor a build function",
                expected='a path or glob such as "data/flights/*.parquet"',
            )
        if not self.known:
            set_field(self, "known", self.event)

    @property
    def sources(self) -> tuple[str, ...]:
        """The paths and globs of ``source``, however it was written."""
        return cast("tuple[str, ...]", self.source)

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns of ``key``, however it was written."""
        return cast("tuple[str, ...]", self.key)
