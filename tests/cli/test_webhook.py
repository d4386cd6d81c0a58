"""Who wants to be told says so on the command line, and a running server tells them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from lapwise.store.open import open_store
from tests.cli.conftest import COMMAND, Call, environment
from tests.server.webhooks.conftest import Received, ended, receiver, until  # noqa: F401 (fixture)
from tests.store import making


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[None]:
    """A server of the project in the test's folder."""
    process = subprocess.Popen(
        [*COMMAND, "server", "--port", "0", "--allow-webhook-host", "127.0.0.1"],
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    assert b"http" in process.stdout.readline()
    yield
    ended(process)


def test_a_webhook_is_added_listed_and_removed(tmp_path: Path, call: Call) -> None:
    """Its secret is shown once, on a line of its own length."""
    url = "https://example.org/hooks/lapwise?" + "x" * 100
    done = call("webhook", "add", url, "--event", "lap.ended", cwd=tmp_path)
    assert done.code == 0, done.err
    secret = next(line for line in done.out.splitlines() if "whsec_" in line)
    assert len(secret.rpartition(" ")[2]) == len("whsec_") + 44
    (listed,) = json.loads(call("webhook", "list", "--json", cwd=tmp_path).out)
    assert (listed["url"], listed["events"]) == (url, ["lap.ended"])
    assert "whsec_" not in call("webhook", "list", cwd=tmp_path).out
    assert "nothing yet" in call("webhook", "deliveries", listed["id"], cwd=tmp_path).out
    assert call("webhook", "remove", listed["id"], cwd=tmp_path).code == 0
    assert "no webhooks" in call("webhook", "list", cwd=tmp_path).out
    again = call("webhook", "remove", listed["id"], cwd=tmp_path)
    assert (again.code, "there is no webhook" in again.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ftp://example.org/"], "http://"),
        (["http://ada:secret@example.org/"], "password"),
        (["https://example.org/", "--event", "lap.started"], "alarm.raised"),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, call: Call, arguments: list[str], said: str
) -> None:
    done = call("webhook", "add", *arguments, cwd=tmp_path)
    assert done.code == 1
    assert said in done.err
    assert "ada:secret" not in done.err


def test_a_running_server_tells(
    tmp_path: Path,
    call: Call,
    receiver: Received,  # noqa: F811 (the fixture)
    request: pytest.FixtureRequest,
) -> None:
    """Signed, to the host that it was allowed; and the command line shows that it did."""
    for url in (receiver.url("ok"), receiver.url("ok", "localhost")):
        done = call("webhook", "add", url, "--product", "churn", "--json", cwd=tmp_path)
        assert done.code == 0, done.err
    request.getfixturevalue("serving")
    with open_store(
        f"sqlite:///{tmp_path}/.lapwise/lapwise.db", f"{tmp_path}/.lapwise/blobs"
    ) as store:
        lap = store.laps.create(making.lap("churn"))
        store.laps.update(msgspec.structs.replace(lap, state="refused"))
        (note,) = receiver.wait(1)
        assert json.loads(note["body"])["data"]["state"] == "refused"
        here, there = store.webhooks.list()
        until(lambda: store.webhooks.deliveries(here.id)[0].state == "delivered")
        until(lambda: store.webhooks.deliveries(there.id)[0].attempts > 0)
    shown = call("webhook", "deliveries", here.id, cwd=tmp_path).out
    assert "delivered" in shown
    assert "204" in shown
    assert "refused" in call("webhook", "deliveries", there.id, cwd=tmp_path).out
    assert len(receiver.notes()) == 1
