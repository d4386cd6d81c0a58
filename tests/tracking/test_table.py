"""Rows of runs fit the terminal and show what differs."""

from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from lapwise.core.model import Metric, Param
from lapwise.store.model import Store
from lapwise.tracking.model import Columns, RunRow
from lapwise.tracking.start import start_run
from lapwise.tracking.table import cells, choose_columns, headers, line, rows


def row(
    number: int = 43,
    metrics: dict[str, float] | None = None,
    params: dict[str, float | str] | None = None,
    flags: tuple[str, ...] = (),
    data: tuple[str, ...] = ("v7",),
) -> RunRow:
    return RunRow(
        run=f"r{number}",
        number=number,
        experiment="e",
        name="",
        status="finished",
        age=7_300.0,
        metrics=tuple(Metric(name=name, value=value) for name, value in (metrics or {}).items()),
        params=tuple(Param(name=name, value=value) for name, value in (params or {}).items()),
        data=data,
        code="a1b9c2",
        flags=flags,
    )


def width(listed: list[RunRow], columns: Columns) -> int:
    table = (headers(listed, columns), *cells(listed, columns))
    sizes = [max(len(text) for text in column) for column in zip(*table, strict=True)]
    return sum(sizes) + 2 * (len(sizes) - 1)


def test_a_run_is_said_in_one_line() -> None:
    """The form the field thinks in, what to beware of at the end."""
    one = row(metrics={"auc": 0.7401}, params={"lr": 0.1})
    assert line(one) == "run 043  auc=0.7401  lr=0.1  data=v7  code=a1b9c2"
    flagged = row(metrics={"auc": 0.74}, flags=("dirty",), data=("v7", "v2"))
    assert line(flagged) == "run 043  auc=0.74  data=v7,v2  code=a1b9c2  (dirty)"
    assert line(one, Columns(metrics=(), params=("lr", "none"))) == (
        "run 043  lr=0.1  data=v7  code=a1b9c2"
    )


def test_a_line_fits_eighty_characters() -> None:
    """With hundreds of values a line shows as many as fit."""
    many = row(metrics={f"metric_{n}": n / 7 for n in range(99)}, params={"lr": 0.1})
    assert 60 < len(line(many)) <= 80
    assert "lr=0.1" in line(many)


def test_what_differs_comes_first() -> None:
    """Columns that differ between the runs win over those that do not."""
    same = {f"same_{n:02d}": 1.0 for n in range(30)}
    listed = [row(n, {**same, "zz": n / 10}, {**same, "zp": n}) for n in range(3)]
    columns = choose_columns(listed)
    assert columns.metrics[0] == "zz"
    assert columns.params[0] == "zp"
    assert width(listed, columns) <= 80
    assert len(columns.metrics) + len(columns.params) >= 4


def test_what_most_runs_have_comes_before_the_rest() -> None:
    """Of two that differ the one that more runs have comes first."""
    listed = [row(n, {"rare": 1.0, "common": n} if n == 0 else {"common": n}) for n in range(4)]
    assert choose_columns(listed).metrics == ("common", "rare")


def test_a_wide_column_is_passed_over() -> None:
    """One that does not fit does not keep back the next."""
    listed = [row(n, {"x" * 70: n, "auc": n / 3}) for n in range(2)]
    assert choose_columns(listed).metrics == ("auc",)


names = st.text("abcdefgh_", min_size=1, max_size=30)
values = st.floats(allow_nan=True, allow_infinity=True)
listings = st.lists(
    st.builds(
        row,
        number=st.integers(1, 99_999),
        metrics=st.dictionaries(names, values, max_size=8),
        params=st.dictionaries(names, st.one_of(values, st.text(max_size=40)), max_size=8),
        flags=st.sampled_from([(), ("dirty",), ("dirty", "unseeded")]),
    ),
    max_size=5,
)


@given(listings)
def test_a_table_always_fits(listed: list[RunRow]) -> None:
    """Whatever runs hold, the chosen columns fit 80 characters, and each row has every cell."""
    columns = choose_columns(listed)
    assert width(listed, columns) <= 80
    assert all(len(texts) == len(headers(listed, columns)) for texts in cells(listed, columns))


def test_rows_of_real_runs(store: Store, root: Path) -> None:
    """Rows hold what was logged, newest first as listed, with age and flags."""
    for rate in (0.1, 0.2):
        with start_run("e", store=store, root=root, params={"lr": rate}) as run:
            run.log_metric("auc", 0.7)
    started = store.runs.get("2").started
    newest, oldest = rows(store, store.runs.list(), now=started + 90_000_000)
    assert (newest.number, oldest.number) == (2, 1)
    assert newest.age == 90.0
    assert newest.flags == ("no-git", "unpinned", "unseeded")
    assert newest.metrics[0].value == 0.7
    assert cells([newest], Columns(metrics=("auc",), params=("lr",)))[0][:5] == (
        "002",
        "finished",
        "1m",
        "0.7",
        "0.2",
    )


def test_parts_of_a_run_are_marked_and_their_whole_is_named(store: Store, root: Path) -> None:
    """Also where the whole is not in the list."""
    with start_run("e", store=store, root=root) as run, run.child("fold 1") as part:
        pass
    found = rows(store, [part.record])
    assert [(row.parent, row.part_of) for row in found] == [(run.id, run.number)]
    columns = Columns(metrics=(), params=())
    assert headers(found, columns)[:3] == ("run", "name", "status")
    assert cells(found, columns)[0][:3] == ("└ 002", "fold 1", "running")


def test_names_and_experiments_give_way_to_what_was_measured() -> None:
    """Where several experiments are listed each row says its own, if there is room."""
    two = [row(1, {"auc": 0.7, "f1": 0.6}), row(2, {"auc": 0.8, "f1": 0.5})]
    listed = [
        msgspec.structs.replace(one, name=f"name {one.number}", experiment=f"e{one.number}")
        for one in two
    ]
    shown = headers(listed, choose_columns(listed, 80))
    assert shown == ("run", "name", "experiment", "status", "age", "auc", "f1", "data", "code")
    assert "name" not in headers(listed, choose_columns(listed, 60))
    assert headers(listed, choose_columns(listed, 41)) == (
        "run",
        "status",
        "age",
        "auc",
        "data",
        "code",
    )
