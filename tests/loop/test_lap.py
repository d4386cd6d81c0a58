"""Going round: what runs, what is reused, what the ledger says, and who may pass."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import polars as pl
import pytest

from lapwise.core.clock import parse_time
from lapwise.core.errors import RecollectedError, StepError
from lapwise.core.lap import Lap
from lapwise.core.model import ModelVersion
from lapwise.loop.lap import _previous_split, lap
from lapwise.registry import approve, archive, refuse, verify
from tests.loop.worlds import AS_OF, World, make_world, ran, reused, statuses

AT = parse_time(AS_OF)
LATER = "2024-03-15"


def approved(world: World, reference: str = "returns") -> ModelVersion:
    with world.workshop() as opened:
        return approve(opened.store, opened.store.models.get(reference), by="ada", at=AT)


def last_lap(world: World) -> Lap:
    with world.workshop() as opened:
        return opened.store.laps.list()[0]


def test_first_lap(world: World) -> None:
    """A lap runs every step, measures, is judged, registers, and waits for a person."""
    line = last_lap(world)
    assert (line.number, line.loop, line.state, line.error) == (1, "returns", "waiting", "")
    assert line.trigger.reason.startswith("started by ")
    assert list(reused(line)) == [
        "validate",
        "examples",
        "split",
        "features",
        "train",
        "package",
        "evaluate",
        "metrics",
        "baseline",
        "leakage",
        "gates",
        "categories",
        "register",
    ]
    assert not any(reused(line).values())
    assert all(step.seconds >= 0 and len(step.digest) == 64 for step in line.steps)
    assert line.seconds >= sum(step.seconds for step in line.steps) > 0
    assert statuses(line) == ["passed", "passed", "not_applicable", "passed"]
    metrics = {metric.name: metric.value for metric in line.metrics}
    assert 0.75 < metrics["roc_auc"] < 0.9
    assert line.decided_by == "gates"
    assert "v1" in line.decision
    assert [part.name for part in line.datasets] == ["orders@v1", "outcomes@v1"]
    assert line.split is not None
    assert line.split.unlabelled > 100
    with world.workshop() as opened:
        version = opened.store.models.get(line.version or "")
        assert (version.stage, version.serving) == ("staging", "onnx")
        run = opened.store.runs.get(line.run or "")
        assert (run.lap, run.status, version.lineage.run) == (line.id, "finished", run.id)
        kept = opened.store.runs.metrics([run.id])[run.id]
        logged = {one.name: one.value for one in kept if not one.name.startswith("system/")}
        assert logged == metrics
        assert verify(opened.store).sound


def test_second_lap(world: World) -> None:
    """A lap with nothing changed reuses every step and registers nothing new."""
    line = world.lap()
    assert ran(line) == set()
    with world.workshop() as opened:
        first = opened.store.laps.get("1")
        told = opened.store.events.list(kind="lap.ended")
        assert all(msgspec.json.decode(one.body)["seconds"] > 0 for one in told)
        assert line.version == first.version
        assert (line.verdicts, line.metrics, line.state) == (
            first.verdicts,
            first.metrics,
            "waiting",
        )
        assert len(opened.store.models.list()) == len(opened.store.runs.list()) == 1


def test_changed_limit(world: World) -> None:
    """Changing only a gate's limit re-runs the gates and nothing else, and can withdraw."""
    world.edit('gates.Floor("recall", 0.30)', 'gates.Floor("recall", 0.99)')
    line = world.lap()
    assert ran(line) == {"gates"}
    assert (line.state, statuses(line)[-1]) == ("refused", "failed")
    assert "Floor" in line.decision
    with world.workshop() as opened:
        (version,) = opened.store.models.list()
        assert (version.stage, version.marks) == ("none", ("withdrawn",))
    world.edit('gates.Floor("recall", 0.99)', 'gates.Floor("recall", 0.30)')
    line = world.lap()
    assert ran(line) == set()
    assert line.state == "waiting"


def test_changed_helper(world: World) -> None:
    """Changing a constant in another module that training reaches trains again."""
    world.edit("UNKNOWN = -1", "UNKNOWN = -2", file="shaping.py")
    line = world.lap()
    assert {"train", "package"} <= ran(line)
    assert not ran(line) & {"validate", "examples", "split", "features", "baseline"}


