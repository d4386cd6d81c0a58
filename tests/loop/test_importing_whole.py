"""An MLflow that its real client filled, brought over: from its database, and from its server."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from lapwise.loop.importing import Imported, bring, open_source
from lapwise.registry import verify
from lapwise.store.mlflow_tables import _KNOWN
from lapwise.store.model import Store
from lapwise.store.open import open_database, open_store
from peers.environment import environment
from tests import orphans
from tests.mlflow.theirs import their_server
from tests.store import servers

pytestmark = pytest.mark.prove

PAST = Path(__file__).parents[1] / "mlflow" / "past.py"
LAPWISE = str(Path(sys.executable).with_name("lapwise"))
POINTS = 100_000
FEW = 3_000
EXPECTED = {
    "experiments": 3,
    "runs": 5,
    "params": 4,
    "metric points": POINTS + 6,
    "inputs": 1,
    "logged models": 1,
    "artifacts": 9,
    "registered models": 2,
    "versions": 5,
    "aliases": 1,
}

FEWER = {**EXPECTED, "metric points": FEW + 6}


def fill(folder: Path, uri: str, points: int = POINTS) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "MLFLOW_DISABLE_TELEMETRY": "true"}
    env |= orphans.mark()
    command = [str(environment("mlflow")), str(PAST), str(folder), uri, str(points)]
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with an MLflow database and its artifacts, and the database's address."""
    folder = tmp_path_factory.mktemp("past")
    uri = f"sqlite:///{folder}/mlflow.db"
    fill(folder, uri)
    return folder, uri


def counted(found: Imported) -> dict[str, int]:
    assert found.complete, found
    return {one.kind: one.here for one in found.counts if one.kind in EXPECTED}


def check_content(store: Store, *, points: int = POINTS, deleted: bool = True) -> None:
    """Hold what is here against what `past.py` logged."""
    fraud = "Fraud / Über 日本"
    home = store.experiments.get(fraud)
    assert store.labels.of("experiment", [str(home.number)])[str(home.number)][0].value == "a'b"
    assert store.experiments.get("gone").archived
    runs = {one.run.name: one for one in store.runs.search("", archived=None, limit=10).items}
    whole = runs["weird 'name' \"quoted\" % _"]
    id = whole.run.id
    assert len(id) == 32
    assert {one.name: one.value for one in whole.params} == {
        "lr": "0.10",
        "a/b c.d-e_f": "x" * 600,
        "empty": "",
    }
    tags = {one.name: one.value for one in whole.tags}
    assert (tags["note"], tags["émoji"], whole.run.user) == ("line\nbreak", "🙂", whole.run.user)
    odd = store.runs.history(id, "odd")
    assert [one.step for one in odd] == [-3, 0, 1, 2]
    assert math.isnan(odd[1].value)
    assert [odd[0].value, odd[2].value, odd[3].value] == [0.5, math.inf, -math.inf]
    loss = store.runs.history(id, "loss")
    assert [one.step for one in loss] == list(range(points))
    assert [one.value for one in loss] == [1 / (1 + n) for n in range(points)]
    files = {one.name: one for one in store.runs.artifacts(id)}
    assert set(files) == {"a/b/c/deep.txt", "empty.txt", "ä b/ü.txt", "big.bin"}
    assert store.blobs.get(files["ä b/ü.txt"].digest) == b"umlaut"
    assert store.blobs.get(files["big.bin"].digest) == bytes(range(256)) * 8192
    [dataset] = store.runs.inputs([id])[id]
    assert dataset.name == "rows"
    assert [(one.name, one.value) for one in dataset.tags] == [("mlflow.data.context", "training")]
    assert (runs["deleted"].run.archived, runs["deleted"].run.status) == (True, "failed")
    children = [one.run for one in runs.values() if one.run.parent == id]
    assert [one.status for one in children] == ["killed"]
    trained = runs["trained"].run.id
    [(logged, _)] = store.logged.of_run(trained)
    assert [one.metric.value for one in store.logged.metrics([logged])[logged]] == [0.9]
    check_registry(store, logged, trained, deleted=deleted)


