"""Runs and what was logged to them, on both databases."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from lapwise.core.errors import ConflictError, NotFoundError, StoreError
from lapwise.core.model import Artifact, KeyPart, Metric, Param, Run, Scalar, Tag
from lapwise.core.tracked import RunInput
from lapwise.store import schema
from lapwise.store.database import connect
from lapwise.store.encoding import decode, encode
from lapwise.store.model import Store
from tests.store import making
from tests.store.conftest import Place


@pytest.fixture
def run(store: Store) -> Run:
    return store.runs.create(making.run())


def test_runs_are_numbered_over_the_whole_store(store: Store) -> None:
    """Numbers go up by one, whatever the experiment, and asking again changes nothing."""
    one = store.runs.create(making.run("a"))
    two = store.runs.create(making.run("b"))
    assert (one.number, two.number) == (1, 2)
    assert store.runs.create(one) == one
    assert [found.number for found in store.runs.list()] == [2, 1]


def test_a_run_is_found_by_id_and_as_people_write_its_number(store: Store, run: Run) -> None:
    """The id, 1, 001 and `run 001` all find it."""
    for reference in (run.id, "1", "001", "run 001"):
        assert store.runs.get(reference) == run


@pytest.mark.parametrize("reference", ["2", "nothing", "99999999999999999999"])
def test_a_run_that_is_not_there_is_an_error(store: Store, run: Run, reference: str) -> None:
    """A wrong reference is named, with what there is."""
    with pytest.raises(NotFoundError, match="001"):
        store.runs.get(reference)


def test_runs_are_listed_by_experiment_and_lap(store: Store) -> None:
    """Both filters work together with the limit."""
    for experiment, lap in [("a", "x"), ("a", "y"), ("b", "x")]:
        store.runs.create(making.run(experiment, lap))
    assert [run.number for run in store.runs.list("a")] == [2, 1]
    assert [run.number for run in store.runs.list(lap="x")] == [3, 1]
    assert [run.number for run in store.runs.list("a", lap="x")] == [1]
    assert [run.number for run in store.runs.list(limit=1)] == [3]


def test_a_run_ends_once(store: Store, run: Run) -> None:
    """The first end stays, also when another comes."""
    ended = store.runs.finish(run.id, "finished", 9)
    assert (ended.status, ended.ended) == ("finished", 9)
    assert store.runs.finish(run.id, "failed", 10) == ended == store.runs.get(run.id)
    with pytest.raises(NotFoundError):
        store.runs.finish("nobody", "finished", 9)


def test_update_changes_what_is_given_whatever_the_state(store: Store, run: Run) -> None:
    """An ended run too; opened again it has neither an end nor a beat."""
    store.runs.beat(run.id)
    store.runs.finish(run.id, "failed", 9)
    renamed = store.runs.update(run.id, name="better", status="finished", ended=11)
    assert (renamed.name, renamed.status, renamed.ended) == ("better", "finished", 11)
    assert store.runs.get(run.id) == renamed == store.runs.update(run.id)
    opened = store.runs.update(run.id, status="running")
    assert (opened.status, opened.ended, opened.beat) == ("running", None, None)
    with pytest.raises(NotFoundError):
        store.runs.update("nobody", name="x")


def test_archived_runs_are_in_no_list(store: Store, run: Run) -> None:
    """They are found by id, and come back."""
    store.runs.update(run.id, archived=True)
    assert list(store.runs.list()) == []
    assert store.runs.get(run.id).archived
    store.runs.update(run.id, archived=False)
    assert [found.id for found in store.runs.list()] == [run.id]


def silence(place: Place, run: str, seconds: float) -> None:
    """Let a run's last beat be so long ago, as if its process had died then."""
    database = connect(place.url)
    with database.write() as connection:
        now = database.now(connection)
        body = connection.scalar(select(schema.run.c.body).where(schema.run.c.id == run))
        old = msgspec.structs.replace(decode(body or "", Run), beat=now - int(seconds * 1e6))
        values = {"beat": old.beat, "body": encode(old)}
        connection.execute(schema.run.update().where(schema.run.c.id == run).values(**values))
    database.close()