def test_changed_comment(world: World) -> None:
    """A comment, a name of a test file or a blank line changes no step."""
    world.edit("UNKNOWN = -1", "# as scikit-learn wants it\n\nUNKNOWN = -1", file="shaping.py")
    assert ran(world.lap()) == set()


def test_changed_params(world: World) -> None:
    """Changing a parameter trains another model in another run, and leaves the data alone."""
    world.edit('"max_iter": 20', '"max_iter": 10')
    line = world.lap()
    assert {"train", "package", "evaluate", "metrics", "register"} <= ran(line)
    assert not ran(line) & {"validate", "examples", "split", "features", "baseline", "leakage"}
    with world.workshop() as opened:
        new, old = opened.store.models.list()
        assert new.digest != old.digest
        assert new.lineage.run != old.lineage.run
        assert {one.name: one.value for one in new.lineage.params}["max_iter"] == 10


def test_changed_decision(world: World) -> None:
    """Another share of decisions is another version with its own threshold."""
    world.edit("share=0.40", "share=0.10")
    line = world.lap()
    with world.workshop() as opened:
        new, old = opened.store.models.list()
    assert line.version == new.id
    assert new.threshold is not None
    assert old.threshold is not None
    assert new.threshold > old.threshold


def test_more_metrics(world: World) -> None:
    """A metric that is added to the page is measured, shown, and logged to the same run."""
    world.edit('"recall"]', '"recall", "brier"]')
    line = world.lap()
    assert ran(line) == {"metrics"}
    with world.workshop() as opened:
        logged = opened.store.runs.metrics([line.run or ""])[line.run or ""]
    assert "brier" in {one.name for one in logged}


def test_refused_by_gates(world: World) -> None:
    """A candidate that fails is registered and stays in none."""
    world.edit('"max_iter": 20', '"max_iter": 1, "learning_rate": 0.0001')
    world.edit('gates.Floor("recall", 0.30)', 'gates.Floor("roc_auc", 0.95)')
    line = world.lap()
    assert line.state == "refused"
    with world.workshop() as opened:
        assert opened.store.models.get(line.version or "").stage == "none"


def test_refused_by_person(world: World) -> None:
    """What a person refused or archived stays away, however often the lap comes round."""
    with world.workshop() as opened:
        refuse(opened.store, opened.store.models.get("returns"), by="ada", at=AT, note="no")
    line = world.lap()
    assert (line.state, line.decided_by) == ("refused", "ada")
    assert "archived" in line.decision
    with world.workshop() as opened:
        assert opened.store.models.get("returns@v1").stage == "archived"


def test_archived_later(world: World) -> None:
    """An archived candidate does not come back to staging."""
    with world.workshop() as opened:
        archive(opened.store, opened.store.models.get("returns"), by="ada", at=AT)
    assert world.lap().state == "refused"


def test_after_approval(world: World) -> None:
    """A lap that gives what is in production already reuses every step and says who approved."""
    approved(world)
    line = world.lap()
    assert ran(line) == set()
    assert (line.state, line.decided_by) == ("approved", "ada")
    assert "production" in line.decision


def test_next_product_version(tmp_path: Path) -> None:
    """A later lap is compared with production on rows after both trainings, and waits."""
    world = make_world(tmp_path / "returns", days=80)
    assert world.lap().state == "waiting"
    assert approved(world).stage == "production"
    line = world.lap(LATER)
    steps = [step.name for step in line.steps]
    assert "production" in steps
    verdict = line.verdicts[2]
    assert verdict.status in {"passed", "failed", "cannot_tell"}
    with world.workshop(LATER) as opened:
        first = opened.store.laps.get("1")
        test = next(part for part in (line.split or first.split).parts if part.name == "test")  # type: ignore[union-attr]
        assert verdict.rows == test.rows
        assert opened.store.models.get("returns@v1").stage == "production"
        if line.state == "waiting":
            moved = approve(opened.store, opened.store.models.get("returns"), by="ada", at=AT)
            assert moved.stage == "canary"
    assert ran(world.lap(LATER)) == set()


