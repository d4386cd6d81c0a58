"""Two different values never have one digest, and what cannot be told apart is refused."""

from __future__ import annotations

import io
import itertools
import socket
import struct
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapwise.core.errors import DeclarationError
from lapwise.pipeline import explain, fingerprint
from lapwise.pipeline.reach.places import Places
from lapwise.pipeline.reach.walk import Walk

HERE = Path(__file__).parent

# Few values of many kinds, so that near collisions come up often.
SCALARS = st.sampled_from(
    [
        *(None, True, False, 0, 1, -1, 2**70, 0.0, -0.0, 1.0, float("nan"), float("inf")),
        *(1j, 0j, ..., "", "0", "1", "a", "ab", "b", "None", "i(", b"", b"a", b"0"),
        bytearray(b"a"),
    ]
)
HASHABLE = st.sampled_from([None, 0, 1, "", "a", b"a", 0.5])
NESTED = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(HASHABLE, inner, max_size=2)
        | st.sets(HASHABLE, max_size=3)
        | st.frozensets(HASHABLE, max_size=3)
    ),
    max_leaves=6,
)


def encode(value: Any) -> bytes:
    return Walk(Places(HERE), {}).value(value)


def written(value: Any) -> str:
    """Return an independent description of a value: its repr, with floats as bits."""
    kind = type(value).__name__
    if isinstance(value, float):
        return f"{kind}:{struct.pack('>d', value).hex()}"
    if isinstance(value, complex):
        return f"{kind}:{struct.pack('>2d', value.real, value.imag).hex()}"
    if isinstance(value, dict):
        return f"{kind}{[(written(k), written(v)) for k, v in value.items()]!r}"
    if isinstance(value, set | frozenset):
        return f"{kind}{sorted(map(written, value))!r}"
    if isinstance(value, list | tuple):
        return f"{kind}{list(map(written, value))!r}"
    return f"{kind}:{value!r}"


@given(NESTED, NESTED)
@settings(max_examples=500, deadline=None)
def test_digests_are_equal_exactly_when_values_are(a: Any, b: Any) -> None:
    assert (encode(a) == encode(b)) == (written(a) == written(b))


def test_a_digest_does_not_depend_on_sharing() -> None:
    inner = [1]
    assert encode([inner, inner]) == encode([[1], [1]])


def test_a_loop_in_a_value_ends() -> None:
    a: list[Any] = [1]
    a.append(a)
    b: list[Any] = [2]
    b.append(b)
    assert encode(a) != encode(b)


def test_memory_order_counts_but_not_strides() -> None:
    array = np.arange(6.0).reshape(2, 3)
    assert encode(array) != encode(np.asfortranarray(array))
    assert encode(array) == encode(np.arange(12.0).reshape(2, 6)[:, :3] * 0 + array)
    assert encode(np.array([1, None], object)) != encode(np.array([None, 1], object))


def test_a_frame_counts_by_content_not_by_chunks_or_plan(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1, None, 3]})
    assert encode(frame) == encode(pl.concat([frame[:1], frame[1:]], rechunk=False))
    assert encode(frame) != encode(frame.lazy())
    path = tmp_path / "a.parquet"
    frame.write_parquet(path)
    plan = pl.scan_parquet(path)
    before = encode(plan)
    frame.reverse().write_parquet(path)
    assert encode(pl.scan_parquet(path)) != before
    assert encode(pl.Series("a", [1])) != encode(pl.Series("b", [1]))


def test_a_plan_that_calls_python_is_refused() -> None:
    expression = pl.col("a").map_elements(lambda value: value, return_dtype=pl.Int64)
    with pytest.raises(DeclarationError, match="calls Python"):
        encode(expression)


class Registry:
    """Holds what cannot be digested."""

    def __init__(self, held: object) -> None:
        self.held = held


OPAQUE: list[Callable[[], Any]] = [
    lambda: io.StringIO("a"),
    lambda: open(__file__),  # noqa: PTH123, SIM115
    lambda: (value for value in [1]),
    itertools.count,
    lambda: weakref.ref(Registry),
    threading.local,
    socket.socket,
    lambda: memoryview(b"a"),
    sys._getframe,
    lambda: Registry(socket.socket()),
]


@pytest.mark.parametrize("make", OPAQUE)
def test_what_cannot_be_digested_is_refused_by_name(make: Callable[[], Any]) -> None:
    value = make()

    def step() -> object:
        return value

    try:
        with pytest.raises(DeclarationError, match="nothing can tell whether") as caught:
            fingerprint(step, HERE)
        assert "step" in caught.value.thing
        assert caught.value.fix
    finally:
        for each in (value, getattr(value, "held", None)):
            close: Callable[[], None] = getattr(each, "close", lambda: None)
            close()


def test_running_a_function_does_not_change_its_fingerprint() -> None:
    def add(x: int) -> int:
        return sum(i + x for i in range(3))

    before = explain(add, HERE)
    for _ in range(200):  # enough for the interpreter to specialise its bytecode
        add(1)
    assert explain(add, HERE) == before


def test_code_may_go_as_deep_as_it_likes() -> None:
    namespace: dict[str, Any] = {"__name__": "made"}
    chain = "".join(f"def f{i}():\n    return f{i + 1}()\n" for i in range(3000))
    exec(chain + "def f3000():\n    return 1", namespace)
    before = fingerprint(namespace["f0"], HERE)
    exec("def f3000():\n    return 2", namespace)
    assert fingerprint(namespace["f0"], HERE) != before


def test_values_nested_too_deeply_are_refused() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    def step() -> object:
        return deep

    with pytest.raises(DeclarationError, match="too deeply"):
        fingerprint(step, HERE)
    while deep:  # undone by hand, because its destructor would recurse too
        deep = deep.pop()


def test_what_one_part_may_ignore_another_may_not() -> None:
    namespace: dict[str, Any] = {"__name__": __name__, "S": socket.socket()}
    # The annotation alone would let the socket pass; the function's own use does not.
    source = "class A:\n    held = S\nclass B:\n    a: A\ndef f():\n    return B, A"
    try:
        exec(source, namespace)
        with pytest.raises(DeclarationError, match=r"A\.held"):
            fingerprint(namespace["f"], HERE)
    finally:
        namespace["S"].close()


def test_a_global_that_changes_in_this_process_changes_the_key() -> None:
    namespace: dict[str, Any] = {"__name__": "made", "K": [1]}
    exec("def f():\n    return K\ndef g():\n    return f()", namespace)
    before = fingerprint(namespace["g"], HERE)
    namespace["K"].append(2)
    assert fingerprint(namespace["g"], HERE) != before
    namespace["K"].pop()
    assert fingerprint(namespace["g"], HERE) == before
    exec("def f():\n    return 2", namespace)
    assert fingerprint(namespace["g"], HERE) != before


def test_a_library_that_was_loaded_meanwhile_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that ran, and so loaded what it imports, has the key that it had before."""
    (tmp_path / "late.py").write_text(
        "def f():\n    from colorsys import rgb_to_hsv\n    return rgb_to_hsv(0, 0, 0)\n\n\n"
        "def mine(r, g, b):\n    return 7\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    import late  # type: ignore[import-not-found]

    before = fingerprint(late.f, tmp_path)
    late.f()
    assert "colorsys" in sys.modules
    assert fingerprint(late.f, tmp_path) == before
    monkeypatch.setattr(sys.modules["colorsys"], "rgb_to_hsv", late.mine)
    assert fingerprint(late.f, tmp_path) != before
