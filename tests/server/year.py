"""A plausible year of a product in use, as records in a real store."""

from __future__ import annotations

import msgspec

from lapwise.core.clock import parse_time
from lapwise.core.digest import digest_bytes
from lapwise.core.ids import new_id
from lapwise.core.lap import Lap, LapStep
from lapwise.core.model import (
    Column,
    KeyPart,
    Lineage,
    Metric,
    ModelVersion,
    Param,
    Run,
    Signature,
    Split,
    SplitPart,
    Verdict,
)
from lapwise.store.model import AuditDraft, Store
from tests.server.featured import fill_features, views_of
from tests.server.seen import DAY, FEATURES, MODEL, make_reference, observe, raise_alarms
from tests.server.ways import TRIPS, Trip, approve, deploy


def fill(store: Store) -> None:
    """Fill an empty store with the year."""
    fates: list[tuple[ModelVersion, Trip]] = []
    for trip in TRIPS:
        version = _go_round(store, trip)
        if version is not None and trip.state == "approved":
            approve(store, version, trip)
            fates.append((version, trip))
    fill_features(store, [version for version, _ in fates])
    deploy(store, fates)
    observe(store, [version for version, _ in fates])
    raise_alarms(store, [version for version, _ in fates])


def _digest(text: str) -> str:
    return digest_bytes(text.encode())


def _go_round(store: Store, trip: Trip) -> ModelVersion | None:
    at = parse_time(trip.at)
    lap = store.laps.create(
        Lap(
            id=new_id(),
            number=0,
            loop=MODEL,
            trigger=trip.trigger,
            as_of=at,
            state="running",
            started=at,
        )
    )
    if trip.state == "failed":
        error = "StepError: step 'train' raised ValueError: found array with 0 rows"
        store.laps.update(
            msgspec.structs.replace(
                lap, state="failed", seconds=4.2, steps=_steps(lap.number)[:3], error=error
            )
        )
        return None
    run = store.runs.create(
        Run(id=new_id(), number=0, experiment=MODEL, status="running", started=at, lap=lap.id)
    )
    metrics = _metrics(trip.auc)
    store.runs.log(
        run.id,
        params=[Param(name="learning_rate", value=0.05), Param(name="max_iter", value=150)],
        metrics=metrics,
    )
    store.runs.finish(run.id, "finished", at + 9_000_000)
    version = store.models.add(
        _version(run, lap, at),
        AuditDraft(at=at, actor="policy:gates", action="register", subject=MODEL),
    )
    store.records.add("reference", version.id, make_reference(version))
    store.laps.update(
        msgspec.structs.replace(
            lap,
            state="waiting" if trip.state == "approved" else trip.state,
            seconds=23.4 if lap.number == 1 else 11.2 + lap.number,
            steps=_steps(lap.number),
            verdicts=_verdicts(trip),
            metrics=metrics,
            decision="gate G002 failed" if trip.state == "refused" else "waits for a person",
            decided_by="gates",
            run=run.id,
            version=version.id,
            split=_split(at),
        )
    )
    return version


def _steps(number: int) -> tuple[LapStep, ...]:
    names = (
        ("collect", 1.2), ("leakage", 0.4), ("features", 5.1), ("fit", 6.3), ("evaluate", 0.9),
        ("reproduce", 7.7), ("latency", 1.1), ("judge", 0.3),
    )  # fmt: skip
    return tuple(
        LapStep(
            name=name,
            key=_digest(f"{name}{number}"),
            reused=number > 1 and name in ("collect", "leakage"),
            seconds=seconds,
        )
        for name, seconds in names
    )


def _metrics(auc: float) -> tuple[Metric, ...]:
    return (
        Metric(name="roc_auc", value=auc),
        Metric(name="average_precision", value=auc - 0.29),
        Metric(name="log_loss", value=0.92 - 0.63 * auc),
        Metric(name="recall", value=0.41),
    )


def _split(at: int) -> Split:
    return Split(
        digest=_digest(f"split{at}"),
        kind="time",
        parts=(
            SplitPart(name="train", rows=60_412, start=at - 90 * DAY, end=at - 22 * DAY),
            SplitPart(name="validation", rows=6_210, start=at - 22 * DAY, end=at - 15 * DAY),
            SplitPart(name="test", rows=12_833, start=at - 15 * DAY, end=at - DAY),
        ),
        assignment=_digest("assignment"),
    )


def _verdicts(trip: Trip) -> tuple[Verdict, ...]:
    origins = (
        ("EWR", 0.004, -0.004, 0.012),
        ("JFK", 0.001, -0.009, 0.011),
        ("LGA", -0.003, -0.014, 0.008),
    )
    refused = trip.state == "refused"
    return (
        Verdict(gate="G001", name="no leakage", status="passed", sentence="Ten rules found nothing that blocks."),
        Verdict(
            gate="G002", name="log_loss better than production", status="failed" if refused else "passed",
            sentence="Log loss is " + ("not shown to be lower by 0.002." if refused else "lower by 0.006, at least 0.003."),
            measured=0.0004 if refused else 0.006, limit=0.002, low=-0.002 if refused else 0.003,
            high=0.003 if refused else 0.009, confidence=0.95, rows=12_833,
        ),
        Verdict(
            gate="G003", name="roc_auc no worse by origin", status="passed", sentence="No origin lost more than 0.02.",
            measured=-0.003, limit=-0.02, low=-0.014, high=0.008, confidence=0.95, rows=12_833,
            parts=tuple(
                Verdict(gate="G003", name=name, status="passed", sentence="", measured=measured, limit=-0.02, low=low, high=high, rows=4_000)
                for name, measured, low, high in origins
            ),
        ),
        Verdict(gate="G006", name="latency p99", status="passed", sentence="p99 is 1.9 ms.", measured=1.9, limit=10.0),
        Verdict(gate="G007", name="reproducible", status="passed", sentence="A second training gave the same model, to the bit."),
        Verdict(gate="G005", name="gap across origin", status="cannot_tell", sentence="Too few rows at LGA to bound the gap.",
                measured=0.21, limit=0.35, low=0.02, high=0.42, confidence=0.95, rows=2_204),
    )  # fmt: skip


def _version(run: Run, lap: Lap, at: int) -> ModelVersion:
    inputs = tuple(
        Column(name=name, dtype="String" if bins.kind == "text" else "Float32")
        for name, bins in FEATURES.items()
        if name != "score"
    )
    return ModelVersion(
        id=new_id(),
        model=MODEL,
        number=0,
        digest=_digest(f"model{run.id}"),
        format="skops",
        serving="onnx",
        parity="ONNX gives the same scores to 2.1e-07 on 5,600 rows.",
        artifacts=(),
        signature=Signature(inputs=inputs, outputs=(Column(name="score", dtype="Float64"),)),
        lineage=Lineage(
            run=run.id,
            lap=lap.id,
            datasets=(
                KeyPart(name="flights@v3", digest=_digest("flights")),
                KeyPart(name="arrivals@v3", digest=_digest("arrivals")),
                KeyPart(name="weather@v2", digest=_digest("weather")),
            ),
            split=_digest(f"split{at}"),
            frame=_digest(f"frame{at}"),
            views=views_of(lap.number),
            code=_digest("code"),
            commit="a1b9c2d4e5f60718293a4b5c6d7e8f9001122334",
            environment=_digest("environment"),
            seed=7,
            trained_until=at - 15 * DAY,
        ),
        task="binary",
        classes=("False", "True"),
        threshold=0.274,
        created=at + 30_000_000,
    )
