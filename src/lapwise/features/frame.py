"""The feature frame: all features of all examples, stored once under the digest of its bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec
import polars as pl

from lapwise.core.digest import digest_value
from lapwise.core.errors import FeatureError
from lapwise.core.model import Column, DatasetVersion, FeatureFrame, KeyPart, Metric
from lapwise.core.protocols import Executor, Progress, SilentProgress
from lapwise.features.definition import keep_definition
from lapwise.features.expressions.demand import OnDemand
from lapwise.features.expressions.proof import prove_elementwise
from lapwise.features.model import FeatureView
from lapwise.features.offline.join import MEMORY, point_in_time
from lapwise.features.order import check_order, given_by
from lapwise.features.summary import keep_summary
from lapwise.store.model import Store

__all__ = ["Feature", "build_frame", "compute", "feature_names", "read_frame"]

Feature: TypeAlias = FeatureView | OnDemand | str
"""A view, on-demand features, or the name of an input column."""

_PROVEN_ROWS = 32


def compute(
    examples: pl.DataFrame,
    features: Sequence[Feature],
    *,
    time: str,
    tables: Mapping[str, pl.LazyFrame],
    memory: int = MEMORY,
    known: bool = False,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> pl.DataFrame:
    """Add features to examples, in the order of their declaration; inputs are there already.

    On-demand features read columns of the examples, and features declared before them.

    Args:
        examples: rows with the time, the entities and the inputs.
        features: what to compute.
        time: the examples' column of prediction times.
        tables: for each table's name all its rows.
        memory: as in :func:`~lapwise.features.offline.join.point_in_time`.
        known: as in :func:`~lapwise.features.offline.join.point_in_time`.
        progress: where to show how far it has come, one unit a declared feature.
        executor: as in :func:`~lapwise.features.offline.join.point_in_time`.

    Raises:
        FeatureError: a column is missing, or a name is given twice.
        DeclarationError: an on-demand feature reads one that is declared after it.
        DataError: a table cannot be read.
    """
    feature_names(features)
    check_order(features)
    task = (progress or SilentProgress()).task("features", total=len(features))
    added: list[pl.Series] = []
    for feature in features:
        if isinstance(feature, FeatureView):
            wide = point_in_time(
                examples,
                [feature],
                time=time,
                tables=tables,
                memory=memory,
                known=known,
                executor=executor,
            )
            added.extend(wide.get_columns()[examples.width :])
        elif isinstance(feature, OnDemand):
            _refuse_taken(feature, examples)
            added.extend(feature.compute(_read(feature, examples, added)).get_columns())
        else:
            _check_column(examples, feature, "the examples have no input column")
        task.advance()
    task.done()
    return examples.hstack(added)


def feature_names(features: Sequence[Feature]) -> tuple[str, ...]:
    """Return the names of all features in the order of their declaration.

    Raises:
        FeatureError: a name is given twice.
    """
    names = [name for feature in features for name in given_by(feature)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FeatureError(
            "a feature is declared twice", value=twice[0], expected="a name of its own for each"
        )
    return tuple(names)


def build_frame(
    examples: pl.DataFrame,
    features: Sequence[Feature],
    *,
    time: str,
    row: str,
    tables: Mapping[str, pl.LazyFrame],
    datasets: Mapping[str, DatasetVersion],
    store: Store,
    progress: Progress | None = None,
    memory: int = MEMORY,
) -> FeatureFrame:
    """Compute the features of examples and keep them as one Parquet blob.

    Its columns are ``row``, ``time``, the features, and for each view ``<view>__known``, the
    latest known time of a row that it showed. Equal examples, features and tables give equal
    bytes. The frame's record, how its features are spread, and the definitions of its views, are kept
    in the store's records.

    Args:
        examples: one row an example.
        features: views, on-demand features and names of input columns, in order.
        time: the column of prediction times.
        row: the column that names an example.
        tables: for each table's name all rows of its version.
        datasets: for each table's name the version that ``tables`` reads.
        store: where the frame is kept.
        progress: where to show how far it has come.
        memory: as in :func:`~lapwise.features.offline.join.point_in_time`.

    Raises:
        FeatureError: the features cannot be computed from these examples and tables, or an
            on-demand feature of one row is not proven to be what it is among many.
        DeclarationError: an on-demand feature reads one that is declared after it.
        DataError: a table cannot be read.
    """
    _check_column(examples, row, "the examples have no column that names a row")
    check_order(features)
    demands = [feature for feature in features if isinstance(feature, OnDemand)]
    derived = [one for one in demands if not set(one.inputs) <= set(examples.columns)]
    _prove([one for one in demands if one not in derived], examples)  # before what takes long
    wide = compute(
        examples, features, time=time, tables=tables, memory=memory, known=True, progress=progress
    )
    _prove(derived, wide)
    names = feature_names(features)
    views = [feature for feature in features if isinstance(feature, FeatureView)]
    known = [f"{view.name}__known" for view in views]
    whole = wide.select(*dict.fromkeys((row, time, *names, *known))).rechunk()
    with tempfile.TemporaryDirectory(prefix="lapwise-") as folder:
        path = Path(folder) / "frame.parquet"
        whole.write_parquet(path, compression="zstd", row_group_size=1 << 18)
        blob = store.blobs.put_file(path)
    read = sorted({view.table.name for view in views} & set(datasets))
    frame = FeatureFrame(
        digest="",
        blob=blob,
        rows=whole.height,
        columns=tuple(
            Column(name=name, dtype=str(dtype), nullable=whole[name].null_count() > 0)
            for name, dtype in whole.schema.items()
        ),
        features=names,
        views=tuple(
            KeyPart(name=feature.name, digest=keep_definition(feature, store))
            for feature in features
            if not isinstance(feature, str)
        ),
        datasets=tuple(KeyPart(name=name, digest=datasets[name].digest) for name in read),
        null_shares=tuple(
            Metric(name=name, value=whole[name].null_count() / max(whole.height, 1))
            for name in names
        ),
    )
    frame = msgspec.structs.replace(frame, digest=digest_value(frame))
    store.records.add("feature_frame", frame.digest, frame)
    keep_summary(frame.digest, whole, names, time=time, store=store)
    return frame


def read_frame(frame: FeatureFrame, store: Store) -> pl.DataFrame:
    """Return a stored frame.

    Raises:
        NotFoundError: its blob is gone.
        CorruptError: its bytes have changed.
    """
    return pl.read_parquet(store.blobs.path(frame.blob), glob=False)


def _read(feature: OnDemand, examples: pl.DataFrame, added: Sequence[pl.Series]) -> pl.DataFrame:
    """Return the examples with the features that an on-demand feature reads."""
    read = [column for column in added if column.name in feature.inputs]
    return examples.hstack(read) if read else examples


def _prove(demands: Sequence[OnDemand], rows: pl.DataFrame) -> None:
    sample = rows.gather_every(max(rows.height // _PROVEN_ROWS, 1)).head(_PROVEN_ROWS)
    for demand in demands:
        prove_elementwise(demand, sample)
        prove_elementwise(demand, sample.clear())  # as a server does when it opens a version


def _check_column(examples: pl.DataFrame, column: str, thing: str) -> None:
    if column not in examples.columns:
        raise FeatureError(
            thing, value=column, expected=f"one of {', '.join(examples.columns)[:160]}"
        )


def _refuse_taken(feature: OnDemand, examples: pl.DataFrame) -> None:
    for output in feature.outputs:
        if output in examples.columns:
            raise FeatureError(
                f"on-demand feature '{feature.name}': the name is taken by a column of the examples",
                value=output,
                expected="a name of its own for each feature",
            )
