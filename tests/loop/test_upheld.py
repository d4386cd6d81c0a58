"""The page has changed, and production still answers by the definition that it was trained on."""

from __future__ import annotations

import pytest

from lapwise.core.clock import parse_time
from lapwise.features import FeatureView, OnlineLookup
from lapwise.loop.acting import decide_version
from lapwise.loop.listing import describe_page
from lapwise.loop.online import materialize_online, open_online, push_file
from lapwise.loop.recipe import read_features, read_recipe
from lapwise.loop.upheld import upheld_views
from lapwise.registry import approve
from tests.loop.test_online import BEFORE, later_outcomes
from tests.loop.worlds import AS_OF, World

AFTER = parse_time(AS_OF)


@pytest.fixture
def changed(world: World) -> World:
    """A product in production, whose page says another window since."""
    with world.workshop(BEFORE) as opened:
        decide_version(opened, approve, "returns@v1", by="ada")
        materialize_online(opened, world.loop())
    world.edit('"value", within="20d"', '"value", within="30d"')
    return world


def served(world: World) -> dict[str, object]:
    """Return the vector that production is asked for at the end of the world."""
    with world.workshop() as opened:
        version = opened.store.models.get("returns@production")
        assert version.lineage.recipe is not None
        recipe = read_recipe(version.lineage.recipe, opened.store.records)
        views = [
            one
            for one in read_features(recipe, opened.store.records)
            if isinstance(one, FeatureView)
        ]
        with open_online(opened, read_only=True) as online:
            lookup = OnlineLookup(views, online, columns=recipe.inputs)
            found = lookup.look_up(
                {one.name: ["c007" if one.name == "customer" else None] for one in recipe.inputs},
                at=AFTER,
            )
    return {name: values[0] for name, values in found.items()}


def test_materializing_brings_up_what_production_reads(changed: World) -> None:
    before = served(changed)
    with changed.workshop() as opened:
        brought = materialize_online(opened, changed.loop())
    assert [one.view for one in brought.views] == ["customer", "customer"]
    assert [one.rebuilt for one in brought.views] == [True, False]
    assert served(changed) != before
    with changed.workshop() as opened:
        former = describe_page(opened, changed.loop(), now=AFTER)
    assert [one.behind for one in former if one.declared.kind == "view"] == [0, 0]


def test_pushed_rows_reach_what_production_reads(changed: World) -> None:
    before = served(changed)
    with changed.workshop(BEFORE) as opened:
        materialize_online(opened, changed.loop())
    with changed.workshop() as opened:
        path = later_outcomes(changed, ".parquet")
        pushed = push_file(opened, changed.loop(), "outcomes", path)
    assert pushed.entities == 2  # one of each version
    assert served(changed) != before


def test_an_emptied_store_is_filled_for_production_too(changed: World) -> None:
    with changed.workshop() as opened:
        materialize_online(opened, changed.loop())
    before = served(changed)
    for file in (changed.root / ".lapwise" / "live" / "features").iterdir():
        file.unlink()
    with changed.workshop() as opened:
        open_online(opened).close()
        found = describe_page(opened, changed.loop(), now=AFTER)
        assert [one.freshness for one in found if one.declared.kind == "view"] == [None, None]
        materialize_online(opened, changed.loop())
    assert served(changed) == before


def test_a_page_that_did_not_change_upholds_nothing(world: World) -> None:
    with world.workshop() as opened:
        assert upheld_views(opened.store, world.loop()) == ()
