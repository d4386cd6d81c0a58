"""A comparison shows what differs and counts what does not."""

from pathlib import Path

import pytest

from lapwise.core.errors import NotFoundError, TrackingError
from lapwise.core.model import Capture, DatasetVersion, KeyPart, Metric, Param, Run
from lapwise.store.model import Store
from lapwise.tracking.comparison import compare
from lapwise.tracking.model import Difference, Same
from lapwise.tracking.start import start_run


def captured(store: Store, **changes: object) -> Capture:
    settings: dict[str, object] = {
        "commit": "a1b9c2" + "0" * 34, "dirty": False, "patch": None,
        "packages": store.blobs.put(b"numpy==2.0\npolars==2.1\n"), "environment": "e" * 64,
        "python": "CPython 3.11.7", "platform": "Linux", "cpu": "EPYC", "cores": 2,
        "memory": 8_000, "threads": (), "seed": 7, "command": ("train.py",),
    }  # fmt: skip
    return Capture(**{**settings, **changes})  # type: ignore[arg-type]


def add(store: Store, name: str, capture: Capture | None, **params: float) -> Run:
    run = store.runs.create(
        Run(id=name, number=0, experiment="e", status="finished", started=1, capture=capture)
    )
    logged = [Param(name=key, value=value) for key, value in params.items()]
    store.runs.log(name, params=logged, metrics=[Metric(name="auc", value=0.7)])
    return run


def dataset(store: Store, digest: str) -> DatasetVersion:
    return store.datasets.add(
        DatasetVersion(
            id=digest[:3], table="flights", number=0, digest=digest, parts=(), columns=(),
            statistics=(), rows=0, watermark=0, key=("k",), event="e", known="e",
            event_minimum=None, event_maximum=None, source="s", created=0,
        )
    )  # fmt: skip


def test_differences_come_in_the_order_of_likely_causes(store: Store) -> None:
    """Parameters, code, data, packages, seed, hardware differ and are shown; the rest is counted."""
    for digest in ("1" * 64, "2" * 64):
        dataset(store, digest)
    add(store, "r1", captured(store, datasets=(KeyPart(name="flights", digest="1" * 64),)), lr=0.1)
    add(
        store,
        "r2",
        captured(
            store,
            commit="b" * 40,
            packages=store.blobs.put(b"numpy==2.0\npolars==2.2\nxgboost==3.0\n"),
            datasets=(KeyPart(name="flights", digest="2" * 64),),
            seed=None,
            cpu="Xeon",
        ),
        lr=0.2,
        depth=3,
    )
    found = compare(store, ["r1", "2"])
    assert [run.id for run in found.runs] == ["r1", "r2"]
    assert found.different == (
        Difference(kind="param", name="depth", values=(None, 3)),
        Difference(kind="param", name="lr", values=(0.1, 0.2)),
        Difference(kind="code", name="commit", values=("a1b9c2000000", "b" * 12)),
        Difference(kind="data", name="flights", values=("v1", "v2")),
        Difference(kind="package", name="polars", values=("2.1", "2.2")),
        Difference(kind="package", name="xgboost", values=(None, "3.0")),
        Difference(kind="seed", name="seed", values=(7, None)),
        Difference(kind="hardware", name="cpu", values=("EPYC", "Xeon")),
    )
    assert found.same == (
        Same(kind="metric", count=1),
        Same(kind="package", count=1),
        Same(kind="environment", count=2),
        Same(kind="hardware", count=2),
    )


def test_values_of_different_types_differ(store: Store) -> None:
    """1, 1.0 and True are three values; NaN equals itself."""
    for name, value in (("r1", 1), ("r2", 1.0), ("r3", True)):
        add(store, name, None, p=value, nan=float("nan"))
    found = compare(store, ["r1", "r2", "r3"])
    (difference,) = found.different
    assert (difference.name, difference.values) == ("p", (1, 1.0, True))


def test_a_run_without_a_capture_is_compared_by_what_it_has(store: Store) -> None:
    """A run that was not captured has None where the other has values."""
    add(store, "r1", captured(store))
    add(store, "r2", None)
    kinds = {one.kind for one in compare(store, ["r1", "r2"]).different}
    assert kinds == {"code", "package", "seed", "environment", "hardware"}


