"""Versions that an MLflow client registered: kept, numbered, and never served."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from lapwise.core.errors import ConflictError, ModelError
from lapwise.core.model import Artifact, ModelVersion, Param, Run, Tag
from lapwise.registry import (
    approve,
    keep,
    load,
    load_native,
    load_scorer,
    to_staging,
    verify,
)
from lapwise.store.model import Store


def kept(store: Store, content: bytes = b"pickle", **more: object) -> ModelVersion:
    files = [Artifact(name="model.pkl", digest=store.blobs.put(content), size=len(content))]
    given = {"model": "m", "artifacts": files, "actor": "ada", "at": 5, **more}
    return keep(store, **given)  # type: ignore[arg-type]


def test_each_registration_is_a_version_though_the_files_be_the_same(store: Store) -> None:
    first, second, third = kept(store), kept(store), kept(store, b"other")
    assert [one.number for one in (first, second, third)] == [1, 2, 3]
    assert first.artifacts == second.artifacts
    assert len({first.digest, second.digest, third.digest}) == 3
    assert verify(store).problems == ()


def test_of_many_at_once_each_has_a_number(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: kept(store), range(40)))
    assert sorted(one.number for one in found) == list(range(1, 41))
    assert len({one.digest for one in found}) == 40
    assert verify(store).problems == ()


def test_one_id_is_one_version_and_a_number_stays(store: Store) -> None:
    imported = kept(store, id="a-version", number=7, stage="production", user="bob")
    again = kept(store, id="a-version", number=7, stage="production", user="bob")
    assert (imported.number, imported.stage) == (7, "production")
    assert again == store.models.get("a-version")
    assert kept(store).number == 8
    with pytest.raises(ConflictError, match="number"):
        kept(store, b"other", number=7)
    assert verify(store).problems == ()


def test_a_version_that_was_deleted_elsewhere_keeps_its_place(store: Store) -> None:
    gone = kept(store, number=2, stage="archived", deleted=True)
    assert (gone.marks, gone.stage) == (("deleted",), "archived")
    assert store.models.search().items == ()
    assert verify(store).problems == ()


def test_lineage_comes_from_the_run_and_the_signature_from_its_file(store: Store) -> None:
    store.runs.create(Run(id="r1", number=0, experiment="e", status="finished", started=1))
    store.runs.log(
        "r1",
        params=[Param(name="lr", value="0.1")],
        tags=[Tag(name="mlflow.source.git.commit", value="abc")],
    )
    content = b'signature:\n  inputs: \'[{"type": "double", "name": "x"}]\'\n'
    file = Artifact(name="MLmodel", digest=store.blobs.put(content), size=len(content))
    found = keep(store, model="m", artifacts=[file], actor="ada", at=5, run="r1")
    assert (found.lineage.run, found.lineage.commit) == ("r1", "abc")
    assert [(one.name, one.value) for one in found.lineage.params] == [("lr", "0.1")]
    assert [one.name for one in found.signature.inputs] == ["x"]


def test_nothing_loads_approves_or_stages_it(store: Store) -> None:
    version = kept(store)
    match = "kept, and never loaded or served"
    with pytest.raises(ModelError, match=match):
        load(version, store.blobs)
    with pytest.raises(ModelError, match=match):
        load_native(version, store.blobs)
    with pytest.raises(ModelError, match=match):
        load_scorer(version, store.blobs)
    with pytest.raises(ModelError, match=match):
        approve(store, version, by="ada", at=6)
    with pytest.raises(ModelError, match=match):
        to_staging(store, version, actor="lap", at=6)
