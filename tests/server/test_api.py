import sqlite3
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from lapwise.core.deployment import Deployment
from lapwise.core.feature import Verification, ViewFreshness
from lapwise.core.lap import Lap
from lapwise.core.model import Approval, AuditEntry, Metric, ModelVersion, Verdict
from lapwise.core.observation import Alarm, DayPerformance, HourCounts
from lapwise.core.rollout import Rollout
from lapwise.loop.describing import DescribedView
from lapwise.loop.ledger import LedgerLine, last_verdicts, ledger
from lapwise.registry import TraceLine, trace_version
from lapwise.server.api import Product
from lapwise.store.model import Store
from lapwise.store.open import open_store
from tests.server.seen import DAY, FIRST, MODEL

OF = f"/api/v1/models/{MODEL}"
LISTS: dict[str, Any] = {
    "/api/v1/loops": Product,
    "/api/v1/ledger": LedgerLine,
    "/api/v1/laps": Lap,
    "/api/v1/versions": ModelVersion,
    f"{OF}/versions": ModelVersion,
    f"{OF}/versions/2/lineage": TraceLine,
    f"{OF}/versions/2/verdicts": Verdict,
    f"{OF}/versions/2/approvals": Approval,
    f"{OF}/versions/2/metrics": Metric,
    f"{OF}/deployments": Deployment,
    f"{OF}/rollouts": Rollout,
    f"{OF}/alarms": Alarm,
    f"{OF}/hours": HourCounts,
    f"{OF}/verifications": Verification,
    "/api/v1/features": DescribedView,
    "/api/v1/features/plane": DescribedView,
    "/api/v1/freshness": ViewFreshness,
    f"{OF}/days": DayPerformance,
    "/api/v1/audit": AuditEntry,
}
SINGLE: dict[str, Any] = {
    f"/api/v1/loops/{MODEL}/laps/3": Lap,
    f"{OF}/versions/2": ModelVersion,
    f"{OF}/rollouts/4": Rollout,
}


def asked(client: httpx.Client, address: str, kind: Any) -> Any:
    """Return an answer decoded as a record, which fails on any other shape."""
    response = client.get(address)
    assert response.status_code == 200, response.text
    return msgspec.json.decode(response.content, type=kind, strict=True)


@pytest.fixture
def store(year: tuple[str, str]) -> Any:
    with open_store(*year) as store:
        yield store


@pytest.mark.parametrize(("address", "kind"), LISTS.items())
def test_every_list_is_of_the_records_that_the_store_keeps(
    client: httpx.Client, address: str, kind: Any
) -> None:
    found = asked(client, address, list[Any])
    assert found
    msgspec.convert(found, tuple[kind, ...], strict=True)


@pytest.mark.parametrize("address", SINGLE)
def test_every_single_record_decodes_to_its_type(client: httpx.Client, address: str) -> None:
    found = asked(client, address, SINGLE[address])
    assert found.number == int(address.rpartition("/")[2])


def test_the_answers_are_what_the_store_and_the_rooms_say(
    client: httpx.Client, store: Store
) -> None:
    version = store.models.get(f"{MODEL}@v2")
    assert asked(client, f"{OF}/versions/2", ModelVersion) == version
    assert asked(client, f"{OF}/versions/2/lineage", list[TraceLine]) == list(
        trace_version(store, version)
    )
    assert asked(client, f"{OF}/versions/2/verdicts", list[Verdict]) == list(
        last_verdicts(store, version)
    )
    assert asked(client, "/api/v1/ledger", list[LedgerLine]) == list(ledger(store))
    assert asked(client, "/api/v1/laps", list[Lap]) == list(store.laps.list())
    assert asked(client, f"{OF}/days", list[DayPerformance]) == list(store.observations.days(MODEL))


def test_a_loop_says_who_answers_and_which_rollout_is_open(client: httpx.Client) -> None:
    (product,) = asked(client, "/api/v1/loops", list[Product])
    assert (product.name, product.laps, product.versions) == (MODEL, 8, 7)
    assert product.deployment.weight == 5000
    assert product.rollout.phase == "canary"