def test_an_unknown_dataset_shows_its_digest(store: Store) -> None:
    """A version that the store does not have is named by how its digest begins."""
    add(store, "r1", captured(store, datasets=(KeyPart(name="t", digest="9" * 64),)))
    add(store, "r2", captured(store))
    (difference,) = compare(store, ["r1", "r2"]).different
    assert difference == Difference(kind="data", name="t", values=("999999", None))


def test_runs_of_one_place_differ_in_nothing(store: Store, root: Path) -> None:
    """Two real runs of the same code differ only in what they were given."""
    for rate in (0.1, 0.2):
        with start_run("e", store=store, root=root, seed=7, params={"lr": rate}) as run:
            run.log_metric("loss", 1.0)
    (difference,) = compare(store, ["1", "2", "1"]).different
    assert difference == Difference(kind="param", name="lr", values=(0.1, 0.2))


def test_what_the_machine_did_is_counted_unless_it_is_asked_for(store: Store) -> None:
    for name, value in (("r1", 1.0), ("r2", 2.0)):
        add(store, name, None)
        busy = [Metric(name=f"system/{part}", value=value) for part in ("cpu", "memory")]
        store.runs.log(name, metrics=[*busy, Metric(name="loss", value=value)])
    found = compare(store, ["r1", "r2"])
    assert [one.name for one in found.different] == ["loss"]
    assert found.folded == 2
    whole = compare(store, ["r1", "r2"], system=True)
    assert [one.name for one in whole.different] == ["loss", "system/cpu", "system/memory"]
    assert whole.folded == 0
    ranked = compare(store, ["r1", "r2"], metric="system/cpu")
    assert [one.name for one in ranked.different] == ["system/cpu", "loss"]


def test_what_cannot_be_compared_is_said(store: Store) -> None:
    """No run, and a run that is not there, are clear errors."""
    with pytest.raises(TrackingError, match="nothing to compare"):
        compare(store, [])
    with pytest.raises(NotFoundError):
        compare(store, ["7"])


def test_from_six_runs_on_what_explains_a_metric_comes_first(store: Store) -> None:
    """The rate decides the metric, the depth does not, and each run is found by one search."""
    for n in range(40):
        rate, depth = (0.1, 0.2, 0.4)[n % 3], n % 7
        name = f"many{n}"
        store.runs.create(Run(id=name, number=0, experiment="e", status="finished", started=1))
        params = [Param(name="depth", value=depth), Param(name="rate", value=rate)]
        metrics = [Metric(name="auc", value=rate + n / 10_000), Metric(name="fit_seconds", value=n)]
        store.runs.log(name, params=params, metrics=metrics)
    asked = [*(str(n + 1) for n in range(20)), *(f"many{n}" for n in range(20, 40))]
    found = compare(store, asked)
    assert [run.id for run in found.runs] == [f"many{n}" for n in range(40)]
    assert found.metric == "auc"
    assert [one.name for one in found.different] == ["rate", "depth", "auc", "fit_seconds"]
    first, second = found.different[:2]
    assert first.explains is not None
    assert first.explains > 0.95
    assert second.explains is not None
    assert second.explains < 0.1
    by_time = compare(store, asked, metric="fit_seconds")
    assert by_time.metric == "fit_seconds"
    assert [one.name for one in by_time.different][-2:] == ["fit_seconds", "auc"]
    assert compare(store, asked, metric="").metric == ""
    with pytest.raises(TrackingError, match="no metric of that name"):
        compare(store, asked, metric="none")
    with pytest.raises(NotFoundError):
        compare(store, [*asked, "999"])


def test_versions_of_one_table_stand_beside_each_other(store: Store, tmp_path: Path) -> None:
    """A lap names what it read as table@v7."""
    runs = []
    for number in (1, 2):
        part = KeyPart(name=f"flights@v{number}", digest=str(number) * 64)
        with start_run("e", store=store, root=tmp_path, seed=1, datasets=[part]) as run:
            runs.append(run.id)
    different = [one for one in compare(store, runs).different if one.kind == "data"]
    assert [(one.name, one.values) for one in different] == [("flights", ("1" * 6, "2" * 6))]
