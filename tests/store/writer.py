"""A process that writes to a store and says what was acknowledged; the proofs race and kill it.

``python -m tests.store.writer URL BLOBS NAME ROUNDS``: a line of JSON on stdout for each act,
written after the call returned.
"""

from __future__ import annotations

import json
import os
import sys

import msgspec

from lapwise.core.errors import ConflictError
from lapwise.core.model import Artifact, Metric, Param
from lapwise.store.audit import anchor_head
from lapwise.store.model import Store
from lapwise.store.open import open_store
from tests.store import making

SHARED = "many-writers"


def main() -> None:
    url, blobs, name, rounds = sys.argv[1:]
    with open_store(url, blobs) as store:
        for index in range(int(rounds)):
            one_round(store, name, index)
    say("done", True)


def say(act: str, what: object) -> None:
    """Write a line with one system call, so that a kill cannot cut it."""
    os.write(1, json.dumps([act, what]).encode() + b"\n")


def one_round(store: Store, name: str, index: int) -> None:
    """Do one of everything, some of it the same in every process."""
    own = store.blobs.put(f"{name} {index}".encode())
    say("blob", own)
    say("blob", store.blobs.put(f"shared {index}".encode()))
    run = store.runs.create(making.run(name))
    say("run", [run.id, run.number])
    store.runs.log(
        run.id,
        params=[Param(name="index", value=index)],
        metrics=[Metric(name=f"m{step % 3}", value=float(step), step=step) for step in range(30)],
        artifacts=[Artifact(name="own", digest=own, size=store.blobs.size(own))],
        batch="only",
    )
    say("log", run.id)
    dataset = store.datasets.add(making.dataset(content=f"{name} {index}", blob=own))
    say("dataset", [dataset.id, dataset.number])
    same = store.datasets.add(making.dataset(content=f"shared {index}", blob=own))
    say("same dataset", [same.digest, same.id])
    step = store.steps.add(making.step(f"shared {index}", blob=own))
    say("step", [step.key, step.outputs[0].digest])
    lap = store.laps.create(making.lap(SHARED))
    say("lap", [lap.id, lap.number])
    # Of a lap: only a name that a loop governs has one version in production.
    made = making.version(SHARED, f"{name} {index}", run.id, lap.id)
    version = store.models.add(made, making.act(subject=run.id))
    say("version", [version.id, version.number])
    in_use(store, name, index, version.id)
    promote(store, version.id)


def in_use(store: Store, name: str, index: int, version: str) -> None:
    """Roll a version out in a model of this writer's own; deploy, count and alarm in one of all."""
    rollout = msgspec.structs.replace(making.rollout(name), candidate=version, control=version)
    rollout = store.rollouts.create(rollout)
    say("rollout", [rollout.id, rollout.number, "shadow"])
    store.rollouts.update(msgspec.structs.replace(rollout, phase="promoted"), seen=rollout)
    say("rollout", [rollout.id, rollout.number, "promoted"])
    deployment = store.deployments.add(making.deployment(SHARED, version))
    say("deployment", [version, deployment.revision])
    alarm = store.alarms.add(making.alarm(SHARED))
    say("alarm", [alarm.id, alarm.number])
    hours = [making.hour(index * 24 + at, SHARED, name) for at in range(24)]
    store.observations.save(hours, [making.day(index * 24, name)])
    say("hours", [name, index * 24])


def promote(store: Store, version: str) -> None:
    """Move a version to production; somebody else may always be first, then try again."""
    while True:
        holder = store.models.production(SHARED)
        moves = [making.move(store.models.get(version), "none", "production")]
        if holder is not None:
            moves.append(making.move(holder, "production", "archived"))
        try:
            entry = store.models.move(moves, making.act("promote", version))
        except ConflictError:
            continue
        say("promoted", [version, entry.sequence])
        anchor_head(store.blobs, entry)
        say("anchored", entry.sequence)
        return


if __name__ == "__main__":
    main()
