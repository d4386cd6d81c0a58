"""`lapwise features`: in every order of use it answers, fits 80 columns, and names what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lapwise.loop.bootstrap import open_workshop
from tests.cli.conftest import Call, Done
from tests.cli.test_bad_input import check_error
from tests.cli.test_tables import check_width
from tests.loop.worlds import AS_OF, World

OWNED = ('    by="customer",\n', '    by="customer",\n    owner="ada <ada@example.org>",\n')
LATER = "2024-03-01T00:12"


def said(done: Done) -> str:
    return " ".join(check_width(done).split())


def decoded(done: Done) -> Any:
    assert done.code == 0, done.err
    return json.loads(done.out)


@pytest.fixture
def online(world: World, call: Call) -> World:
    """A page with an owner, lapped once before it had one, and materialised."""
    world.edit(*OWNED)
    assert call("features", "materialize", "--as-of", AS_OF, cwd=world.root).code == 0

    return world


def test_a_page_that_was_never_lapped_is_described(fresh: World, call: Call) -> None:
    """What is not known yet is said with the command that makes it known."""
    listed = said(call("features", "list", cwd=fresh.root))
    assert "customer" in listed
    assert "at request" in listed
    text = said(call("features", "show", "customer", cwd=fresh.root))
    for word in (
        "never materialized: lapwise features materialize",
        "never: lapwise features verify",
        "mean of value within 60d",
        'lw.FeatureView("customer", outcomes, by="customer"',
        "no model was trained on this version yet",
    ):
        assert word in text
    check_error(call("features", "stats", "customer", cwd=fresh.root), "lapwise lap")
    check_error(call("features", "get", "customer=c7", cwd=fresh.root), "materialize")
    rows = str(fresh.root / "data" / "outcomes.parquet")
    check_error(call("features", "push", "outcomes", rows, cwd=fresh.root), "materialize")
    check_error(call("features", "verify", cwd=fresh.root), "no model yet", "lapwise lap")


def test_list_shows_who_owns_and_uses_it_and_how_fresh_it_is(online: World, call: Call) -> None:
    text = said(call("features", "list", cwd=online.root))
    for word in ("ada", "staging v1", "up to date", "12.9%", "never"):
        assert word in text
    assert "12 min behind" in said(call("features", "list", "--as-of", LATER, cwd=online.root))
    view, demand = decoded(call("features", "list", "--json", "--as-of", LATER, cwd=online.root))
    assert view["behind"] == 12 * 60 * 1_000_000
    assert view["freshness"]["rows"] > 2000
    assert (demand["declared"]["kind"], demand["behind"]) == ("on_demand", None)
    assert view["users"][0]["stage"] == "staging"


def test_the_store_alone_knows_them_too(online: World, call: Call) -> None:
    """Without a page, from what laps and materialising kept; a view or a feature finds it."""
    page = said(call("features", "show", "customer", cwd=online.root))
    (online.root / "pyproject.toml").write_text("[tool.lapwise]\n")
    (online.root / "page.py").unlink()
    assert "staging v1" in said(call("features", "list", cwd=online.root))
    alone = said(call("features", "show", "customer", cwd=online.root))
    assert alone == page
    assert said(call("features", "show", "customer_rate", cwd=online.root)) == alone
    check_error(call("features", "show", "custmer", cwd=online.root), "custmer", "one of customer")
    check_error(call("features", "stats", "nothing", cwd=online.root), "nothing")
    assert "median" in said(call("features", "stats", "customer_value", cwd=online.root))
    check_error(call("features", "materialize", cwd=online.root), "no page", "page.py")


def test_a_changed_view_stands_beside_what_it_was(online: World, call: Call) -> None:
    online.edit('lw.mean("value", within="60d")', 'lw.mean("value", within="30d")')
    text = said(call("features", "show", "customer", cwd=online.root))
    assert "mean of value within 30d" in text
    assert "no model was trained on this version yet" in text
    assert "differs in" in text
    assert "customer_value: mean of value within 60d" in text
    found = decoded(call("features", "show", "customer", "--json", cwd=online.root))
    (former,) = found["versions"]
    assert former["loops"] == []
    assert former["users"][0]["number"] == 1
    assert found["feature"]["freshness"] is None
    names = [
        one["declared"]["name"]
        for one in decoded(call("features", "list", "--all", "--json", cwd=online.root))
    ]
    assert names.count("customer") == 2
    # What is known of the spread is of the version that a model was trained on.
    assert "returns v1" in said(call("features", "stats", "customer", cwd=online.root))


def test_stats_draw_numbers_text_and_truth_values(online: World, call: Call) -> None:
    def drawn(name: str) -> str:
        return said(call("features", "stats", name, cwd=online.root))

    view = drawn("customer")
    for word in ("3,000 examples of returns v1", "customer_rate", "10.7%", "median"):
        assert word in view
    for name, words in {
        "customer_value": ("Float64", "322 of 3,000 (10.7%)", "99% below", "█", "23."),
        "customer_count": ("Int64", "0 of 3,000 (0%)", "16 to 20"),
        "many": ("Boolean", "true", "false"),
        "shop": ("String", "north", "south", "west"),
    }.items():
        text = drawn(name)
        for word in words:
            assert word in text, (name, word, text)
    spread = decoded(call("features", "stats", "customer_value", "--json", cwd=online.root))
    (value,) = [one for one in spread["features"] if one["feature"] == "customer_value"]
    assert sum(value["counts"]) + value["nulls"] == value["rows"] == 3000


def test_a_frame_from_before_there_were_summaries_is_summarised(online: World, call: Call) -> None:
    before = said(call("features", "stats", "customer", cwd=online.root))
    with open_workshop(online.root) as opened:
        (frame,) = opened.store.records.digests("frame_summary")
    _forget_record(online.root / ".lapwise" / "lapwise.db", frame)
    assert said(call("features", "stats", "customer", cwd=online.root)) == before


def _forget_record(database: Path, digest: str) -> None:
    import sqlite3

    with sqlite3.connect(database) as connection:
        done = connection.execute(
            "DELETE FROM record WHERE kind = 'frame_summary' AND digest = ?", (digest,)
        )
        assert done.rowcount == 1
    connection.close()


def test_materialize_says_what_it_took(online: World, call: Call) -> None:
    text = said(call("features", "materialize", "--as-of", AS_OF, cwd=online.root))
    assert "what is new" in text
    assert "known until 2024-03-01 00:00" in text
    done = decoded(
        call("features", "materialize", "--fresh", "--json", "--as-of", AS_OF, cwd=online.root)
    )
    (view,) = done["views"]
    assert view["rebuilt"]
    assert view["rows"] > 2000
    assert view["forgot"] is None


def test_materialize_says_that_it_forgot_what_the_past_does_not_know(
    online: World, call: Call
) -> None:
    text = said(call("features", "materialize", "--as-of", "2024-02-01", cwd=online.root))
    assert "customer: rows known from 2024-02-01 00:00 to 2024-03-01 00:00 were dropped" in text
    assert "dropped" not in said(
        call("features", "materialize", "--as-of", "2024-02-01", cwd=online.root)
    )


def test_materialize_does_not_go_to_the_future(online: World, call: Call) -> None:
    done = call("features", "materialize", "--as-of", "2999-01-01", cwd=online.root)
    assert done.code == 1
    assert "future: '2999-01-01T00:00:00Z'" in done.err
    said(call("features", "get", "customer=c007", "--as-of", AS_OF, cwd=online.root))


def test_get_says_when_the_vector_is_old(online: World, call: Call) -> None:
    words = ("features", "get", "customer=c007", "shop=north", "--as-of")
    assert "behind" not in said(call(*words, AS_OF, cwd=online.root))
    text = said(call(*words, LATER, cwd=online.root))
    assert "customer: materialization is behind by 12 min, known until 2024-03-01 00:00" in text
    looked = decoded(call(*words, LATER, "--json", cwd=online.root))
    assert looked["features"]["customer_count"] == 12
    assert looked["views"][0]["behind"] == 12 * 60 * 1_000_000


def test_an_event_in_the_future_is_named(online: World, call: Call) -> None:
    source = online.root / "data" / "outcomes.parquet"
    path = online.root / "wrong.parquet"
    rows = pl.read_parquet(source).tail(2)
    rows.with_columns(pl.col("settled_at").dt.offset_by("10y")).write_parquet(path)
    done = call("features", "push", "outcomes", str(path), "--as-of", AS_OF, cwd=online.root)
    check_error(
        done,
        "2 of 2 rows of table 'outcomes'",
        "'customer'",
        "in the future",
        "'settled_at'",
        "2034",
    )
    check_error(call("features", "push", "outcoms", str(path), cwd=online.root), "one of outcomes")


@pytest.mark.parametrize("verb", ["list", "show", "get", "materialize", "push", "verify", "stats"])
def test_help_has_an_example(verb: str, call: Call, tmp_path: Path) -> None:
    text = said(call("features", verb, "--help", cwd=tmp_path))
    assert f"Example: lapwise features {verb}" in text
    assert "--json" in text


def test_help_shows_brackets_and_fills_its_lines(world: World, call: Call) -> None:
    """A name in brackets is no style, and a docstring's line breaks are not the terminal's."""
    done = call("features", "verify", "--help", cwd=world.root)
    assert "the exit   \n code is 1; so it is if nothing" in check_width(done)
    assert "[tool.lapwise]" in said(call("features", "list", "--help", cwd=world.root))


def test_a_long_name_is_whole_in_the_list(world: World, call: Call) -> None:
    world.edit('    "customer",\n    outcomes', '    "customer_of_all_shops",\n    outcomes')
    assert "\ncustomer_of_all_shops " in check_width(call("features", "list", cwd=world.root))
    assert "true" in said(call("features", "stats", "many", cwd=world.root))


def test_a_name_longer_than_its_column_is_folded_between_its_words(
    world: World, call: Call
) -> None:
    world.edit(
        '    "customer",\n    outcomes', '    "customer_of_all_shops_and_warehouses",\n    outcomes'
    )
    shown = check_width(call("features", "list", cwd=world.root))
    assert "\ncustomer_of_all_shops_ " in shown
    assert "\nand_warehouses " in shown
