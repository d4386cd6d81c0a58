"""A sweep of runs, and one that logged twelve thousand metrics, as records in a real store."""

from __future__ import annotations

from lapwise.core.ids import new_id
from lapwise.core.model import Artifact, Capture, Metric, Param, Run, Tag
from lapwise.core.tracked import RunInput
from lapwise.store.model import Store
from tests.server.seen import HOSTILE

START = 1_700_000_000_000_000
MINUTE = 60_000_000
SWEPT = 60
WIDE = SWEPT + 1
CHILD = SWEPT + 2
NAMES = 12_000

# One pixel.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360f8cfc0f01f0005000201a5f645400000000049454e44ae426082"
)
PATCH = f"--- a/page.py\n+++ b/page.py\n@@ -1 +1 @@\n-old\n+{HOSTILE}</pre>\n"


def fill(store: Store) -> None:
    """Keep sixty runs of a sweep, a wide run and its child."""
    packages = [store.blobs.put(b"numpy==2.0\npolars==2.1\n")]
    packages.append(store.blobs.put(b"numpy==2.0\npolars==2.2 --hash=sha256:ab\nxgboost==3.0\n"))
    patch = store.blobs.put(PATCH.encode())
    for n in range(SWEPT):
        dirty = n % 3 == 0
        _run(store, n, _capture(packages[n % 2], patch if dirty else None))
    wide = _run(store, SWEPT, None)
    metrics = [Metric(name=f"layer.{n:05d}", value=n / 7, step=1) for n in range(NAMES)]
    store.runs.log(wide.id, metrics=metrics)
    store.runs.create(
        Run(
            id=new_id(), number=0, experiment="churn", status="running",
            started=START, parent=wide.id, name="fold 1",
        )
    )  # fmt: skip


def _run(store: Store, n: int, capture: Capture | None) -> Run:
    started = START + n * MINUTE
    run = store.runs.create(
        Run(
            id=new_id(), number=0, experiment="flights" if n % 5 == 0 else "churn", status="running",
            started=started, user="ada", name=HOSTILE if n == 3 else "", capture=capture,
        )
    )  # fmt: skip
    rate, depth = (0.01, 0.03, 0.1, 0.3)[n % 4], n % 7
    store.runs.log(
        run.id,
        params=[Param(name="lr", value=rate), Param(name="depth", value=depth)],
        metrics=[
            Metric(name="auc", value=0.6 + rate / 2 + n / 10_000),
            Metric(name="odd name", value=float("nan")),
            *(Metric(name="loss", value=1 / (1 + t), step=t, at=started + t) for t in range(900)),
            *(
                Metric(name="system/cpu", value=50.0 + t % 9, at=started + t * 10)
                for t in range(30)
            ),
        ],
        tags=[Tag(name="owner", value="bob" if n % 2 else "ada"), Tag(name="note", value=HOSTILE)],
        artifacts=[_kept(store, *one) for one in FILES.items()],
        inputs=[RunInput(name="train", digest="abc", kind="file", source="s3://data/train")],
    )
    return store.runs.finish(run.id, "failed" if n == 7 else "finished", started + 4_000_000)


FILES = {
    "plots/roc.png": PNG,
    "evil.html": HOSTILE.encode(),
    "fake.png": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "table.csv": f"a,b\n{HOSTILE},2\n".encode(),
    'odd "name" ü.bin': bytes(range(256)) * 40,
}


def _kept(store: Store, name: str, content: bytes) -> Artifact:
    return Artifact(name=name, digest=store.blobs.put(content), size=len(content))


def _capture(packages: str, patch: str | None) -> Capture:
    return Capture(
        commit="a1b9c2" + "0" * 34, dirty=patch is not None, patch=patch, packages=packages,
        environment="e" * 64, python="CPython 3.11.7", platform="Linux", cpu="EPYC", cores=2,
        memory=8 << 30, threads=(), seed=None if patch else 7, command=("python", "train.py"),
        flags=("dirty", "unseeded") if patch else (),
    )  # fmt: skip
