"""The pages of features: what they say, and what they say when little is known."""

from __future__ import annotations

import httpx
import msgspec
import pytest

from lapwise.core.clock import MachineClock
from lapwise.core.errors import NotFoundError
from lapwise.core.feature import FeatureSummary
from lapwise.features.model import view_definition, view_digest
from lapwise.server.feature_figures import bars, spread
from lapwise.server.views.features import feature_page, features_page, last_proof, world_time
from lapwise.store.model import Store
from tests.server.featured import PLANE, PLANE_BEFORE
from tests.server.seen import HOSTILE, MODEL
from tests.store import making

MINUTE = 60_000_000
NOW = 1_700_000_000_000_000


@pytest.fixture
def declared(sqlite_store: Store) -> Store:
    """A loop that was replayed until NOW, with one view that is 12 minutes behind."""
    lap = msgspec.structs.replace(making.lap(MODEL), as_of=NOW - MINUTE, started=NOW + 10**15)
    sqlite_store.laps.create(lap)
    digest = view_digest(PLANE)
    sqlite_store.records.add("feature_view", digest, view_definition(PLANE))
    said = msgspec.structs.replace(
        making.declared("plane", loop=MODEL), digest=digest, features=PLANE.names
    )
    sqlite_store.features.declare([said])
    fresh = making.freshness("plane", loop=MODEL, noted=NOW)
    sqlite_store.features.note(
        [msgspec.structs.replace(fresh, digest=digest, latest=NOW - 12 * MINUTE)]
    )
    return sqlite_store


def test_a_replayed_product_is_behind_by_its_own_time(declared: Store) -> None:
    """And one that lives now by the clock."""
    assert world_time(declared, MODEL) == world_time(declared, None) == NOW
    ((one, stage),) = features_page(declared, loop=MODEL, former=False)["rows"]
    assert (one.behind, stage) == (12 * MINUTE, "")
    now = MachineClock().timestamp()
    declared.laps.create(msgspec.structs.replace(making.lap("other"), as_of=now, started=now))
    assert world_time(declared, "other") >= now


def test_a_view_that_no_model_uses_yet_is_shown(declared: Store) -> None:
    facts = feature_page(declared, "plane", loop=MODEL, version="", feature="")
    assert facts["figure"] is None
    assert (facts["users"], facts["trained"], facts["differences"]) == ((), None, ())
    assert 'lw.FeatureView("plane", arrivals, by="tailnum", grain="1h"' in facts["declared_text"]
    assert last_proof(declared, MODEL) is None


def test_a_name_or_version_that_is_not_there_is_named(declared: Store) -> None:
    with pytest.raises(NotFoundError, match="no view, on-demand function or feature") as caught:
        feature_page(declared, "plain", loop="", version="", feature="")
    assert caught.value.expected.startswith("one of plane")
    with pytest.raises(NotFoundError, match="no version that begins so"):
        feature_page(declared, "plane", loop="", version="ffff", feature="")


def test_small_pictures_are_of_what_was_counted() -> None:
    summary = FeatureSummary(
        feature="n", dtype="Int64", rows=10, nulls=4, edges=(0.0, 1.0, 3.0), counts=(4, 2)
    )
    first, second = bars(summary)
    assert (first.height, second.height) == (24.0, 12.0)
    figure = spread(summary)
    assert figure is not None
    assert figure["data"][0]["x"] == ["0", "1 to 2"]
    assert figure["data"][0]["y"] == [0.4, 0.2]
    assert (figure["data"][1]["x"], figure["data"][1]["y"]) == (["missing"], [0.4])
    nothing = FeatureSummary(feature="n", dtype="Int64", rows=3, nulls=3)
    assert (bars(nothing), spread(nothing)) == ((), None)


def test_pages_link_what_uses_what(client: httpx.Client) -> None:
    """From the loop, the version and the drift page to a feature, and back to model and run."""
    digest = view_digest(PLANE)[:12]
    for path, link in {
        "/": f"/features/plane?loop={MODEL}",
        f"/models/{MODEL}/versions/4": f"/features/plane?loop={MODEL}&amp;version={digest}",
        f"/models/{MODEL}/drift": f"/features?loop={MODEL}",
        "/features": f"/features/plane?loop={MODEL}",
        f"/features/plane?loop={MODEL}": f"/models/{MODEL}/versions/4",
    }.items():
        page = client.get(path)
        assert page.status_code == 200
        assert f'href="{link}"' in page.text, path
    page = client.get(f"/features/plane?loop={MODEL}&version={view_digest(PLANE_BEFORE)[:12]}")
    assert "former version" in page.text
    assert (
        "grain 1h; with plane_mean_delay: mean of delay within 1w; with plane_delay_1" in page.text
    )
    assert '<a href="/runs/' in page.text


def test_the_drift_page_says_what_the_last_verification_found(client: httpx.Client) -> None:
    text = client.get(f"/models/{MODEL}/drift").text
    assert "1 of 81,022</span> vectors that were served are not what the tables say" in text
    page = client.get("/features/plane").text
    assert "What the last verification found" in page
    assert HOSTILE not in page
    assert "not in table: online, 1 row more" in page


def test_what_is_not_there_is_no_fault_of_ours(client: httpx.Client) -> None:
    for path in ("/features/nothing", "/features/plane?loop=nothing", "/features/plane?version=ff"):
        assert client.get(path).status_code == 404, path
        assert client.get(f"/api/v1{path.partition('?')[0]}?loop=nothing").status_code == 404
    assert client.get("/features?former=perhaps").status_code == 400
