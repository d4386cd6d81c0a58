"""The demonstration: a product on real flights, from raw data to answers and back to their source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from lapwise.core.clock import parse_time
from lapwise.core.errors import StageError
from lapwise.core.model import Metric, Record
from lapwise.data import build_examples
from lapwise.data.snapshot import snapshot
from lapwise.loop.bootstrap import Workshop, open_workshop
from lapwise.loop.init import start_project
from lapwise.loop.lap import lap
from lapwise.loop.page import load_page
from lapwise.loop.project import find_project
from lapwise.loop.score import Scoring, score_file
from lapwise.loop.steps.judge import measure
from lapwise.loop.trace import trace
from lapwise.registry import TraceLine, approve

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from lapwise.core.model import Lap, ModelVersion
    from lapwise.core.protocols import Progress

__all__ = ["APPROVER", "Demo", "Week"]

APPROVER = "policy:demo"
_FIRST = "2013-04-01"
_WEEK_END = "2013-04-08"
_LABELS_KNOWN = "2013-04-10"


class Week(Record, frozen=True, kw_only=True):
    """A week of answers; ``metrics`` are over the rows whose label came in the two days after."""

    scoring: Scoring
    labelled: int
    base_rate: float
    metrics: tuple[Metric, ...]
    trace: tuple[TraceLine, ...]


class Demo:
    """Real flights in a project of their own, step by step, so that each can be shown.

    Args:
        folder: the project; made from the example if it is not there, gone on with if it is.
        progress: where to show how far work has come.
    """

    def __init__(self, folder: Path, progress: Progress) -> None:
        if not (folder / "page.py").exists():
            start_project(folder, "flights")
        self.folder = folder
        self._progress = progress
        page = find_project(folder).page or "page.py"
        self.loop = load_page(page, folder)

    def first_lap(self) -> Lap:
        """Go round once on what was known by 1 April 2013."""
        with self._at(_FIRST) as workshop:
            return lap(workshop, self.loop)

    def approve(self, line: Lap) -> ModelVersion:
        """Approve what the lap registered, in the name of the demo's policy.

        Raises:
            StageError: the gates did not pass it.
        """
        with self._at(_FIRST) as workshop:
            version = workshop.store.models.get(line.version or "")
            if version.stage in ("canary", "production"):
                return version
            if line.state != "waiting":
                raise StageError(
                    f"{version.model} v{version.number} did not pass its gates",
                    value=line.decision,
                    fix=f"cd {self.folder} && lapwise laps {line.number}",
                )
            return approve(
                workshop.store, version, by=APPROVER, at=workshop.world.now(), note="lapwise demo"
            )

    def week(self, version: ModelVersion) -> Week:
        """Answer for every flight of April's first week, and measure when the labels are known."""
        asked, answered = self.folder / "april.parquet", self.folder / "scored.parquet"
        with self._at(_WEEK_END) as workshop:
            self._flights(workshop, _FIRST, _WEEK_END).write_parquet(asked)
            scoring = score_file(workshop, version, asked, answered, loop=self.loop)
        with self._at(_LABELS_KNOWN) as workshop:
            scored = pl.read_parquet(answered, glob=False)
            row = self.loop.examples.row
            labelled = self._flights(workshop, _FIRST, _WEEK_END).drop_nulls("label")
            judged = labelled.select(row, part=pl.lit("test")).join(
                scored.select(row, "score", "decision"), on=row, how="inner"
            )
            metrics = measure(
                self.loop.metrics, labelled, judged, version.threshold, version.classes, row
            )
            return Week(
                scoring=scoring,
                labelled=judged.height,
                base_rate=float(labelled["label"].mean()),  # type: ignore[arg-type]
                metrics=tuple(metrics),
                trace=trace(workshop.store, scored["prediction_id"][0]),
            )

    def _flights(self, workshop: Workshop, start: str, end: str) -> pl.DataFrame:
        """Return the flights predicted between two instants, with labels as known by now."""
        examples = self.loop.examples
        versions = {
            table.name: snapshot(
                table,
                workshop.store,
                root=self.folder,
                watermark=workshop.world.now(),
                progress=self._progress,
                fingerprint=workshop.engine.fingerprint,
            )
            for table in {
                examples.table.name: examples.table,
                examples.label.table.name: examples.label.table,
            }.values()
        }
        found = build_examples(examples, versions, workshop.store, as_of=workshop.world.now())
        instant = pl.col("time").to_physical()
        return found.filter(
            instant.is_between(parse_time(start), parse_time(end), closed="left")
        ).with_columns(pl.col("time").alias(examples.time))

    def _at(self, text: str) -> AbstractContextManager[Workshop]:
        return open_workshop(
            self.folder,
            as_of=parse_time(text),
            progress=self._progress,
            trusted=self.loop.trusted,
        )
