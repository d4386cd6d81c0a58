"""The calls of a store, as its Protocols say them."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import msgspec
import pytest

from lapwise.core.model import Metric, Run, Tag
from lapwise.core.tracked import Experiment, Page
from lapwise.store.calls import Call, calls, nouns
from lapwise.store.model import FileStamp, Store
from tests.store import making


def found(name: str) -> Call:
    return next(call for call in calls() if call.name == name)


def test_every_noun_but_the_blobs_has_calls() -> None:
    """A noun that is added to the store travels without another line."""
    there = {one.name for one in fields(Store)} - {"url", "blobs", "close"}
    assert {call.noun for call in calls()} == there


def test_what_a_call_takes_is_its_signature() -> None:
    """Names, types and defaults; a sequence travels as a tuple."""
    taken = {one.name: one for one in msgspec.structs.fields(found("experiments/search").request)}
    assert list(taken) == ["where", "order", "archived", "limit", "after"]
    assert taken["order"].type == tuple[str, ...]
    assert taken["archived"].default is False
    assert taken["limit"].default == 100
    assert found("experiments/search").answer == Page[Experiment]
    assert found("runs/list").answer == Sequence[Run]
    assert "a page at a time" in found("runs/search").doc


def test_a_call_is_bound_as_python_binds_it() -> None:
    """By position where that may be, by name, with defaults, and once."""
    call = found("runs/finish")
    bound: Any = call.bind("r", "failed", ended=7)
    assert (bound.run, bound.status, bound.ended) == ("r", "failed", 7)
    with pytest.raises(TypeError, match="twice"):
        call.bind("r", run="r")
    with pytest.raises(TypeError, match="at most 3"):
        call.bind("r", "failed", 7, 8)
    with pytest.raises(TypeError):
        call.bind("r")
    with pytest.raises(TypeError):
        found("runs/list").bind(nonsense=1)


def test_what_can_be_read_once_is_read_once() -> None:
    """A generator becomes a tuple before it travels."""
    stamp = FileStamp(path="a", size=1, modified_ns=2, inode=3, digest=making.digest("a"))
    bound: Any = found("datasets/remember").bind(one for one in [stamp])
    assert bound.stamps == (stamp,)


def test_every_call_survives_the_wire() -> None:
    """Each request and each answer has a decoder: no type in the Protocols cannot travel."""
    for call in calls():
        msgspec.msgpack.Decoder(call.request)
        msgspec.json.Decoder(call.answer)


def test_nouns_do_what_the_protocols_say(sqlite_store: Store) -> None:
    """Made from the table of calls and applied to a store, they are that store."""
    seen: list[str] = []

    def act(call: Call, request: msgspec.Struct) -> Any:
        seen.append(call.name)
        return call.apply(sqlite_store, request)

    store = Store(url="", blobs=sqlite_store.blobs, **nouns(act))
    run = store.runs.create(making.run())
    store.runs.log(
        run.id, metrics=[Metric(name="loss", value=0.5)], tags=[Tag(name="a", value="b")]
    )
    assert store.runs.metrics([run.id])[run.id][0].value == 0.5
    store.records.add("tag", making.digest("x"), Tag(name="a", value="1"))
    assert store.records.get("tag", making.digest("x"), Tag) == Tag(name="a", value="1")
    with store.leases.hold("lap:a") as lease:
        assert lease.token == 1
    assert seen == [
        *("runs/create", "runs/log", "runs/metrics", "records/keep", "records/text"),
        *("leases/take", "leases/release"),
    ]


def test_sql_keeps_the_signatures(sqlite_store: Store) -> None:
    """Arguments are passed by name, so their names and defaults are part of the contract."""
    for call in calls():
        method = getattr(getattr(sqlite_store, call.noun), call.verb)
        kept = inspect.signature(method).parameters
        assert list(kept) == list(call.request.__struct_fields__), call.name
        for one in msgspec.structs.fields(call.request):
            assert one.default in (kept[one.name].default, msgspec.NODEFAULT), call.name