def check_registry(store: Store, logged: str, run: str, *, deleted: bool) -> None:
    versions = {one.number: one for one in store.models.list("My Model")}
    stages = {number: one.stage for number, one in versions.items()}
    expected = {1: "production", 2: "production", 3: "archived", 4: "archived", 5: "none"}
    assert stages == {n: stage for n, stage in expected.items() if deleted or n != 4}
    if deleted:
        assert versions[4].marks == ("deleted",)
    assert (versions[2].logged, versions[2].lineage.run) == (logged, run)
    assert versions[2].artifacts == store.logged.artifacts(logged)
    assert versions[2].description == "d"
    assert store.labels.of("alias", ["My Model"])["My Model"][0].value == "2"
    assert [one.value for one in store.labels.of("version", [versions[2].id])[versions[2].id]] == [
        "v"
    ]
    model = store.models.get_name("My Model")
    assert (model.description, model.governed) == ("what it is", False)
    assert verify(store).problems == ()


def test_a_database_comes_whole_and_twice_is_once(
    past: tuple[Path, str], sqlite_store: Store
) -> None:
    for _ in range(2):
        source = open_source(past[1])
        assert counted(bring(sqlite_store, source, actor="ada")) == EXPECTED
        source.close()
        check_content(sqlite_store)


def test_killed_again_and_again_it_ends_with_each_thing_once(
    past: tuple[Path, str], tmp_path: Path
) -> None:
    chance = random.Random(4)
    env = {
        **os.environ,
        "LAPWISE_STORE": f"sqlite:///{tmp_path}/s.db",
        "LAPWISE_BLOBS": f"{tmp_path}/b",
    }
    command = [LAPWISE, "import", "mlflow", past[1], "--json"]
    killed = 0
    for _ in range(12):
        with subprocess.Popen(command, env=env, cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
            time.sleep(0.5 + 1.5 * chance.random())
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                killed += 1
    assert killed > 3
    done = subprocess.run(
        command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts = {one["kind"]: (one["there"], one["here"]) for one in json.loads(done.stdout)["counts"]}
    assert {kind: counts[kind] for kind in EXPECTED} == {k: (n, n) for k, n in EXPECTED.items()}
    with open_store(f"sqlite:///{tmp_path}/s.db", f"{tmp_path}/b") as store:
        check_content(store)


def test_from_postgresql_into_postgresql(past: tuple[Path, str], tmp_path: Path) -> None:
    """MLflow's own tables, moved to PostgreSQL: the client's environment has no driver for it."""
    with servers.postgresql() as url:
        for name in ("there", "here"):
            servers.make_database(url, name, "template1")
        there, here = (servers.in_database(url, name) for name in ("there", "here"))
        move_tables(past[1], there)
        open_database(here).close()
        with open_store(here, f"{tmp_path}/blobs") as store:
            source = open_source(there, past[0])
            assert counted(bring(store, source, actor="ada")) == EXPECTED
            source.close()
            check_content(store)


def move_tables(there: str, here: str) -> None:
    source = sa.create_engine(there)
    target = sa.create_engine(here.replace("postgresql://", "postgresql+psycopg://", 1))
    found, made = sa.MetaData(), sa.MetaData()
    found.reflect(source, only=lambda name, _: name in _KNOWN, resolve_fks=False)
    with source.connect() as old, target.begin() as new:
        for table in found.tables.values():
            columns = [sa.Column(column.name, column.type.as_generic()) for column in table.c]
            copy = sa.Table(table.name, made, *columns)
            copy.create(new)
            rows = [dict(row) for row in old.execute(sa.select(table)).mappings()]
            if rows:
                new.execute(copy.insert(), rows)
    source.dispose()
    target.dispose()


def test_from_a_real_server(tmp_path: Path, sqlite_store: Store) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    with their_server(folder) as url:
        fill(folder, url, FEW)
        for _ in range(2):
            source = open_source(url)
            found = counted(bring(sqlite_store, source, actor="ada"))
            source.close()
            # A server shows no deleted versions.
            assert found == {**FEWER, "versions": 4}
            check_content(sqlite_store, points=FEW, deleted=False)


def test_a_disk_that_lacks_an_artifact_is_told(
    past: tuple[Path, str], tmp_path: Path, sqlite_store: Store
) -> None:
    shutil.copy(past[0] / "mlflow.db", tmp_path / "mlflow.db")
    source = open_source(f"sqlite:///{tmp_path}/mlflow.db")
    found = bring(sqlite_store, source, actor="ada")
    source.close()
    assert not found.complete
    assert any("--artifacts" in one for one in found.problems)
