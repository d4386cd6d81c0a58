"""Each call whose answer was lost is asked again, and is done once, though the server remembers nothing.

What tells an act from another is kept with it, in its transaction: so it also holds when the server is
killed between the commit and the answer.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lapwise.core.access import Grant, Token
from lapwise.core.errors import ConflictError, NotFoundError
from lapwise.core.model import Approval, Metric, Tag
from lapwise.store.model import Store
from lapwise.store.remote import open_remote
from tests.store import making
from tests.store.behind import Behind
from tests.store.conftest import Place
from tests.store.cutting import Cutting, cutting

Deed = Callable[[Store], Callable[[], Any]]


def _log(store: Store) -> Callable[[], Any]:
    run = store.runs.create(making.run())
    return lambda: store.runs.log(run.id, metrics=[Metric(name="m", value=1.0)])


def _rename_experiment(store: Store) -> Callable[[], Any]:
    made = store.experiments.create("a", at=1)
    return lambda: store.experiments.update(made.number, at=2, name="b")


def _create_experiment(store: Store) -> Callable[[], Any]:
    return lambda: store.experiments.create("a", at=1, labels=[Tag(name="x", value="y")])


def _rename_model(store: Store) -> Callable[[], Any]:
    store.models.create_name("a", at=1)
    return lambda: store.models.update_name("a", at=2, new="b")


def _move(store: Store) -> Callable[[], Any]:
    version = store.models.add(making.version(), making.act())
    return lambda: store.models.move([making.move(version, "none", "staging")], making.act("move"))


def _decide(store: Store) -> Callable[[], Any]:
    version = store.models.add(making.version(), making.act())
    refused = Approval(id="r1", version=version.id, by="ada", at=3, decision="refused")
    return lambda: store.models.decide(refused, making.act("refuse"))


def _add_token(store: Store) -> Callable[[], Any]:
    grants = (Grant(role="viewer", product="*"),)
    token = Token(id="t1", name="ada", grants=grants, created=1, expires=None)
    return lambda: store.tokens.add(token, "f" * 64, "eve")


def _revoke_token(store: Store) -> Callable[[], Any]:
    _add_token(store)()
    return lambda: store.tokens.revoke("t1", 5, "eve")


def _add_webhook(store: Store) -> Callable[[], Any]:
    one = making.webhook()
    return lambda: store.webhooks.add(one, making.SECRET, "ada")


def _remove_webhook(store: Store) -> Callable[[], Any]:
    one = store.webhooks.add(making.webhook(), making.SECRET, "ada")
    return lambda: store.webhooks.remove(one.id, 9, "ada")


def _update_rollout(store: Store) -> Callable[[], Any]:
    seen = store.rollouts.create(making.rollout())
    return lambda: store.rollouts.update(msgspec.structs.replace(seen, weight=5), seen=seen)


DEEDS: dict[str, Deed] = {
    "audit/append": lambda store: lambda: store.audit.append(making.act()),
    "experiments/create": _create_experiment,
    "experiments/update": _rename_experiment,
    "models/create_name": lambda store: lambda: store.models.create_name("a", at=1),
    "models/decide": _decide,
    "models/move": _move,
    "models/update_name": _rename_model,
    "rollouts/update": _update_rollout,
    "runs/log": _log,
    "tokens/add": _add_token,
    "tokens/revoke": _revoke_token,
    "webhooks/add": _add_webhook,
    "webhooks/remove": _remove_webhook,
}


def state(store: Store) -> list[Any]:
    """Return what the deeds change, without the times and ids that are drawn."""
    runs = store.runs.list()
    return [
        [(one.action, one.subject.partition(":")[0]) for one in store.audit.entries()],
        [one.name for one in store.experiments.search().items],
        [one.name for one in store.models.search_names().items],
        [one.stage for one in store.models.list()],
        [one.weight for one in store.rollouts.list()],
        [len(store.runs.history(one.id, "m")) for one in runs],
        [one.revoked for one in store.tokens.list()],
        len(store.webhooks.list()),
    ]


@pytest.fixture
def proxy(sqlite_place: Place, server: Behind) -> Iterator[Cutting]:
    with (
        sqlite_place.open() as store,
        server.serving(store) as address,
        cutting(address) as proxy,
    ):
        yield proxy


@pytest.fixture
def fresh_place(tmp_path: Path, sqlite_template: Path) -> Place:
    """A store beside, in which nothing is lost."""
    shutil.copy(sqlite_template, tmp_path / "plain.db")
    return Place(f"sqlite:///{tmp_path}/plain.db", f"{tmp_path}/plain-blobs")


@pytest.mark.parametrize("name", DEEDS)
def test_a_call_whose_answer_is_lost_is_done_once(
    proxy: Cutting, name: str, fresh_place: Place
) -> None:
    """As one whose answer arrived."""
    with fresh_place.open() as plain:
        DEEDS[name](plain)()
        wanted = state(plain)
    with open_remote(proxy.url, patience=20) as store:
        deed = DEEDS[name](store)
        proxy.cuts = 2
        deed()
        assert proxy.cuts == 0
        assert state(store) == wanted


@contextmanager
def _serving(place: Place, port: str = "0", kill_at: str = "") -> Iterator[tuple[str, Any]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.server.process", place.url, place.blobs, port],
        env={**os.environ, "LAPWISE_KILL_AT": kill_at},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


@pytest.mark.prove
@pytest.mark.parametrize("name", DEEDS)
def test_a_server_killed_between_commit_and_answer(
    sqlite_place: Place, fresh_place: Place, name: str
) -> None:
    """The next server says what the first one did, and does it no second time."""
    with fresh_place.open() as plain:
        DEEDS[name](plain)()
        wanted = state(plain)
    with _serving(sqlite_place) as (port, _):
        store = open_remote(f"http://127.0.0.1:{port}", patience=60)
        deed = DEEDS[name](store)
    with _serving(sqlite_place, port, kill_at="commit:after:1") as (_, killed), store:
        thread = threading.Thread(target=deed)
        thread.start()
        assert killed.wait(30) == -signal.SIGKILL
        with _serving(sqlite_place, port):
            thread.join(60)
            assert state(store) == wanted


def test_an_id_is_of_one_act(store: Store) -> None:
    """Another act under it is refused; so is a second removal, or creation, of another time."""
    draft = making.act()
    entry = store.audit.append(draft)
    assert store.audit.append(draft) == entry
    with pytest.raises(ConflictError, match="another act had this id"):
        store.audit.append(msgspec.structs.replace(draft, action="other"))
    one = store.webhooks.add(making.webhook(), making.SECRET, "ada")
    store.webhooks.remove(one.id, 9, "ada")
    store.webhooks.remove(one.id, 9, "ada")
    with pytest.raises(NotFoundError):
        store.webhooks.remove(one.id, 10, "ada")
    assert len(store.audit.entries()) == 3