def test_a_run_that_fell_silent_is_read_as_crashed(store: Store, place: Place) -> None:
    """By get, list and search, until it beats again; one that never beat never is."""
    run = store.runs.create(msgspec.structs.replace(making.run(), beat=1))
    assert run.beat is not None
    assert run.beat > 1, "the store's clock, not the caller's"
    quiet = store.runs.create(making.run())
    assert store.runs.beat(run.id) == "running"
    for seconds, status in ((40, "running"), (50, "crashed")):
        silence(place, run.id, seconds)
        found = store.runs.get(run.id)
        assert found.status == status
        assert found in store.runs.list()
        page = store.runs.search(f"status = '{status}' AND number = {run.number}")
        assert [one.run for one in page.items] == [found]
    crashed, alive = "status = 'FAILED'", "status = 'RUNNING'"
    assert [one.run.id for one in store.runs.search(crashed).items] == [run.id]
    assert [one.run.id for one in store.runs.search(alive).items] == [quiet.id]
    assert store.runs.beat(run.id) == "running"
    assert store.runs.get(run.id).status == "running"
    silence(place, run.id, 100)
    assert store.runs.finish(run.id, "finished", 5).status == "finished"
    assert store.runs.beat(run.id) == "finished"


def test_what_is_searched_stays_in_step_with_the_run(store: Store, place: Place) -> None:
    """Every column repeats what the body says, whatever was done."""
    run = msgspec.structs.replace(making.run(), name="n", user="ada", parent="p", beat=1)
    run = store.runs.create(run)
    acts: list[Callable[[], object]] = [
        lambda: store.runs.beat(run.id),
        lambda: store.runs.set_capture(run.id, making.capture()),
        lambda: store.runs.finish(run.id, "killed", 7),
        lambda: store.runs.update(run.id, name="m", archived=True),
        lambda: store.runs.update(run.id, status="running"),
        lambda: store.experiments.update(1, at=5, name="moved"),
    ]
    for act in acts:
        act()
        database = connect(place.url)
        with database.read() as connection:
            row = connection.execute(select(schema.run)).one()._mapping
        database.close()
        kept = decode(row["body"], Run)
        for name in ("name", "user", "started", "ended", "parent", "beat", "status", "experiment"):
            assert row[name] == getattr(kept, name), name
        assert row["archived"] == int(kept.archived)
        assert row["code"] == (kept.capture.commit if kept.capture else "")


def test_inputs_are_kept_in_their_order(store: Store, run: Run) -> None:
    """Those of a capture come first; one logged again is replaced in its place."""
    parts = (KeyPart(name="flights", digest=making.digest("f")),)
    captured = msgspec.structs.replace(making.capture(), datasets=parts)
    store.runs.set_capture(run.id, captured)
    flights = RunInput(name="flights", digest=making.digest("f"), kind="lapwise")
    weather = RunInput(
        name="weather", digest="1", source="s3://w", tags=(Tag(name="k", value="v"),)
    )
    store.runs.log(run.id, inputs=[weather, RunInput(name="a", digest="2")])
    again = msgspec.structs.replace(flights, kind="pandas")
    store.runs.log(run.id, inputs=[again])
    store.runs.set_capture(run.id, captured)
    assert store.runs.inputs([run.id, "nobody"]) == {
        run.id: (again, weather, RunInput(name="a", digest="2")),
        "nobody": (),
    }


def test_a_run_made_with_a_capture_has_its_inputs(store: Store) -> None:
    parts = (KeyPart(name="flights", digest=making.digest("f")),)
    captured = msgspec.structs.replace(making.capture(), datasets=parts)
    run = store.runs.create(msgspec.structs.replace(making.run(), capture=captured))
    assert [one.kind for one in store.runs.inputs([run.id])[run.id]] == ["lapwise"]


