"""What a step returns comes back with the types it had, or is refused by name."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapwise.core.errors import DeclarationError
from lapwise.core.model import KeyPart
from lapwise.pipeline import Engine
from lapwise.pipeline.codecs.frame import FrameCodec
from lapwise.pipeline.codecs.plain import PlainCodec
from lapwise.store.model import Store

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None))
    | st.binary()
    | st.datetimes()
    | st.dates()
    | st.times()
    | st.timedeltas()
)
KEYS = st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.dates()
PLAIN = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.sets(KEYS, max_size=4)
        | st.frozensets(KEYS, max_size=4)
    ),
    max_leaves=12,
)


class Colour(enum.Enum):
    RED = 1


class Box(msgspec.Struct, frozen=True):
    held: Any
    kind: Colour = Colour.RED


def same(a: Any, b: Any) -> bool:
    """Return whether two values are equal in type and bits all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return np.float64(a).tobytes() == np.float64(b).tobytes()
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a.items()), list(b.items()))
    if isinstance(a, set | frozenset):
        return {(type(x), x) for x in a} == {(type(x), x) for x in b}
    if isinstance(a, dt.datetime | dt.time):
        return bool(a == b) and a.fold == b.fold
    return bool(a == b)


@given(PLAIN)
@settings(max_examples=150, deadline=None)
def test_plain_values_come_back_with_every_type(value: Any) -> None:
    path = Path("/dev/shm" if Path("/dev/shm").is_dir() else ".") / "lapwise-plain-test"
    codec = PlainCodec()
    assert codec.accepts(value)
    try:
        codec.write(value, path)
        assert same(codec.read(path), value)
    finally:
        path.unlink(missing_ok=True)


RETURNED = [
    None,
    b"\x00raw",
    2**80,
    "\ud800",
    (),
    (1,),
    ([1], {"a": (2, {3})}),
    [KeyPart(name="a", digest="b")],
    Box((1, [Box({1})])),
    Colour.RED,
    dt.datetime(2013, 4, 1, tzinfo=dt.UTC),
]


@pytest.mark.parametrize("value", RETURNED, ids=repr)
def test_a_returned_value_comes_back(engine: Engine, value: Any) -> None:
    assert same(engine.call(lambda: value).handle.value(), value)


def test_frames_come_back_with_every_type_and_equal_frames_are_equal_bytes(
    engine: Engine, tmp_path: Path
) -> None:
    frame = pl.DataFrame(
        {
            "category": pl.Series(["b", "a", None], dtype=pl.Categorical),
            "level": pl.Series(["x", "y", "x"], dtype=pl.Enum(["y", "x"])),
            "at": pl.Series([1, None, 3], dtype=pl.Datetime("us", "Europe/Madrid")),
            "price": pl.Series(["1.20", "3.40", None]).cast(pl.Decimal(10, 2)),
            "parts": [[1.0, float("nan")], [], None],
            "small": pl.Series([1, 2, 3], dtype=pl.Int8),
        }
    )
    back = engine.call(lambda: (frame, frame.lazy())).handle.value()
    for each in back:
        assert each.schema == frame.schema
        assert each.equals(frame)
    whole, chunked = tmp_path / "whole", tmp_path / "chunked"
    FrameCodec().write(frame, whole)
    FrameCodec().write(pl.concat([frame[:1], frame[1:]], rechunk=False), chunked)
    assert whole.read_bytes() == chunked.read_bytes()


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 0)),
        np.arange(6, dtype=">i2").reshape(2, 3),
        np.asfortranarray(np.eye(3)),
        np.array(["a", "bc"]),
        np.array(["2013-04-01"], "datetime64[us]"),
        np.array(3.0),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_arrays_come_back(engine: Engine, array: np.ndarray[Any, Any]) -> None:
    back = engine.call(lambda: array).handle.value()
    assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert back.flags.f_contiguous == array.flags.f_contiguous


def test_a_file_is_kept(engine: Engine, tmp_path: Path) -> None:
    def report(folder: Path, text: str) -> Path:
        path = folder / "report.txt"
        path.write_text(text)
        return path

    folder = tmp_path / "out"
    folder.mkdir()
    run = engine.call(lambda: report(Path(str(folder)), "hello"), name="report")
    (folder / "report.txt").unlink()
    assert run.handle.value().read_text() == "hello"


OBJECT = object()


@pytest.mark.parametrize(
    ("give", "named"),
    [
        (lambda: OBJECT, "builtins.object"),
        (lambda: {"a": pl.DataFrame()}, "builtins.dict"),
        (lambda: decimal.Decimal(1), "decimal.Decimal"),
        (lambda: (1, len), "builtins.builtin_function_or_method"),
        (lambda: iter([1]), "builtins.list_iterator"),
    ],
)
def test_what_no_codec_writes_is_refused_by_name(
    engine: Engine, store: Store, give: Any, named: str
) -> None:
    with pytest.raises(DeclarationError, match=f"no codec writes {named}") as caught:
        engine.call(give, name="give")
    assert "raw, plain, frame, array, file" in caught.value.expected
    assert "codecs=" in caught.value.fix
    assert store.steps.last("give") is None


class DecimalCodec:
    """A codec as a user or another room would write it."""

    name = "decimal"

    def accepts(self, value: object) -> bool:
        return isinstance(value, decimal.Decimal)

    def write(self, value: object, path: Path) -> None:
        path.write_text(str(value))

    def read(self, path: Path) -> object:
        return decimal.Decimal(path.read_text())


def test_a_codec_can_be_added(store: Store) -> None:
    engine = Engine(store, root=Path(__file__).parent, codecs=(DecimalCodec(),))
    first = engine.call(decimal.Decimal, "1.50")
    assert str(first.handle.value()) == "1.50"
    # Without the codec nobody can read the result, so it is a miss.
    with pytest.raises(DeclarationError, match="decimal"):
        Engine(store, root=Path(__file__).parent).call(decimal.Decimal, "1.50")


def test_two_codecs_of_one_name_are_refused(store: Store) -> None:
    with pytest.raises(DeclarationError, match="one name"):
        Engine(store, root=Path(), codecs=(DecimalCodec(), DecimalCodec()))


async def slow() -> int:
    return 1


def test_an_asynchronous_step_is_refused(engine: Engine) -> None:
    with pytest.raises(DeclarationError, match="asynchronous"):
        engine.call(slow)


def test_a_frame_below_a_folder_with_brackets(tmp_path: Path) -> None:
    """A path is a path, whatever characters are in it, and no pattern."""
    folder = tmp_path / "a [b] *?"
    folder.mkdir()
    frame = pl.DataFrame({"x": [1, 2]})
    FrameCodec().write(frame, folder / "value")
    assert frame.equals(FrameCodec().read(folder / "value"))  # type: ignore[arg-type]
