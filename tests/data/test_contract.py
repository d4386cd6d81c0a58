"""Contracts: which rules, how many rows, which keys, and no data."""

from pathlib import Path
from typing import Any

import dataframely as dy
import msgspec
import polars as pl
import pytest

from lapwise.core.digest import Digest, digest_bytes
from lapwise.core.errors import ContractError, DataError, DeclarationError, StepError
from lapwise.data.contract import check
from lapwise.data.snapshot import snapshot
from lapwise.store.model import Store
from tests.data.worlds import ARRIVALS, HOUR, arrivals

LATE = 1_000 * HOUR


class Arrival(dy.Schema):
    delay = dy.Float64(nullable=True, min=-120, max=2_000)

    @dy.rule()
    def told_after_arrival(cls) -> pl.Expr:  # noqa: N805 (a dataframely rule)
        return pl.col("delay") != 13


FRAME = arrivals(
    [(n, n, n + 1.0, delay) for n, delay in enumerate([0, -500, -600, 13, None, 3_000])]
)
TABLE = msgspec.structs.replace(ARRIVALS, contract=Arrival)


def test_failures_are_counted_by_rule_with_keys() -> None:
    """Each broken rule comes with its rows and their keys, though the contract names no key."""
    report = check(TABLE, FRAME)
    found = {failure.rule: (failure.rows, failure.examples) for failure in report.failures}
    assert (report.rows, report.contract) == (6, "Arrival")
    assert found == {
        "delay|min": (2, ("flight=1", "flight=2")),
        "delay|max": (1, ("flight=5",)),
        "told_after_arrival": (1, ("flight=3",)),
    }


def test_a_satisfied_contract_reports_nothing() -> None:
    """Rows that satisfy every rule, and a table without a contract, have no failures."""
    assert check(TABLE, FRAME.head(1).lazy()).failures == ()
    assert check(ARRIVALS, FRAME).failures == ()


def test_a_million_broken_rows_are_told_in_a_few_lines(store: Store, tmp_path: Path) -> None:
    """The error counts all rows, shows at most five keys a rule, and shows no value of the data."""
    count = 100_000
    frame = arrivals([(n, n / 1_000, n / 1_000 + 1, -777.25) for n in range(count)])
    frame.write_parquet(tmp_path / "arrivals.parquet")
    with pytest.raises(ContractError, match="breaks 1 rule") as error:
        snapshot(TABLE, store, root=tmp_path, watermark=LATE)
    text = str(error.value)
    assert "delay|min: 100,000 rows (such as flight=0; " in text
    assert text.count("flight=") == 5
    assert "777" not in text
    assert store.datasets.list() == []


def test_a_contract_may_be_a_function(store: Store, tmp_path: Path) -> None:
    """A function that returns the schema keeps dataframely off the page."""

    def lazily() -> type[dy.Schema]:
        return Arrival

    table = msgspec.structs.replace(ARRIVALS, contract=lazily)
    assert len(check(table, FRAME).failures) == 3


def test_a_column_of_the_contract_that_is_missing_is_named() -> None:
    """That no row can satisfy the contract is another error than that some do not."""
    with pytest.raises(
        DataError, match="does not have the columns of its contract Arrival"
    ) as error:
        check(TABLE, FRAME.drop("delay"))
    assert "delay" in str(error.value)
    assert not isinstance(error.value, ContractError)


def test_a_column_of_another_type_than_the_contract_says_is_named() -> None:
    """Types are not cast silently."""
    with pytest.raises(DataError, match="invalid dtype"):
        check(TABLE, FRAME.with_columns(pl.col("delay").cast(pl.String)))


def test_a_rule_that_raises_is_the_users_error() -> None:
    """An expression that cannot run is a mistake on the page."""

    class Broken(dy.Schema):
        delay = dy.Float64(nullable=True)

        @dy.rule()
        def impossible(cls) -> pl.Expr:  # noqa: N805 (a dataframely rule)
            return pl.col("delay").str.len_chars() > 1

    with pytest.raises(StepError, match="contract Broken of table 'arrivals' raised"):
        check(msgspec.structs.replace(ARRIVALS, contract=Broken), FRAME)


def test_what_is_no_schema_is_refused() -> None:
    """Any class is not a contract."""
    with pytest.raises(DeclarationError, match="not a dataframely schema"):
        check(msgspec.structs.replace(ARRIVALS, contract=int), FRAME)


def test_a_stricter_contract_is_checked_on_an_old_version(store: Store, tmp_path: Path) -> None:
    """A contract is checked once for a version and its code, and again when the code changes."""
    FRAME.write_parquet(tmp_path / "arrivals.parquet")
    checked: list[int] = []

    class Loose(dy.Schema):
        delay = dy.Float64(nullable=True)

        @dy.rule()
        def seen(cls) -> pl.Expr:  # noqa: N805 (a dataframely rule)
            checked.append(1)
            return pl.col("delay").is_null() | pl.col("delay").is_not_null()

    def by_name(function: Any) -> Digest:
        return digest_bytes(function.__name__.encode())

    def take(contract: type[dy.Schema]) -> int:
        table = msgspec.structs.replace(ARRIVALS, contract=contract)
        return snapshot(table, store, root=tmp_path, watermark=LATE, fingerprint=by_name).number

    assert take(Loose) == 1
    times = len(checked)
    assert times > 0
    assert take(Loose) == 1
    assert len(checked) == times
    with pytest.raises(ContractError):
        take(Arrival)