def test_tags_are_removed(store: Store, run: Run) -> None:
    store.runs.log(run.id, tags=[Tag(name=name, value="x") for name in "abc"])
    store.runs.untag(run.id, ["a", "c", "nothing"])
    assert store.runs.tags([run.id])[run.id] == (Tag(name="b", value="x"),)
    with pytest.raises(NotFoundError):
        store.runs.untag("nobody", ["a"])


def test_who_holds_a_blob(store: Store) -> None:
    """The experiments whose runs name it, as an artifact or in what was captured."""
    one, two = (store.runs.create(making.run(name)) for name in "ab")
    artifact = Artifact(name="m", digest=making.digest("m"), size=1)
    for run in (one, two):
        store.runs.log(run.id, artifacts=[artifact])
    store.runs.set_capture(two.id, making.capture(packages=making.digest("lock")))
    assert store.runs.holders(artifact.digest) == ("a", "b")
    assert store.runs.holders(making.digest("lock")) == ("b",)
    assert store.runs.holders(making.digest("nobody's")) == ()


def test_a_capture_stays_with_its_run(store: Store, run: Run) -> None:
    """What was captured is read back, and survives the end of the run."""
    store.runs.set_capture(run.id, making.capture())
    assert store.runs.finish(run.id, "finished", 2).capture == making.capture()


def test_what_was_logged_is_read_back(store: Store, run: Run) -> None:
    """Params keep their types; tags and artifacts are by name, the last one winning."""
    values: dict[str, Scalar] = {
        "a": 1,
        "b": 1.0,
        "c": True,
        "d": "1",
        "e": None,
        "f": -math.inf,
        "g": "ü",
    }
    params = tuple(Param(name=name, value=value) for name, value in values.items())
    store.runs.log(run.id, params=params[::-1], tags=[Tag(name="t", value="old")])
    files = [Artifact(name=name, digest=making.digest(name), size=2**40) for name in "ba"]
    store.runs.log(
        run.id, tags=[Tag(name="t", value="mid"), Tag(name="t", value="new")], artifacts=files
    )
    found = store.runs.params([run.id])[run.id]
    assert found == params
    assert [type(param.value) for param in found] == [type(value) for value in values.values()]
    assert store.runs.tags([run.id]) == {run.id: (Tag(name="t", value="new"),)}
    assert store.runs.artifacts(run.id) == tuple(files[::-1])


def test_a_parameter_never_changes(store: Store, run: Run) -> None:
    """Another value is refused, and nothing else of the call is kept; the same value is fine."""
    store.runs.log(run.id, params=[Param(name="rate", value=0.1)])
    store.runs.log(run.id, params=[Param(name="rate", value=0.1)])
    with pytest.raises(ConflictError, match="rate"):
        store.runs.log(
            run.id,
            params=[Param(name="rate", value=0.2), Param(name="new", value=1)],
            metrics=[Metric(name="loss", value=1.0)],
        )
    with pytest.raises(ConflictError):
        store.runs.log(run.id, params=[Param(name="x", value=1), Param(name="x", value=2)])
    assert store.runs.params([run.id])[run.id] == (Param(name="rate", value=0.1),)
    assert store.runs.metrics([run.id])[run.id] == ()


def test_a_batch_is_taken_once(store: Store, run: Run) -> None:
    """What is sent again under the same batch id is not logged again; other runs are others."""
    other = store.runs.create(making.run())
    for one in (run.id, run.id, other.id):
        store.runs.log(one, metrics=[Metric(name="loss", value=1.0)], batch="b1")
    assert len(store.runs.history(run.id, "loss")) == 1
    assert len(store.runs.history(other.id, "loss")) == 1


def test_a_batch_that_failed_may_come_again(store: Store, run: Run) -> None:
    """The id of a batch that was refused is not used up."""
    store.runs.log(run.id, params=[Param(name="rate", value=1)])
    with pytest.raises(ConflictError):
        store.runs.log(run.id, params=[Param(name="rate", value=2)], batch="b")
    store.runs.log(run.id, tags=[Tag(name="t", value="x")], batch="b")
    assert store.runs.tags([run.id])[run.id]


