"""Searches: what a filter means, how pages follow one another, and what an unfriendly one gets."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from lapwise.core.errors import DeclarationError
from lapwise.core.model import Metric, Param, Tag
from lapwise.core.tracked import RunInput, RunSummary
from lapwise.store.database import connect
from lapwise.store.model import Store
from lapwise.store.runs import SqlRuns
from lapwise.store.search.compile import Compiler
from lapwise.store.search.parse import parse_filter
from lapwise.store.search.runs import run_subject
from lapwise.store.search.terms import Compared, Key
from tests.store import making
from tests.store.conftest import Place
from tests.store.filters import FILTERS, Filter, Known, numeric, populate


def numbers(store: Store, where: str = "", **asked: Any) -> list[int]:
    """Return the numbers of all runs that a search gives, whatever the pages."""
    found, after = [], ""
    while True:
        page = store.runs.search(where, columns=(), after=after, **asked)
        found += [one.run.number for one in page.items]
        after = page.next
        if not after:
            return found


@pytest.fixture(params=["sqlite", "postgresql"])
def kept(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store of each database, without a wire between."""
    place: Place = request.getfixturevalue(f"{request.param}_place")
    with place.open() as store:
        yield store


def test_a_filter_means_what_it_says(kept: Store) -> None:
    """Whatever is combined, SQL and plain Python find the same runs, on both databases."""
    store, runs = kept, populate(kept)

    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
    @given(FILTERS)
    def agree(both: Filter) -> None:
        where, means = both
        expected = [known.run.number for known in runs[::-1] if means(known)]
        assert numbers(store, where) == expected, where

    agree()


def sorted_by(key: str, known: Known) -> list[tuple[bool, Any]]:
    """Return what runs are sorted by, each with whether it is missing."""
    auc, p = known.metrics.get("auc"), known.params.get("p")
    texts = {"name": known.run.name, "tags.t": known.tags.get("t"), "lap": None}
    if key == "metrics.auc":
        auc = None if auc is None or math.isnan(auc) else auc
        return [(auc is None, auc)]
    if key == "params.p":
        number = numeric(p) if "p" in known.params else None
        return [(number is None, number), ("p" not in known.params, str(p))]
    if key == "ended":
        return [(known.run.ended is None, known.run.ended)]
    return [(texts[key] is None, texts[key])]


