"""Two products, and every call of a store on what is in one of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from lapwise.core.access import Grant, Role, Token
from lapwise.core.ids import new_id
from lapwise.core.model import Approval, Artifact, Metric, Param, Tag
from lapwise.core.tracked import RunInput
from lapwise.store.model import FileStamp, Store
from tests.store.making import (
    act,
    alarm,
    capture,
    dataset,
    declared,
    deployment,
    digest,
    freshness,
    hour,
    lap,
    logged,
    move,
    rollout,
    run,
    step,
    verification,
    version,
    webhook,
)

MINE, OTHERS = "churn", "secret-plan"


class Kept(NamedTuple):
    """What stands in one product, by id."""

    name: str
    run: str
    version: str
    lap: str
    logged: str
    rollout: str
    number: str


def keep(store: Store, name: str) -> Kept:
    """Fill a product with one of everything."""
    made = store.runs.create(run(name))
    content = f"bytes of {name}".encode()
    artifact = Artifact(name="a.txt", digest=store.blobs.put(content), size=len(content))
    store.runs.log(made.id, metrics=[Metric(name="auc", value=0.5)], artifacts=[artifact])
    first = store.models.add(version(name, content=name, run_id=made.id), act(subject=name))
    went = store.laps.create(lap(name))
    saved = store.logged.create(logged(f"m-{digest(name)[:32]}", experiment=name, run=made.id))
    on = store.rollouts.create(rollout(name))
    store.deployments.add(deployment(name))
    store.alarms.add(alarm(name))
    store.features.declare([declared("plane", loop=name)])
    store.features.note([freshness("plane", loop=name)])
    store.features.prove(verification(name))
    number = store.experiments.get(name).number
    store.runs.log(made.id, tags=[Tag(name="a", value="b")])
    on_it = (
        ("experiment", str(number)),
        ("logged", saved.id),
        ("version", first.id),
        ("model", name),
    )
    for kind, subject in on_it:
        store.labels.set(kind, subject, [Tag(name="a", value="b")])
    store.labels.set("alias", name, [Tag(name="best", value="1")])
    return Kept(name, made.id, first.id, went.id, saved.id, on.id, str(number))


Act = Callable[[Store, Kept], Any]


def _lease(store: Store, kept: Kept) -> None:
    with store.leases.hold(f"lap:{kept.name}"):
        pass


# One line a call: the least role, and the call on what is in a product.
ACTS: dict[str, tuple[Role, Act]] = {
    "experiments/create": ("contributor", lambda s, k: s.experiments.create(k.name, at=1)),
    "experiments/get": ("viewer", lambda s, k: s.experiments.get(k.number)),
    "experiments/update": (
        "contributor",
        lambda s, k: s.experiments.update(int(k.number), at=9, archived=True),
    ),
    "runs/create": ("contributor", lambda s, k: s.runs.create(run(k.name))),
    "runs/get": ("viewer", lambda s, k: s.runs.get(k.run)),
    "runs/list": ("viewer", lambda s, k: s.runs.list(k.name)),
    "runs/search": ("viewer", lambda s, k: s.runs.search(experiments=[k.name])),
    "runs/finish": ("contributor", lambda s, k: s.runs.finish(k.run, "finished", 9)),
    "runs/update": ("contributor", lambda s, k: s.runs.update(k.run, name="x")),
    "runs/beat": ("contributor", lambda s, k: s.runs.beat(k.run)),
    "runs/set_capture": ("contributor", lambda s, k: s.runs.set_capture(k.run, capture())),
    "runs/log": (
        "contributor",
        lambda s, k: s.runs.log(k.run, inputs=[RunInput(name="d", digest="1")]),
    ),
    "runs/untag": ("contributor", lambda s, k: s.runs.untag(k.run, ["x"])),
    "runs/params": ("viewer", lambda s, k: s.runs.params([k.run])),
    "runs/metrics": ("viewer", lambda s, k: s.runs.metrics([k.run])),
    "runs/inputs": ("viewer", lambda s, k: s.runs.inputs([k.run])),
    "runs/tags": ("viewer", lambda s, k: s.runs.tags([k.run])),
    "runs/history": ("viewer", lambda s, k: s.runs.history(k.run, "auc")),
    "runs/points": ("viewer", lambda s, k: s.runs.points(k.run, "auc")),
    "runs/curve": ("viewer", lambda s, k: s.runs.curve(k.run, "auc")),
    "runs/artifacts": ("viewer", lambda s, k: s.runs.artifacts(k.run)),
    "logged/create": (
        "contributor",
        lambda s, k: s.logged.create(logged("m-" + "1" * 32, experiment=k.name, run=k.run)),
    ),
    "logged/get": ("viewer", lambda s, k: s.logged.get(k.logged)),
    "logged/update": ("contributor", lambda s, k: s.logged.update(k.logged, at=9, status="ready")),
    "logged/search": ("viewer", lambda s, k: s.logged.search(experiments=[k.name])),
    "logged/log": (
        "contributor",
        lambda s, k: s.logged.log(k.logged, params=[Param(name="a", value=1)]),
    ),
    "logged/metrics": ("viewer", lambda s, k: s.logged.metrics([k.logged])),
    "logged/artifacts": ("viewer", lambda s, k: s.logged.artifacts(k.logged)),
    "logged/of_run": ("viewer", lambda s, k: s.logged.of_run(k.run)),
    "logged/of_runs": ("viewer", lambda s, k: s.logged.of_runs([k.run])),
    "logged/give": ("contributor", lambda s, k: s.logged.give(k.run, [(k.logged, 0)])),
    "labels/set": (
        "contributor",
        lambda s, k: s.labels.set("version", k.version, [Tag(name="a", value="b")]),
    ),
    "labels/remove": ("contributor", lambda s, k: s.labels.remove("alias", k.name, ["a"])),
    "labels/of": ("viewer", lambda s, k: s.labels.of("experiment", [k.number])),
    "models/add": (
        "contributor",
        lambda s, k: s.models.add(version(k.name, content="new"), act(subject=k.name)),
    ),
    "models/get": ("viewer", lambda s, k: s.models.get(k.version)),
    "models/list": ("viewer", lambda s, k: s.models.list(k.name)),
    "models/describe": ("contributor", lambda s, k: s.models.describe(k.version, "x", 9)),
    "models/create_name": ("contributor", lambda s, k: s.models.create_name(k.name, at=9)),
    "models/get_name": ("viewer", lambda s, k: s.models.get_name(k.name)),
    "models/update_name": (
        "contributor",
        lambda s, k: s.models.update_name(k.name, at=9, description="x"),
    ),
    "models/production": ("viewer", lambda s, k: s.models.production(k.name)),
    "models/move": (
        "contributor",
        lambda s, k: s.models.move(
            [move(s.models.get(k.version), "none", "staging")], act("stage", f"{k.name}@v1")
        ),
    ),
    "models/decide": (
        "approver",
        lambda s, k: s.models.decide(
            Approval(id=new_id(), version=k.version, decision="refused", by="eve", at=9),
            act("stage", f"{k.name}@v1"),
        ),
    ),
    "models/approvals": ("viewer", lambda s, k: s.models.approvals(k.version)),
    "deployments/add": ("approver", lambda s, k: s.deployments.add(deployment(k.name, at=9))),
    "deployments/newest": ("viewer", lambda s, k: s.deployments.newest(k.name)),
    "deployments/list": ("viewer", lambda s, k: s.deployments.list(k.name)),
    "rollouts/create": (
        "approver",
        lambda s, k: s.rollouts.create(msgspec.structs.replace(rollout(k.name), id=k.rollout)),
    ),
    "rollouts/update": (
        "approver",
        lambda s, k: s.rollouts.update(
            msgspec.structs.replace(s.rollouts.get(k.rollout), paused=True),
            seen=s.rollouts.get(k.rollout),
        ),
    ),
    "rollouts/get": ("viewer", lambda s, k: s.rollouts.get(k.rollout)),
    "rollouts/open": ("viewer", lambda s, k: s.rollouts.open(k.name)),
    "rollouts/list": ("viewer", lambda s, k: s.rollouts.list(k.name)),
    "laps/create": ("contributor", lambda s, k: s.laps.create(lap(k.name))),
    "laps/update": (
        "contributor",
        lambda s, k: s.laps.update(msgspec.structs.replace(lap(k.name), id=k.lap, number=1)),
    ),
    "laps/get": ("viewer", lambda s, k: s.laps.get(k.lap)),
    "laps/list": ("viewer", lambda s, k: s.laps.list(k.name)),
    "alarms/add": ("contributor", lambda s, k: s.alarms.add(alarm(k.name))),
    "alarms/list": ("viewer", lambda s, k: s.alarms.list(k.name)),
    "features/declare": (
        "contributor",
        lambda s, k: s.features.declare([declared("plane", loop=k.name)]),
    ),
    "features/list": ("viewer", lambda s, k: s.features.list(k.name)),
    "features/note": (
        "contributor",
        lambda s, k: s.features.note([freshness("plane", loop=k.name)]),
    ),
    "features/freshness": ("viewer", lambda s, k: s.features.freshness(k.name)),
    "features/prove": ("contributor", lambda s, k: s.features.prove(verification(k.name))),
    "features/proofs": ("viewer", lambda s, k: s.features.proofs(k.name)),
    "observations/save": (
        "contributor",
        lambda s, k: s.observations.save([hour(0, k.name)]),
    ),
    "observations/hours": ("viewer", lambda s, k: s.observations.hours(k.name)),
    "observations/days": ("viewer", lambda s, k: s.observations.days(k.name)),
    "leases/take": ("contributor", _lease),
    "leases/renew": ("contributor", _lease),
    "leases/release": ("contributor", _lease),
    "audit/append": (
        "contributor",
        lambda s, k: s.audit.append(act("request-approval", f"{k.name}@v1")),
    ),
    "blobs/get": ("viewer", lambda s, k: s.blobs.get(digest(f"bytes of {k.name}"))),
    "blobs/path": ("viewer", lambda s, k: s.blobs.path(digest(f"bytes of {k.name}"))),
    "blobs/size": ("viewer", lambda s, k: s.blobs.size(digest(f"bytes of {k.name}"))),
}

# Calls on what all products share: the least role, whether it must be held in all of them.
SHARED: dict[str, tuple[Role, bool, Callable[[Store], Any]]] = {
    "datasets/add": ("contributor", True, lambda s: s.datasets.add(dataset())),
    "datasets/get": ("viewer", False, lambda s: s.datasets.get("flights")),
    "datasets/list": ("viewer", False, lambda s: s.datasets.list()),
    "datasets/stamps": ("contributor", True, lambda s: s.datasets.stamps(["a"])),
    "datasets/remember": (
        "contributor",
        True,
        lambda s: s.datasets.remember([FileStamp("a", 1, 1, 1, digest("a"))]),
    ),
    "steps/add": ("contributor", True, lambda s: s.steps.add(step("b"))),
    "steps/get": ("viewer", True, lambda s: s.steps.get(digest("b"))),
    "steps/last": ("viewer", True, lambda s: s.steps.last("train")),
    "records/keep": (
        "contributor",
        True,
        lambda s: s.records.add("kind", digest("c"), Tag(name="a", value="b")),
    ),
    "records/text": ("viewer", True, lambda s: s.records.get("kind", digest("b"), Tag)),
    "records/digests": ("viewer", True, lambda s: s.records.digests("kind")),
    "audit/head": ("approver", False, lambda s: s.audit.head()),
    "tokens/add": ("admin", True, lambda s: s.tokens.add(token(), digest("hash"), "eve")),
    "tokens/list": ("admin", True, lambda s: s.tokens.list()),
    "tokens/revoke": ("admin", True, lambda s: s.tokens.revoke("kept", 9, "eve")),
    "webhooks/add": ("admin", True, lambda s: s.webhooks.add(webhook(), "s", "eve")),
    "webhooks/list": ("admin", True, lambda s: s.webhooks.list()),
    "webhooks/remove": ("admin", True, lambda s: s.webhooks.remove("kept", 9, "eve")),
    "webhooks/deliveries": ("admin", True, lambda s: s.webhooks.deliveries("kept")),
    "blobs/put": ("contributor", False, lambda s: s.blobs.put(b"new")),
    "blobs/put_file": ("contributor", False, lambda s: s.blobs.put_file(Path(__file__))),
    "blobs/uploads": ("contributor", False, lambda s: s.blobs.uploads()),
    "blobs/digests": ("admin", True, lambda s: list(s.blobs.digests())),
    "blobs/remove": ("admin", True, lambda s: s.blobs.remove(digest("nothing"))),
    "blobs/anchor": (
        "approver",
        False,
        lambda s: s.blobs.anchor("audit-0000000001", s.audit.entries(limit=1)[0].hash.encode()),
    ),
    "blobs/anchors": ("viewer", True, lambda s: s.blobs.anchors()),
}

# Answered with what is seen; tested by name below.
LISTED = {
    "experiments/search", "models/search", "models/search_names", "audit/entries", "events/list",
    "runs/holders", "models/holders", "logged/holders", "blobs/has",
    "features/users",
}  # fmt: skip

ROLES: tuple[Role, ...] = ("viewer", "contributor", "approver", "admin")


def token(id: str = "") -> Token:
    return Token(id=id or new_id(), name="bob", grants=(Grant(role="viewer"),), created=1)
