"""What `lapwise import mlflow` reads, where it may not read, and what it does with what is odd."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path

import pytest

from lapwise.core.errors import DataError, DeclarationError, NotFoundError, StoreError
from lapwise.loop.importing import bring, open_source
from lapwise.loop.importing.folder import ArtifactFolder
from lapwise.registry import verify
from lapwise.store.model import Store
from tests.loop.oldest import old


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where an old database and its artifacts are."""
    folder = tmp_path / "there"
    (folder / "mlruns/0/a1/artifacts/sub").mkdir(parents=True)
    (folder / "mlruns/0/a1/artifacts/sub/x.txt").write_text("hello")
    return folder


def test_an_old_database_comes_whole(folder: Path, sqlite_store: Store) -> None:
    source = open_source(old(folder, "./mlruns/0/a1/artifacts"))
    before = (folder / "mlflow.db").read_bytes()
    found = bring(sqlite_store, source, actor="ada")
    source.close()
    assert found.complete, found
    assert {one.kind: one.there for one in found.counts if one.there} == {
        "experiments": 2, "runs": 2, "params": 2, "metric points": 3, "tags": 1, "artifacts": 1,
    }  # fmt: skip
    run = sqlite_store.runs.get("a1")
    assert (run.experiment, run.status, run.started, run.ended) == (
        "Default", "finished", 1_000_000, 2_000_000,
    )  # fmt: skip
    points = sqlite_store.runs.history("a1", "m")
    assert [(one.at, one.value) for one in points] == [
        (10_000, 0.5), (20_000, 0.25), (30_000, math.inf),
    ]  # fmt: skip
    late = sqlite_store.runs.get("a2")
    assert (late.experiment, late.archived, late.user, late.status) == ("8", True, "ada", "running")
    assert sqlite_store.experiments.get("8").archived
    [file] = sqlite_store.runs.artifacts("a1")
    assert (file.name, sqlite_store.blobs.get(file.digest)) == ("sub/x.txt", b"hello")
    assert (folder / "mlflow.db").read_bytes() == before


def test_a_second_time_brings_only_what_is_new(folder: Path, sqlite_store: Store) -> None:
    source = open_source(old(folder, "mlruns/0/a1/artifacts"))
    assert bring(sqlite_store, source, actor="ada").complete
    with sqlite3.connect(folder / "mlflow.db") as connection:
        connection.execute("INSERT INTO metrics VALUES ('m', 9.0, 40, 'a1'), ('n', 1.0, 5, 'a1')")
    connection.close()
    sqlite_store.runs.log("a1", tags=[])
    found = bring(sqlite_store, source, actor="ada")
    source.close()
    assert found.complete, found
    assert [one.value for one in sqlite_store.runs.history("a1", "m")] == [0.5, 0.25, math.inf, 9.0]
    assert [one.value for one in sqlite_store.runs.history("a1", "n")] == [1.0]
    assert len(sqlite_store.runs.search("", archived=None).items) == 2
    assert verify(sqlite_store).problems == ()


def test_an_experiment_called_by_a_number_comes_again_to_its_own(
    folder: Path, sqlite_store: Store
) -> None:
    source = open_source(old(folder, "mlruns/0/a1/artifacts"))
    assert bring(sqlite_store, source, actor="ada").complete
    for at in range(6):  # until one has the number 8
        sqlite_store.experiments.create(f"other {at}", at=1)
    assert sqlite_store.experiments.get("8").name == "other 5"
    assert bring(sqlite_store, source, actor="ada").complete
    source.close()
    assert sqlite_store.runs.get("a2").experiment == "8"
    assert not sqlite_store.experiments.get("8").archived


def test_only_the_experiments_that_are_named_come(folder: Path, sqlite_store: Store) -> None:
    source = open_source(old(folder, "mlruns/0/a1/artifacts"))
    found = bring(sqlite_store, source, actor="ada", experiments=["8"])
    assert [(one.kind, one.there) for one in found.counts if one.there] == [
        ("experiments", 1),
        ("runs", 1),
        ("params", 1),
    ]
    with pytest.raises(DeclarationError, match="no such experiment"):
        bring(sqlite_store, source, actor="ada", experiments=["nobody"])
    source.close()


@pytest.mark.parametrize(
    "place", ["/etc", "file:///etc", "../..", "s3://bucket/0/zz/artifacts", "mlruns/0/../../.."]
)
def test_a_database_does_not_say_which_folders_are_read(
    folder: Path, sqlite_store: Store, place: str
) -> None:
    (folder.parent / "secret.txt").write_text("secret")
    source = open_source(old(folder, place))
    found = bring(sqlite_store, source, actor="ada")
    source.close()
    names = {one.name for one in sqlite_store.runs.artifacts("a1")}
    assert "secret.txt" not in names
    assert "passwd" not in names
    if "://" in place or place == "/etc":
        assert not found.complete
        assert "--artifacts" in " ".join(found.problems)


def test_a_link_that_leads_out_is_not_followed(folder: Path, sqlite_store: Store) -> None:
    (folder.parent / "secret.txt").write_text("secret")
    artifacts = folder / "mlruns/0/a1/artifacts"
    (artifacts / "link.txt").symlink_to(folder.parent / "secret.txt")
    (artifacts / "up").symlink_to(folder.parent)
    source = open_source(old(folder, "mlruns/0/a1/artifacts"))
    found = bring(sqlite_store, source, actor="ada")
    source.close()
    assert {one.name for one in sqlite_store.runs.artifacts("a1")} == {"sub/x.txt"}
    assert not found.complete
    assert any("link.txt" in one for one in found.problems)


def test_artifacts_that_were_moved_are_found_by_the_end_of_their_address(tmp_path: Path) -> None:
    (tmp_path / "0/a1/artifacts").mkdir(parents=True)
    (tmp_path / "0/a1/artifacts/x").write_text("x")
    (tmp_path / "0/models/m-1/artifacts").mkdir(parents=True)
    (tmp_path / "0/models/m-1/artifacts/y").write_text("yy")
    found = ArtifactFolder(tmp_path)
    for place in ("s3://b/deep/0/a1/artifacts", "file:///gone/0/a1/artifacts", "/gone/0/a1/artifacts",
                  "mlflow-artifacts:/0/a1/artifacts"):  # fmt: skip
        assert [(one.name, one.size) for one in found.files(place)] == [("x", 1)]
    assert [one.name for one in found.files("s3://b/0/models/m-1/artifacts")] == ["y"]
    with pytest.raises(DataError, match="not inside"):
        found.file("/gone/0/a1/artifacts", "../../../../../../etc/passwd")


@pytest.mark.parametrize("url", ["mysql://x", "sqlite://", "nonsense", "ftp://x"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(DeclarationError):
        open_source(url)


def test_what_is_no_mlflow_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such database"):
        open_source(f"sqlite:///{tmp_path}/none.db")
    sqlite3.connect(tmp_path / "empty.db").close()
    with pytest.raises(NotFoundError, match="tables are missing"):
        open_source(f"sqlite:///{tmp_path}/empty.db")
    (tmp_path / "text.db").write_text("this is a text, and not a database at all\n" * 50)
    with pytest.raises(StoreError, match="does not answer"):
        open_source(f"sqlite:///{tmp_path}/text.db")
