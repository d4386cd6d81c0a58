"""Score a file in batch: the packaged model, on features as of each row's time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from lapwise.core.digest import Digest, digest_value
from lapwise.core.errors import DataError, ModelError, StorageFullError
from lapwise.core.model import KeyPart, Record
from lapwise.data import scan
from lapwise.data.instants import in_utc
from lapwise.features import compute
from lapwise.loop.recipe import Recipe, read_features, read_recipe
from lapwise.loop.tables import take_version
from lapwise.registry import check_served, load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lapwise.core.model import DatasetVersion, ModelVersion
    from lapwise.loop.bootstrap import Workshop
    from lapwise.loop.model import Loop

__all__ = ["SCORING", "Scoring", "Unseen", "score", "score_file"]

SCORING = "scoring"
_TEXT = ("String", "Categorical", "Enum")
_INSTANT = pl.Datetime("us", "UTC")
_TYPES: dict[str, Any] = {
    str(kind): kind for kind in (_INSTANT, pl.Boolean, pl.Date, pl.Float64, pl.Int64, pl.String)
}


class Unseen(Record, frozen=True, kw_only=True):
    """Rows whose value of a text column training never saw; they are scored all the same."""

    column: str
    rows: int


class Scoring(Record, frozen=True, kw_only=True):
    """One batch: who answered what, from which versions of the tables.

    ``rows`` is a Parquet blob with what came in, the features that the model saw, the score and
    the decision. A row's prediction id is the first 16 characters of the batch's digest, a point,
    and the row's place.
    """

    version: str
    rows: Digest
    count: int
    as_of: int
    datasets: tuple[KeyPart, ...]
    unseen: tuple[Unseen, ...] = ()


def score_file(
    workshop: Workshop, version: ModelVersion, source: Path, target: Path, *, loop: Loop | None
) -> Scoring:
    """Score every row of a Parquet or CSV file and write row, time, score, decision and id.

    Args:
        workshop: the project.
        version: who answers.
        source: rows with the columns that a request carries; a time column says as of when.
        target: a Parquet or CSV file, written whole or not at all.
        loop: the page, whose tables are brought up to now first; None takes them as last seen.

    Raises:
        DataError: the file cannot be read, or its rows lack a column or have the wrong type.
        ModelError: the version has no recipe, is never served, or refuses the rows.
        StorageFullError: the target cannot be written.
    """
    check_served(version)
    _check_target(target)
    rows = _read(source, _recipe(workshop, version))
    scored, scoring = score(workshop, version, rows, loop=loop)
    _write(scored, target)
    return scoring


def score(
    workshop: Workshop, version: ModelVersion, rows: pl.DataFrame, *, loop: Loop | None
) -> tuple[pl.DataFrame, Scoring]:
    """Score rows as :func:`score_file`, and return what it would write, with its record."""
    check_served(version)
    store = workshop.store
    recipe = _recipe(workshop, version)
    requests = _requests(rows, recipe, now=workshop.world.now())
    features = read_features(recipe, store.records)
    tables = {view.table.name for view in features if hasattr(view, "table")}
    versions = _versions(workshop, tables, loop)
    frame = compute(
        requests,
        features,
        time=recipe.time,
        tables={name: scan(one, store) for name, one in versions.items()},
    )
    scores = load(version, store.blobs).predict(frame)
    answered = frame.with_columns(_answers(version, scores))
    blob = store.blobs.put(_parquet(answered))
    scoring = Scoring(
        version=version.id,
        rows=blob,
        count=frame.height,
        as_of=workshop.world.now(),
        datasets=tuple(
            KeyPart(name=f"{name}@v{one.number}", digest=one.digest)
            for name, one in sorted(versions.items())
        ),
        unseen=_unseen(frame, recipe),
    )
    digest = digest_value(scoring)
    store.records.add(SCORING, digest, scoring)
    shown = [name for name in (recipe.row, recipe.time) if name in answered.columns]
    return (
        answered.with_row_index("place").select(
            *shown,
            *[one.name for one in _answers(version, scores)],
            pl.lit(f"{version.model} v{version.number}").alias("model_version"),
            pl.format("{}.{}", pl.lit(digest[:16]), "place").alias("prediction_id"),
        ),
        scoring,
    )


def _recipe(workshop: Workshop, version: ModelVersion) -> Recipe:
    if version.lineage.recipe is None:
        raise ModelError(
            f"{version.model} v{version.number} does not say how its inputs are made",
            expected="a version that a lap registered",
            fix="lapwise lap",
        )
    return read_recipe(version.lineage.recipe, workshop.store.records)


def _requests(rows: pl.DataFrame, recipe: Recipe, *, now: int) -> pl.DataFrame:
    """Return the columns of a request, checked; without a time column every row is asked now."""
    missing = [column.name for column in recipe.inputs if column.name not in rows.columns]
    if missing:
        raise DataError(
            "the rows lack what a request must carry",
            value=missing,
            expected=", ".join(column.name for column in recipe.inputs),
            fix="add the columns; nulls are allowed in them",
        )
    if rows.is_empty():
        raise DataError("there are no rows to score", expected="at least one")
    rows = _with_nulls_typed(in_utc(rows.lazy()).collect(), recipe)
    wrong = [
        f"{column.name}: {rows.schema[column.name]}, not {column.dtype}"
        for column in recipe.inputs
        if not _fits(rows.schema[column.name], column.dtype)
    ]
    if wrong:
        raise DataError(
            "columns are of the wrong type", value=wrong, fix="cast them where the file is written"
        )
    if recipe.time not in rows.columns:
        rows = rows.with_columns(pl.lit(now).cast(_INSTANT).alias(recipe.time))
    if not isinstance(rows.schema[recipe.time], pl.Datetime) or rows[recipe.time].null_count():
        raise DataError(
            f"'{recipe.time}' must say when each prediction is made",
            value=str(rows.schema[recipe.time]),
            expected="a datetime with a zone, without nulls",
        )
    if recipe.row not in rows.columns:
        rows = rows.with_row_index(recipe.row)
    wanted = dict.fromkeys([recipe.row, recipe.time, *(c.name for c in recipe.inputs)])
    return rows.select(*wanted)


def _with_nulls_typed(rows: pl.DataFrame, recipe: Recipe) -> pl.DataFrame:
    """Give columns that hold nothing the declared type: a CSV file cannot say it."""
    empty = {column.name for column in rows if column.null_count() == rows.height}
    return rows.with_columns(
        pl.lit(None, _TYPES[column.dtype]).alias(column.name)
        for column in recipe.inputs
        if column.name in empty and column.dtype in _TYPES
    )


def _fits(found: pl.DataType, declared: str) -> bool:
    """Return whether a column may stand for one of the declared type; nulls stand for any."""
    if found == pl.Null or str(found) == declared:
        return True
    if found in (pl.String, pl.Categorical, pl.Enum):
        return declared.startswith(_TEXT)
    numbers = ("Int", "UInt", "Float", "Decimal")
    return found.is_numeric() and declared.startswith(numbers)


def _versions(
    workshop: Workshop, tables: set[str], loop: Loop | None
) -> Mapping[str, DatasetVersion]:
    """Return a version of each table: as known now if there is a page, else as last seen."""
    store = workshop.store
    page = {table.name: table for table in loop.tables} if loop is not None else {}
    return {
        name: take_version(workshop, page[name], watermark=workshop.world.now())
        if name in page
        else store.datasets.get(name)
        for name in sorted(tables)
    }


def _answers(version: ModelVersion, scores: Any) -> list[pl.Series]:
    """Return the columns of an answer: score and decision, or a score for each class."""
    if version.task == "multiclass":
        table = pl.DataFrame(scores, schema=[f"score_{name}" for name in version.classes])
        best = pl.Series("decision", version.classes)[scores.argmax(axis=1)]
        return [*table.get_columns(), best]
    score = pl.Series("score", scores)
    if version.threshold is None:
        return [score]
    return [score, (score >= version.threshold).alias("decision")]


def _unseen(frame: pl.DataFrame, recipe: Recipe) -> tuple[Unseen, ...]:
    found = []
    for seen in recipe.categories:
        values = frame[seen.column]
        count = int((values.is_not_null() & ~values.is_in(seen.values)).sum())
        if count:
            found.append(Unseen(column=seen.column, rows=count))
    return tuple(found)


def _read(path: Path, recipe: Recipe) -> pl.DataFrame:
    """Return the rows of a file; what was text in training is text in a CSV file too."""
    if path.suffix.lower() not in (".parquet", ".csv"):
        raise DataError(
            "a file of a kind that is not read", value=path.name, expected=".parquet or .csv"
        )
    try:
        if path.suffix.lower() == ".parquet":
            return pl.read_parquet(path, glob=False)
        text = {
            column.name: pl.String for column in recipe.inputs if column.dtype.startswith(_TEXT)
        }
        return pl.read_csv(
            path,
            try_parse_dates=True,
            infer_schema_length=10_000,
            glob=False,
            schema_overrides=text,
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(
            f"{path} cannot be read as {path.suffix[1:].upper()}", value=type(error).__name__
        ) from error


def _parquet(frame: pl.DataFrame) -> bytes:
    from io import BytesIO

    buffer = BytesIO()
    frame.rechunk().write_parquet(buffer)
    return buffer.getvalue()


def _check_target(path: Path) -> None:
    if path.suffix.lower() not in (".parquet", ".csv"):
        raise DataError(
            "a file of a kind that is not written", value=path.name, expected=".parquet or .csv"
        )
    if not path.parent.is_dir():
        raise StorageFullError(
            f"cannot write {path}: there is no such folder", fix="make the folder first"
        )


def _write(frame: pl.DataFrame, path: Path) -> None:
    """Write beside the target, then rename: a reader never sees half a file."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.suffix.lower() == ".csv":
            frame.write_csv(partial)
        else:
            frame.write_parquet(partial)
        partial.rename(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        partial.unlink(missing_ok=True)
        raise StorageFullError(
            f"cannot write {path}: {error}", fix="make room, or choose another place"
        ) from error
