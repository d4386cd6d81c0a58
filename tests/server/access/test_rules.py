import inspect

import msgspec
import pytest

from lapwise.core.errors import AccessError
from lapwise.server.access import RULES, bind, check_rules
from lapwise.server.access import rules as table
from lapwise.store.blobs import Blobs
from lapwise.store.calls import calls
from lapwise.store.model import Store
from tests.server.access.rights import principal


def test_every_call_of_the_store_has_a_rule_and_every_rule_a_call() -> None:
    check_rules()
    bytes_calls = {
        f"blobs/{name}"
        for name, _ in inspect.getmembers(Blobs, inspect.isfunction)
        if not name.startswith("_")
    }
    assert set(RULES) == {call.name for call in calls()} | bytes_calls


@pytest.mark.parametrize("change", ["less", "more"])
def test_a_server_does_not_start_with_a_call_without_a_rule(
    change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = {name: rule for name, rule in RULES.items() if name != "runs/log"}
    more = {**RULES, "runs/explode": None}
    monkeypatch.setattr(table, "RULES", short if change == "less" else more)
    with pytest.raises(AccessError, match="do not match"):
        check_rules()


def test_a_call_without_a_rule_is_refused_to_everybody(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(RULES, "runs/list")
    with pytest.raises(AccessError):
        bind(sqlite_store, principal("admin")).runs.list()


@pytest.mark.parametrize("name", sorted(name for name, rule in RULES.items() if rule is None))
def test_what_only_the_server_does_is_refused_to_an_admin(sqlite_store: Store, name: str) -> None:
    noun, verb = name.split("/")
    call = next(one for one in calls() if one.name == name)
    values = {str: "x", int: 1}
    asked = {
        field.name: values.get(field.type)
        for field in msgspec.structs.fields(call.request)
        if field.required
    }
    with pytest.raises(AccessError):
        getattr(getattr(bind(sqlite_store, principal("admin")), noun), verb)(**asked)
