"""Check a table's contract: which rules are broken, by how many rows, and by which keys."""

from __future__ import annotations

from typing import Any

import polars as pl

from lapwise.core.declaration import Table
from lapwise.core.errors import ContractError, DataError, DeclarationError, StepError
from lapwise.data.model import ContractReport, RuleFailure
from lapwise.data.read import key_text

__all__ = ["check", "require_contract"]


def check(table: Table, frame: pl.DataFrame | pl.LazyFrame) -> ContractReport:
    """Return which rules of ``table.contract`` the rows break.

    The contract is a ``dataframely.Schema`` class, or a function without arguments that returns
    one, so that a page need not import dataframely (which loads SQLAlchemy) to be declared.
    Columns that it does not name are not looked at; a column that it names and that is missing, or
    has another type, is an error before any row is.

    Args:
        table: its name, key and contract.
        frame: rows as :func:`lapwise.data.read.scan` gives them.

    Raises:
        DataError: a column of the contract is missing or has another type.
        DeclarationError: the contract is not a dataframely schema.
        StepError: a rule raised.
    """
    rows = int(frame.lazy().select(pl.len()).collect().item())
    contract = _schema(table)
    if contract is None:
        return ContractReport(table=table.name, contract="", rows=rows)
    from dataframely import exc

    # Keys that the contract does not name are carried along, so that broken rows can be named.
    keyed = _with_keys(contract, table)
    try:
        failure = keyed.filter(frame.lazy().collect()).failure
        counts = failure.counts()
        details = failure.details() if counts else pl.DataFrame()
    except exc.SchemaError as error:
        raise DataError(
            f"table '{table.name}' does not have the columns of its contract {contract.__name__}",
            value=str(error).splitlines()[0],
            expected="the columns and types that the contract names",
            fix=f"correct the data, or class {contract.__name__} on the page",
        ) from error
    except Exception as error:
        raise StepError(
            f"contract {contract.__name__} of table '{table.name}' raised {type(error).__name__}",
            value=str(error).splitlines()[0],
            fix=f"mend the rules of class {contract.__name__}",
        ) from error
    failures = tuple(
        RuleFailure(
            rule=rule,
            rows=count,
            examples=key_text(details.filter(pl.col(rule) == "invalid"), table.keys),
        )
        for rule, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    )
    return ContractReport(
        table=table.name, contract=contract.__name__, rows=rows, failures=failures
    )


def require_contract(table: Table, frame: pl.DataFrame | pl.LazyFrame) -> None:
    """Raise ContractError, naming at most five rules, unless every row satisfies the contract."""
    report = check(table, frame)
    if not report.failures:
        return
    lines = [
        f"{failure.rule}: {failure.rows:,} rows (such as {'; '.join(failure.examples)})"
        for failure in report.failures[:5]
    ]
    if len(report.failures) > len(lines):
        lines.append(f"and {len(report.failures) - len(lines)} more rules")
    broken = len(report.failures)
    raise ContractError(
        f"table '{table.name}' breaks {broken} {'rule' if broken == 1 else 'rules'} of its contract"
        f" {report.contract}\n    " + "\n    ".join(lines),
        expected=f"all of {report.rows:,} rows to satisfy {report.contract}",
        fix=f"correct these rows, or the rules of class {report.contract} on the page",
    )


def _schema(table: Table) -> Any:
    contract: Any = table.contract
    if contract is not None and not isinstance(contract, type):
        contract = contract()
    if contract is not None and not callable(getattr(contract, "filter", None)):
        raise DeclarationError(
            f"the contract of table '{table.name}' is not a dataframely schema",
            value=getattr(contract, "__name__", contract),
            expected="class Arrival(dy.Schema): ..., or a function that returns one",
        )
    return contract


def _with_keys(contract: Any, table: Table) -> Any:
    import dataframely as dy

    named = contract.column_names()
    extra = {name: dy.Any() for name in table.keys if name not in named}
    return type(contract)(contract.__name__, (contract,), extra) if extra else contract