def test_split_moves_forward(tmp_path: Path) -> None:
    """What an earlier lap trained on is never tested on by a later one."""
    world = make_world(tmp_path / "returns", days=80)
    first, second = world.lap("2024-02-25"), world.lap(LATER)
    assert first.split is not None
    assert second.split is not None
    with world.workshop() as opened:
        before = pl.read_parquet(opened.store.blobs.path(first.split.assignment))
        after = pl.read_parquet(opened.store.blobs.path(second.split.assignment))
    moved = before.join(after, on="row", suffix="_after")
    assert moved.filter(part_after="test").filter(pl.col("part") != "test").is_empty()


def test_changed_features(world: World) -> None:
    """Production is compared on the features that it was trained with, not on the page's."""
    approved(world)
    world.edit('"customer_count": lw.count(within="60d"),', "")
    world.edit(
        '"customer_last": lw.last("value", within="20d")', '"fresh": lw.max("value", within="9d")'
    )
    line = world.lap()
    assert [step.name for step in line.steps].count("features") == 2
    assert line.error == ""
    assert line.verdicts[2].status in {"passed", "failed", "cannot_tell"}


def test_raising_training(world: World) -> None:
    """An error of the training function is the lap's, with its cause, and the next lap goes on."""
    world.edit(
        "    codes = ColumnTransformer(",
        '    raise ValueError("no luck")\n    codes = ColumnTransformer(',
    )
    with pytest.raises(StepError, match="train") as caught:
        world.lap()
    assert isinstance(caught.value.__cause__, ValueError)
    line = last_lap(world)
    assert line.state == "failed"
    assert "no luck" in line.error
    assert list(reused(line)) == ["validate", "examples", "split", "features"]
    with world.workshop() as opened:
        assert opened.store.runs.list()[0].status == "failed"
    world.edit('    raise ValueError("no luck")\n', "")
    assert ran(world.lap()) == set()


def test_recollected(world: World) -> None:
    """Known rows that changed quietly are refused until somebody accepts them."""
    path = world.root / "data" / "outcomes.parquet"
    outcomes = pl.read_parquet(path)
    outcomes.with_columns(value=pl.col("value") + 1).write_parquet(path)
    with pytest.raises(RecollectedError):
        world.lap()
    assert last_lap(world).state == "failed"
    with world.workshop() as opened:
        line = lap(opened, world.loop(), accept=True)
    assert {"validate", "features", "train"} <= ran(line)


def test_died(world: World) -> None:
    """A lap that still says running under nobody's lease is marked, and the next one goes on."""
    with world.workshop() as opened:
        line = opened.store.laps.get("1")
        opened.store.laps.update(
            msgspec.structs.replace(line, state="running", decision="", version=None)
        )
    assert ran(world.lap()) == set()
    with world.workshop() as opened:
        dead = opened.store.laps.get("1")
    assert (dead.state, "died" in dead.error) == ("died", True)


def test_two_at_once(fresh: World) -> None:
    """Of two laps started together one does the work, the other waits and finds it done."""
    loop = fresh.loop()
    lines: list[Lap] = []

    def go() -> None:
        with fresh.workshop() as opened:
            lines.append(lap(opened, loop))

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = sorted(lines, key=lambda line: line.number)
    assert (first.number, second.number) == (1, 2)
    assert ran(second) == set()
    assert first.version == second.version


def test_split_before_in_the_worlds_time(world: World) -> None:
    """A split is held against the lap before it in the world's time, not the one made last."""
    with world.workshop() as opened:
        first = opened.store.laps.get("1")
        assert first.split is not None
        for days, number in ((10, 2), (5, 3)):  # the later one in the world goes round first
            line = msgspec.structs.replace(
                first,
                id=f"lap-{number}",
                as_of=AT + days * 86_400_000_000,
                split=msgspec.structs.replace(first.split, salt=f"{days} days later"),
            )
            opened.store.laps.create(line)
        line = msgspec.structs.replace(first, as_of=AT + 20 * 86_400_000_000)
        before = _previous_split(opened.store, line)
    assert before is not None
    assert before.salt == "10 days later"


def test_time_that_passes_alone(world: World) -> None:
    """Gone round again an hour later, when no row has come, a lap trains and registers nothing."""
    first = world.lap("2024-03-02T06:00")
    again = world.lap("2024-03-02T07:00")
    assert {step.name for step in again.steps if not step.reused} <= {"examples", "split"}
    assert again.version == first.version
