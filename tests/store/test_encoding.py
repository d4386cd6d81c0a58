"""Records as text."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapwise.core.errors import CorruptError, StoreError
from lapwise.core.model import Metric, Param
from lapwise.store.encoding import decode, encode

_SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text()


@given(_SCALARS)
def test_every_scalar_comes_back_the_same(value: object) -> None:
    """Type and value survive, NaN, infinities and -0.0 included."""
    param = Param(name="p", value=value)  # type: ignore[arg-type]
    found = decode(encode(param), Param).value
    assert type(found) is type(value)
    assert repr(found) == repr(value)


def test_equal_records_are_equal_text() -> None:
    """The order in which a mapping was filled does not show."""
    assert encode({"a": 1, "b": 2}) == encode({"b": 2, "a": 1})


@pytest.mark.parametrize("value", ["\ud800", 2**70])
def test_what_cannot_be_kept_is_refused(value: object) -> None:
    """Half a character and integers beyond 64 bits are one clear error."""
    with pytest.raises(StoreError, match="cannot be kept"):
        encode(Param(name="p", value=value))  # type: ignore[arg-type]


def test_damaged_text_is_corrupt() -> None:
    """Text that no longer decodes is named as what it was to be."""
    with pytest.raises(CorruptError, match="Metric"):
        decode(encode(Metric(name="m", value=math.nan))[:-2], Metric)
    with pytest.raises(CorruptError, match="Metric"):
        decode('{"name": 3}', Metric)