_POINTS = st.lists(
    st.tuples(
        st.sampled_from(["loss", "auc", "ü/μ"]),
        st.floats(allow_nan=True, allow_infinity=True),
        st.integers(-(2**63), 2**63 - 1) | st.integers(0, 3),
        st.integers(0, 3),
    ),
    max_size=30,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(_POINTS, max_size=4))
def test_every_point_is_kept_exactly_and_in_order(
    store: Store, calls: Sequence[Sequence[tuple[str, float, int, int]]]
) -> None:
    """History is by (step, at, order of logging) to the bit, and the latest is its last."""
    run = store.runs.create(making.run())
    logged = [
        [Metric(name=name, value=value, step=step, at=at) for name, value, step, at in call]
        for call in calls
    ]
    for metrics in logged:
        store.runs.log(run.id, metrics=metrics)
    latest = {one.name: one for one in store.runs.metrics([run.id])[run.id]}
    everything = [point for call in logged for point in call]
    assert set(latest) == {point.name for point in everything}
    for name, last in latest.items():
        expected = sorted(
            (point for point in everything if point.name == name),
            key=lambda point: (point.step, point.at),
        )
        found = store.runs.history(run.id, name)
        assert [shown(point) for point in found] == [shown(point) for point in expected]
        # SQLite keeps no sign of zero in a column; the packed history does.
        assert shown(unsigned(last)) == shown(unsigned(expected[-1]))


def unsigned(point: Metric) -> Metric:
    """Return a point whose zero has no sign."""
    return msgspec.structs.replace(point, value=point.value + 0.0)


def shown(point: Metric) -> tuple[str, str, int, int]:
    """Return a point so that NaN equals NaN and -0.0 differs from 0.0."""
    return point.name, repr(point.value), point.step, point.at


def test_a_step_beyond_64_bits_is_refused(store: Store, run: Run) -> None:
    """One clear error, and the good points beside it are not kept either."""
    points = [Metric(name="a", value=1.0), Metric(name="loss", value=1.0, step=2**63)]
    with pytest.raises(StoreError, match="loss"):
        store.runs.log(run.id, metrics=points)
    assert store.runs.history(run.id, "a") == ()
    store.runs.log(run.id, metrics=points[:1])
    assert len(store.runs.history(run.id, "a")) == 1


def test_text_that_no_database_holds_is_refused(store: Store, run: Run) -> None:
    """Half a character is one clear error that shows no SQL."""
    with pytest.raises(StoreError) as caught:
        store.runs.log(run.id, tags=[Tag(name="t", value="\ud800")])
    assert "INSERT" not in str(caught.value)


@pytest.mark.parametrize("name", ["a\0b", random.Random(1).randbytes(4_000).hex()])
def test_text_that_postgresql_does_not_hold_is_refused_clearly(
    postgresql_place: Place, name: str
) -> None:
    """A NUL, or a name that no index holds: what does not fit is said, and nothing is kept."""
    with postgresql_place.open() as store:
        run = store.runs.create(making.run())
        with pytest.raises(StoreError, match="does not fit"):
            store.runs.log(
                run.id, tags=[Tag(name=name, value="x")], params=[Param(name=name, value=1)]
            )
        assert store.runs.tags([run.id])[run.id] == ()


def test_many_runs_are_read_in_one_call(store: Store) -> None:
    """Params, tags and metrics of many runs come by run id, empty ones included."""
    runs = [store.runs.create(making.run()).id for _ in range(30)]
    for index, run in enumerate(runs[1:]):
        store.runs.log(
            run,
            params=[Param(name="p", value=index)],
            tags=[Tag(name="t", value="x")],
            metrics=[Metric(name="m", value=float(index))],
        )
    assert store.runs.params(runs)[runs[5]] == (Param(name="p", value=4),)
    assert store.runs.metrics(runs)[runs[5]] == (Metric(name="m", value=4.0),)
    assert store.runs.params(runs)[runs[0]] == ()
    assert store.runs.tags(runs)[runs[0]] == ()
