from __future__ import annotations

from lapwise.core.ids import new_id
from lapwise.core.model import KeyPart, Lineage, Metric, Param, Run
from lapwise.registry import Packaged, approve, register, to_staging, trace_version
from lapwise.store.model import Store
from tests.registry.examples import PASSED, registered


def test_the_walk_goes_from_version_to_seed(packaged: Packaged, store: Store) -> None:
    """Version, approval, run, frame, datasets, split, code, environment, seed: named and identified."""
    run = store.runs.create(
        Run(id=new_id(), number=0, experiment="demo", status="running", started=0)
    )
    store.runs.log(
        run.id,
        params=[Param(name="lr", value=0.1)],
        metrics=[Metric(name="auc", value=0.74)],
    )
    store.runs.finish(run.id, "finished", 1)
    lineage = Lineage(
        run=run.id,
        frame="f" * 64,
        datasets=(KeyPart(name="flights@v7", digest="d" * 64),),
        split="5" * 64,
        code="c" * 64,
        commit="a1b9c2" * 6,
        environment="e" * 64,
        seed=7,
    )
    version = register(
        store,
        model="demo",
        packaged=packaged,
        lineage=lineage,
        actor="lap 1",
        at=1,
        verdicts=PASSED,
    )
    version = to_staging(store, version, actor="lap 1", at=2)
    version = approve(store, version, by="ada", at=1_364_774_400_000_000, note="fine")
    lines = trace_version(store, version)
    assert [line.what for line in lines] == [
        "version",
        "approval",
        "run",
        "frame",
        "dataset",
        "split",
        "code",
        "environment",
        "seed",
    ]
    texts = {line.what: line.text for line in lines}
    assert texts["version"] == "demo v1  production (bootstrap)  served by onnx"
    assert texts["approval"] == "approved by ada at 2013-04-01T00:00:00Z: fine"
    assert texts["run"] == "run 001  demo  finished  auc=0.74  lr=0.1"
    assert texts["dataset"] == "flights@v7"
    assert texts["code"] == "commit a1b9c2a1b9c2"
    assert texts["seed"] == "7"
    identities = {line.what: line.identity for line in lines}
    assert identities["version"] == version.digest
    assert identities["run"] == run.id
    assert identities["environment"] == "e" * 64


def test_what_is_not_recorded_is_told(packaged: Packaged, store: Store) -> None:
    """A run that is gone, no decision, no frame: said, not left out."""
    lines = trace_version(store, registered(store, packaged, "no-such-run"))
    texts = [(line.what, line.text) for line in lines]
    assert ("approval", "nobody has decided yet") in texts
    assert ("run", "its record is gone") in texts
    assert ("frame", "features of the examples, not recorded") in texts
    assert ("dataset", "not recorded") in texts