@pytest.mark.parametrize("since", [f"{FIRST + DAY}", "2013-04-02", "2013-04-02T02:00+02:00"])
def test_a_stretch_of_time_is_half_open(client: httpx.Client, since: str) -> None:
    address = f"{OF}/days?since={since}&until=2013-04-04"
    days = [one.day for one in asked(client, address, list[DayPerformance])]
    assert days == [FIRST + DAY, FIRST + 2 * DAY]
    hours = asked(client, address.replace("/days", "/hours"), list[HourCounts])
    assert {one.hour // DAY * DAY for one in hours} == set(days)


def test_hours_are_read_on_from_the_hour_after_the_last(client: httpx.Client, store: Store) -> None:
    found: list[HourCounts] = []
    address = f"{OF}/hours?limit=1000"
    while page := asked(client, address, list[HourCounts]):
        found += page
        address = f"{OF}/hours?limit=1000&since={page[-1].hour + 1}"
    assert found == list(store.observations.hours(MODEL))


def test_the_audit_log_is_read_on_by_sequence(client: httpx.Client, store: Store) -> None:
    first = asked(client, "/api/v1/audit?limit=5", list[AuditEntry])
    rest = asked(client, f"/api/v1/audit?after={first[-1].sequence}", list[AuditEntry])
    assert [*first, *rest] == list(store.audit.entries())


def test_alarms_since(client: httpx.Client) -> None:
    assert len(asked(client, f"{OF}/alarms?since=2013-07-01", list[Alarm])) == 3


def test_limits_are_kept(client: httpx.Client) -> None:
    assert len(asked(client, "/api/v1/laps?limit=2", list[Lap])) == 2
    assert asked(client, "/api/v1/laps?loop=another", list[Lap]) == []


def test_the_description_names_every_address_and_record(client: httpx.Client) -> None:
    found = client.get("/api/v1/openapi.json").json()
    for address in (*LISTS, *SINGLE):
        plain = address.replace(f"models/{MODEL}", "models/{model}")
        plain = plain.replace(f"loops/{MODEL}", "loops/{loop}")
        plain = plain.replace("features/plane", "features/{view}")
        plain = "/".join("{number}" if part.isdigit() else part for part in plain.split("/"))
        assert plain in found["paths"], plain
    for kind in {*LISTS.values(), *SINGLE.values()}:
        assert kind.__name__ in found["components"]["schemas"]
    assert not [path for path in found["paths"] if not path.startswith("/api/v1/")]


SECRET = "s3cret-value"


@pytest.mark.parametrize(
    ("address", "status", "word"),
    [
        ("/api/v1/laps?limit=0", 400, "limit"),
        ("/api/v1/laps?limit=1001", 400, "limit"),
        (f"/api/v1/laps?limit={SECRET}", 400, "limit"),
        (f"{OF}/days?since={SECRET}", 400, "time"),
        (f"{OF}/days?since=9999999999999999999999", 400, "time"),
        (f"{OF}/days?since=2013-13-01", 400, "time"),
        ("/api/v1/audit?after=-1", 400, "after"),
        (f"{OF}/versions/99", 404, "version"),
        (f"{OF}/versions/99999999999999999999", 400, "number"),
        (f"{OF}/versions/{SECRET}", 404, "nothing"),
        (f"{OF}/rollouts/99", 404, "rollout"),
        (f"/api/v1/loops/{MODEL}/laps/99", 404, "lap"),
        (f"/api/v1/{SECRET}", 404, "nothing"),
        ("/api/v1", 404, "nothing"),
    ],
)
def test_an_error_names_what_is_wrong_and_echoes_no_value(
    client: httpx.Client, address: str, status: int, word: str
) -> None:
    response = client.get(address)
    assert response.status_code == status
    assert set(response.json()) == {"error", "expected", "fix"}
    assert word in response.json()["error"]
    assert SECRET not in response.text


def test_a_store_that_cannot_be_read_is_a_clear_answer(
    site: str, tmp_path: Path, sqlite_template: Path
) -> None:
    """The server starts, says what is wrong, and goes on when the database is there again."""
    from tests.server.conftest import running

    broken = tmp_path / "lapwise.db"
    broken.write_bytes(b"this is no database" * 100)
    with running(f"sqlite:///{broken}", f"{tmp_path}/blobs") as address:
        found = httpx.get(f"{address}/api/v1/laps", timeout=30)
        assert found.status_code == 503, found.text
        assert found.json()["error"]
        page = httpx.get(address, timeout=30)
        assert page.status_code == 503
        assert "<h1>" in page.text
        broken.unlink()
        with sqlite3.connect(sqlite_template) as source, sqlite3.connect(broken) as target:
            source.backup(target)
        assert httpx.get(f"{address}/api/v1/laps", timeout=30).json() == []