class _Down:
    """Sorts the other way round."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Down) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Down) and bool(other.value == self.value)


def expected_order(runs: Sequence[Known], order: Sequence[tuple[str, bool]]) -> list[int]:
    """Return the numbers of runs in an order: what is missing last, then the newest first."""

    def key(known: Known) -> list[Any]:
        found: list[Any] = []
        for name, down in order:
            for missing, value in sorted_by(name, known):
                shown = None if missing else _Down(value) if down else value
                found += [missing, shown]
        return [*found, -known.run.number]

    return [known.run.number for known in sorted(runs, key=key)]


def test_pages_of_any_size_are_the_list_in_its_order(kept: Store) -> None:
    """What is missing comes last in either direction, and no page skips or repeats a run."""
    store, runs = kept, populate(kept)
    keys = st.sampled_from(["metrics.auc", "params.p", "tags.t", "ended", "name", "lap"])
    orders = st.lists(st.tuples(keys, st.booleans()), max_size=3, unique_by=lambda one: one[0])

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(orders, st.sampled_from([1, 3, 7, 100]))
    def agree(order: list[tuple[str, bool]], limit: int) -> None:
        said = [f"{key} {'DESC' if down else 'asc'}" for key, down in order]
        found = numbers(store, order=said, limit=limit)
        assert found == expected_order(runs, order)

    agree()


def test_pages_go_on_while_newer_runs_come(store: Store) -> None:
    """Newer runs stand before the first page, so no later page holds them, skips or repeats."""
    for at in range(25):
        store.runs.log(store.runs.create(making.run()).id, metrics=[Metric(name="m", value=at)])
    before = numbers(store, "metrics.m >= 0")
    found: list[int] = []
    after = ""
    while True:
        page = store.runs.search("metrics.m >= 0", limit=4, after=after)
        found += [one.run.number for one in page.items]
        run = store.runs.create(making.run())
        store.runs.log(run.id, metrics=[Metric(name="m", value=1.0)])
        after = page.next
        if not after:
            break
    assert found == before


def test_a_token_belongs_to_its_search(store: Store) -> None:
    """Another filter, order or scope refuses it; another limit or other columns do not."""
    for _ in range(4):
        store.runs.create(making.run("e"))
    token = store.runs.search("number > 0", limit=2).next
    asked: list[Callable[[], object]] = [
        lambda: store.runs.search("number > 1", after=token),
        lambda: store.runs.search("number > 0", order=["name"], after=token),
        lambda: store.runs.search("number > 0", experiments=["e"], after=token),
        lambda: store.runs.search("number > 0", archived=None, after=token),
        lambda: store.runs.search("number > 0", after=token[:-4]),
        lambda: store.runs.search("number > 0", after="not a token"),
        lambda: store.experiments.search(after=token),
    ]
    for act in asked:
        with pytest.raises(DeclarationError, match="page"):
            act()
    page = store.runs.search("number > 0", limit=1, columns=["params"], after=token)
    assert [one.run.number for one in page.items] == [2]


def compiled(where: str) -> None:
    """Compile a filter of runs for both databases; none is asked."""
    for url in ("sqlite:///never.db", "postgresql://nowhere/x"):
        database = connect(url)
        term = parse_filter(where)
        assert term is not None
        Compiler(run_subject(database), sqlite=database.is_sqlite, text=where).clause(term)


def nested(inner: str, *levels_of: str, levels: int) -> str:
    """Return a filter within others, so many levels deep."""
    for level in range(levels):
        inner = levels_of[level % len(levels_of)].format(inner)
    return inner


@pytest.fixture
def one(store: Store) -> str:
    """A run with a little of everything."""
    run = store.runs.create(making.run())
    store.runs.set_capture(run.id, making.capture())
    store.runs.log(
        run.id,
        params=[Param(name="a.b", value=1), Param(name="c", value="x")],
        metrics=[Metric(name="auc", value=0.75), Metric(name="loss", value=math.nan)],
        tags=[Tag(name="mlflow.user", value="ada"), Tag(name="empty", value="")],
        inputs=[
            RunInput(
                name="flights", digest="d1", tags=(Tag(name="mlflow.data.context", value="train"),)
            )
        ],
    )
    return run.id


WRITTEN = [
    "",
    "   \n ",
    "metrics.auc>0.5",
    "metric.auc == 0.75 and metrics.auc <= 75e-2",
    "METRICS.auc = 0.75 OR metrics.auc = .75",
    "metrics.loss = NaN AND metrics.loss IS NOT NULL AND NOT metrics.loss < 1",
    "metrics.auc < Infinity AND metrics.auc > -inf",
    "params.a.b = 1 AND params.`a.b` = '1' AND params.\"a.b\" < 1.5",
    "param.c LIKE 'x' AND parameters.c != 1",
    "tags.mlflow.user = 'ada' AND tag.`mlflow.user` ILIKE 'A_A'",
    "tags.empty = '' AND tags.empty = \"\"",
    "`tags`.mlflow.user = 'ada' AND `params`.`a.b` = \"1\" AND params.'c' = 'x'",
    "dataset.name = 'flights' AND datasets.context IN ('train') AND dataset.digest != 'd2'",
    "attributes.status = 'RUNNING' AND attr.status = 'running' AND status IN ('RUNNING')",
    "start_time = 0 AND created < 1 AND Created >= 0 AND started = 1",
    "started < '2026-01-01' AND start_time < '2026-01-01T10:00:00Z'",
    "code LIKE 'a1b9%' AND user_id = '' AND experiment = 'flight-delay'",
    "`run name` = '' AND attributes.\"Run Name\" = '' AND run_name NOT LIKE '_%'",
    "number = 1 AND number IN (1, 2.5) AND lap IS NULL AND parent is null",
    "not not (((number = 1)))",
    "tags.other = 'x' OR tags.`mlflow.user` = 'ada'",
]


def test_filters_that_people_write(store: Store, one: str) -> None:
    """Lapwise's and MLflow's names, quotes, spaces and cases find the run."""
    for where in WRITTEN:
        assert [found.run.id for found in store.runs.search(where).items] == [one], where


@pytest.mark.parametrize(
    ("where", "column", "expected"),
    [
        ("metrics.auc >", 14, "number"),
        ("metrics.auc > 'high'", 15, "number"),
        ("metrics.auc LIKE 'a'", 18, "= !="),
        ("metrics.auc > NaN", 15, "NaN"),
        ("metrics.auc = true", 15, "number"),
        ("tags.owner = 5", 14, "quotes"),
        ("tags.owner = ada", 14, "quotes"),
        ("nmae = 'x'", 1, "name"),
        ("colour.x = 'x'", 1, "metrics.NAME"),
        ("number = 1 AND (number = 2", 27, "\\)"),
        ("number = 1 number = 2", 12, "AND"),
        ("number = 1 XOR number = 2", 12, "AND"),
        ("number = 'one'", 10, "number"),
        ("number IN ()", 12, "number"),
        ("started > 'yesterday'", 11, "date"),
        ("name = 'unclosed", 8, "quotes"),
        ("artifact_uri = 'x'", 1, "content"),
        ("dataset.owner = 'x'", 1, "dataset.digest"),
        ("name = 'a\0b'", 10, "NUL"),
        ("name = '\ud800'", 9, "Unicode"),
        ("1 = 1", 1, "name"),
        ("name = 'x'; DROP TABLE run", 11, "AND"),
        ("params.p = NaN", 12, "nan"),
    ],
)
def test_what_cannot_be_read_says_where_and_what_was_expected(
    where: str, column: int, expected: str
) -> None:
    with pytest.raises(DeclarationError, match=f"column {column}\\b") as caught:
        compiled(where)
    assert expected.replace("\\", "") in caught.value.expected


@pytest.mark.parametrize(
    "order",
    ["metrics.auc DOWN", "metrics.auc, name", "dataset.name", "", "nothing", "artifact_uri"],
)
def test_an_order_that_cannot_be_is_refused(order: str, sqlite_place: Place) -> None:
    with sqlite_place.open() as store, pytest.raises(DeclarationError, match="order"):
        store.runs.search(order=[order])


@pytest.mark.parametrize(
    "where",
    [
        "name = '" + "x" * 10_001 + "'",
        " OR ".join(["number = 1"] * 101),
        "(" * 51 + "number = 1" + ")" * 51,
        "NOT " * 2_000 + "number = 1",
        "(" * 9_990,
        "name LIKE '" + "%a" * 250 + "%'",
    ],
)
def test_a_filter_is_bounded(where: str) -> None:
    """Too long, too many parts or too deep is one error, never a crash."""
    with pytest.raises(DeclarationError):
        compiled(where)


def test_what_is_just_within_the_bounds_works(store: Store, one: str) -> None:
    """A hundred parts, fifty levels, thousands of values, and a pattern made to be slow."""
    store.runs.update(one, name="a" * 1000)
    for where in (
        " OR ".join(["number = 1"] * 100),
        " AND ".join(["NOT metrics.m > 2"] * 100),
        "(" * 50 + "number = 1" + ")" * 50,
        "NOT " * 50 + "number = 1",
        "NOT (" * 25 + "number != 1" + ")" * 25,
        nested("number > 5", "number = 1 OR ({0})", "number = 1 AND ({0})", levels=50),
        nested("number = 1", "NOT (number > 5 OR NOT ({0}))", levels=12),
        nested(
            "metrics.m = 1",
            "NOT metrics.auc = 2 AND NOT ({0})",
            "metrics.auc = 1 OR NOT ({0})",
            levels=23,
        ),
        "number IN (" + ",".join(["1"] * 4_000) + ")",
        "name LIKE '" + "%a" * 249 + "%b' OR number = 1",
        "name ILIKE '" + "%a" * 249 + "%b' OR number = 1",
    ):
        assert [found.run.id for found in store.runs.search(where).items] == [one]


def test_a_page_has_bounds(store: Store) -> None:
    for limit in (0, -1, 50_001):
        with pytest.raises(DeclarationError, match=r"page|limit"):
            store.runs.search(limit=limit)


def test_only_the_columns_asked_for_come(store: Store, one: str) -> None:
    """All of them by default; names may hold dots; nothing but the run for none."""

    def found(*columns: str) -> RunSummary:
        return store.runs.search(columns=columns).items[0]

    everything = store.runs.search().items[0]
    assert [len(everything.params), len(everything.metrics), len(everything.tags)] == [2, 2, 2]
    assert [each.name for each in everything.inputs] == ["flights"]
    assert found() == RunSummary(run=everything.run)
    assert found("params.a.b", "metrics.loss").params == (Param(name="a.b", value=1),)
    assert found("params.`a.b`", "tags").tags == everything.tags
    assert found("params.c", "params").params == everything.params
    assert found("inputs").inputs == everything.inputs
    for wrong in ("colour", "params.", "inputs.x", ""):
        with pytest.raises(DeclarationError, match="column"):
            found(wrong)


def test_archived_runs_are_looked_for_only_when_asked(store: Store) -> None:
    """Hidden by default, alone with True, beside the others with None."""
    first, second = (store.runs.create(making.run()) for _ in range(2))
    store.runs.update(first.id, archived=True)
    assert numbers(store) == [second.number]
    assert numbers(store, archived=True) == [first.number]
    assert numbers(store, archived=None) == [second.number, first.number]


def test_a_search_stays_within_its_experiments(store: Store) -> None:
    """An OR cannot leave them."""
    for name in ("a", "b", "c"):
        store.runs.create(making.run(name))
    assert numbers(store, "number = 1 OR number > 0", experiments=["a", "c"]) == [3, 1]
    assert numbers(store, experiments=["nobody's"]) == []


def test_what_a_filter_says_is_a_tree() -> None:
    """MLflow's two spellings of equality are one."""
    assert parse_filter('tags."a b" == "it\'s"') == Compared(Key("tags", "a b", 1), "=", "it's", 15)


@pytest.mark.parametrize(
    ("where", "asked"),
    [
        ("metrics.m > 0.5", {}),
        ("metrics.m > 0.5 AND params.p = 1", {}),
        ("", {"order": ["attributes.start_time DESC"], "experiments": ["e"]}),
        ("", {"order": ["attributes.start_time DESC"]}),
    ],
)
def test_sqlite_reads_in_order_and_never_sorts(
    sqlite_place: Place, where: str, asked: dict[str, Any]
) -> None:
    """An index gives the order, so that a page costs as much as a page, whatever is kept."""
    with sqlite_place.open() as store:
        assert isinstance(store.runs, SqlRuns)
        engine = store.runs._database.engine
        said: list[tuple[str, Any]] = []

        @event.listens_for(engine, "before_cursor_execute")
        def seen(_connection: Any, _cursor: Any, text: str, values: Any, *_rest: Any) -> None:
            said.append((text, values))

        store.runs.search(where, columns=(), **asked)
        text, values = next(one for one in said if "ORDER BY" in one[0])
        with engine.connect() as connection:
            plan = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + text, values).all()
    assert not [row for row in plan if "FOR ORDER BY" in str(row)], plan
