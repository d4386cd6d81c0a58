from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from lapwise.core.errors import ModelError
from lapwise.core.model import Artifact, Lineage
from lapwise.registry import Packaged, register
from lapwise.registry.registration import keep_verdicts, read_verdicts
from lapwise.store.model import Store
from tests.registry.examples import PASSED, registered
from tests.registry.racing import race, register_alone


def test_a_version_is_registered_with_all_it_was_made_from(
    packaged: Packaged, store: Store
) -> None:
    """Stage none, number one, artifacts, signature, lineage, threshold, verdicts; all kept."""
    version = registered(store, packaged)
    assert (version.number, version.stage, version.threshold) == (1, "none", 0.4)
    assert version.artifacts == packaged.artifacts
    assert version.signature == packaged.signature
    assert version.lineage == Lineage(run="run-1", seed=7)
    assert version.classes == ("False", "True")
    assert store.models.get("demo@v1") == version
    assert version.verdicts == keep_verdicts(store, PASSED)
    assert read_verdicts(store, version.verdicts) == PASSED


def test_the_same_model_of_the_same_run_is_one_version(packaged: Packaged, store: Store) -> None:
    """Asked again it returns what is there, unaudited; another run is another version."""
    first = registered(store, packaged)
    assert registered(store, packaged) == first
    assert len(store.audit.entries()) == 1
    assert registered(store, packaged, "run-2").number == 2


@pytest.mark.parametrize("name", ["", "a b", "a@v1", "ä\n", "a:b"])
def test_a_name_that_cannot_be_referred_to_is_refused(
    name: str, packaged: Packaged, store: Store
) -> None:
    """The error says which characters may be used; nothing is kept."""
    with pytest.raises(ModelError, match="a model's name"):
        register(store, model=name, packaged=packaged, lineage=Lineage(), actor="me", at=1)
    assert not store.models.list()


def test_a_file_that_is_not_in_the_store_is_refused(packaged: Packaged, store: Store) -> None:
    """A version never names a blob that is not there."""
    lost = Artifact(name="model.onnx", digest="0" * 64, size=1)
    with pytest.raises(ModelError, match=r"'model\.onnx' of the packaged model is not in"):
        registered(store, msgspec.structs.replace(packaged, artifacts=(lost,)))
    assert not store.models.list()


def test_eight_processes_register_at_once(packaged: Packaged, store: Store, tmp_path: Path) -> None:
    """Four with one run get one version; four with runs of their own get numbers of their own."""
    runs = ["same"] * 4 + ["a", "b", "c", "d"]
    blobs = str(tmp_path / "blobs")
    found = race(register_alone, [(store.url, blobs, packaged, run) for run in runs])
    assert len(set(found[:4])) == 1
    assert sorted({number for _, number in found}) == [1, 2, 3, 4, 5]
    assert len(store.models.list("demo")) == 5
    assert len(store.audit.entries()) == 5
