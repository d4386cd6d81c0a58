"""What a request may ask for: how many records, of which stretch of time, which bytes."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from litestar.di import NamedDependency
from litestar.params import HeaderParameter, Parameter, QueryParameter, SkipValidation

from lapwise.core.clock import parse_time
from lapwise.core.errors import DeclarationError
from lapwise.store.model import Store

__all__ = ["After", "FromStore", "Limit", "Moment", "Number", "RangeHeader", "instant"]

FromStore: TypeAlias = NamedDependency[SkipValidation[Store]]

Limit: TypeAlias = Annotated[
    int, Parameter(ge=1, le=1000, description="At most so many records, the newest.")
]
After: TypeAlias = Annotated[
    str,
    QueryParameter(
        max_length=64, description="The id of the last record seen; what comes after it is next."
    ),
]
Number: TypeAlias = Annotated[int, Parameter(ge=1, le=2**31 - 1, description="Counts from 1.")]
Moment: TypeAlias = Annotated[
    str | None,
    Parameter(
        description="ISO 8601 (no zone means UTC), or microseconds since 1970.", max_length=40
    ),
]
RangeHeader: TypeAlias = Annotated[
    str, HeaderParameter(name="Range", description="As bytes=FIRST-LAST.", max_length=100)
]

_LARGEST = 2**62


def instant(text: str | None) -> int | None:
    """Return the microseconds since 1970 that a parameter says.

    Raises:
        DeclarationError: the text is neither ISO 8601 nor a whole number.

    >>> instant("1970-01-02"), instant("7"), instant(None)
    (86400000000, 7, None)
    """
    if text is None:
        return None
    try:
        # A plus sign in an address arrives as a blank; only a zone has one.
        moment = int(text) if text.lstrip("-").isdecimal() else parse_time(text.replace(" ", "+"))
    except (DeclarationError, ValueError, OverflowError):
        moment = _LARGEST
    if not -_LARGEST < moment < _LARGEST:
        raise DeclarationError(
            "a time in the address cannot be read",
            expected="ISO 8601, such as 2013-04-01 or 2013-04-01T06:00Z, or microseconds",
        )
    return moment
