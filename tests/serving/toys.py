"""Versions that are formulas, with every fault a model may have, for tests with real processes."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lapwise.core.deployment import Deployment
from lapwise.core.errors import FeatureError, ModelError, NotMaterialisedError, StoreError
from lapwise.core.model import Column, ModelVersion
from lapwise.serving import ServedVersion, VersionFiles, publish, read_version
from tests.serving.versions import make_version

CARRIED = (
    Column(name="carrier", dtype="String"),
    Column(name="distance", dtype="Int64"),
    Column(name="scheduled", dtype="Datetime(time_unit='us', time_zone='UTC')"),
    Column(name="tailnum", dtype="String"),
)
HOUR = 3_600_000_000
AT = 1_365_000_000_000_000


class Toy(msgspec.Struct, frozen=True, kw_only=True):
    """What ``version.json`` holds in these tests."""

    version: ModelVersion
    behaviour: str = "fine"
    lookup: bool = True


class Lookup:
    """Hour of the day from the schedule, and what is carried as it is.

    Args:
        away: while this file is there, the online store is away; if it says so, emptied.
    """

    def __init__(self, away: Path) -> None:
        self._away = away

    def look_up(
        self, inputs: Mapping[str, Sequence[Any]], *, at: int
    ) -> Mapping[str, Sequence[Any]]:
        """Return the signature's columns; a flight known after ``at`` has no hour."""
        if self._away.exists():
            if self._away.read_text() == "emptied":
                raise NotMaterialisedError("never materialised")
            raise StoreError("the online store is away")
        missing = [column.name for column in CARRIED if column.name not in inputs]
        if missing:
            raise FeatureError(f"the request lacks {missing[0]}")
        hours = [
            None if moment is None or moment < at else moment // HOUR % 24
            for moment in inputs["scheduled"]
        ]
        distances = list(inputs["distance"])
        return {"hour": hours, "distance": distances, "carrier": list(inputs["carrier"])}


class Scorer:
    """Distance in ten thousand miles plus a hundredth for the version's number, and a fault."""

    def __init__(self, number: int, behaviour: str) -> None:
        self.number = number
        self.behaviour = behaviour
        self.hoard: list[bytes] = []

    def score(self, columns: Mapping[str, Any]) -> Any:
        """Return the formula, unless the fault comes first."""
        distance = columns["distance"]
        scores = np.nan_to_num(distance.astype(np.float64) / 10_000) + self.number / 100
        checked = len(distance) == 1 and distance[0] == 0.0  # the server's own check
        match self.behaviour:
            case "raises" if not checked:
                raise ValueError("s3cret-valu3")
            case "nan" if not checked:
                return scores * np.nan
            case "nan_when_long":
                return np.where(distance > 5_000, np.nan, scores)
            case "raises_when_long" if (distance > 5_000).any():
                raise ValueError("s3cret-valu3")
            case "spins" if not checked:
                until = time.monotonic() + 10
                while time.monotonic() < until:
                    pass
            case "hoards" if not checked:
                self.hoard = [os.urandom(1 << 20) * 64 for _ in range(32)]  # 2 GiB
            case "exits" if not checked:
                os._exit(3)
            case "slow" if not checked:
                time.sleep(0.01)
        return scores


def toy(number: int, behaviour: str = "fine", *, lookup: bool = True, **changes: Any) -> Toy:
    """Return a version by its number; its id is ``v<number>``."""
    version = make_version(id=f"v{number}", number=number, **changes)
    return Toy(version=version, behaviour=behaviour, lookup=lookup)


def lay(folder: Path, deployment: Deployment, *toys: Toy) -> None:
    """Publish a deployment with the files of toys."""
    contents = {
        one.version.id: VersionFiles(content=msgspec.json.encode(one), blobs={}) for one in toys
    }
    publish(folder, deployment, contents)


def deployment(revision: int = 1, production: str = "v1", **changes: Any) -> Deployment:
    """Return a deployment."""
    fields = {"model": "flight-delay", "salt": "salt", "revision": revision, **changes}
    return Deployment(production=production, **fields)


class Opener:
    """Opens the toys of a snapshot folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened: list[str] = []

    def __call__(self, version: str) -> ServedVersion:
        one = msgspec.json.decode(read_version(self.folder, version), type=Toy)
        self.opened.append(version)
        if one.behaviour == "unloadable":
            raise ModelError("the model's file is damaged", value="s3cret-valu3")
        served = ServedVersion(
            version=one.version, scorer=Scorer(one.version.number, one.behaviour)
        )
        if not one.lookup:
            return served
        return ServedVersion(
            version=one.version,
            scorer=served.scorer,
            lookup=Lookup(self.folder / f"away.{version}"),
            inputs=CARRIED,
            row="flight_id",
            unit="tailnum",
            categories={"carrier": frozenset({"UA", "DL"})},
        )


def carried(rows: int = 1, **changes: list[Any]) -> list[Any]:
    """Return the tensors of a request that carries a recipe's inputs."""
    columns: dict[str, tuple[str, list[Any]]] = {
        "carrier": ("BYTES", ["UA"] * rows),
        "distance": ("INT64", [1_000] * rows),
        "scheduled": ("INT64", [AT + 2 * HOUR] * rows),
        "tailnum": ("BYTES", [f"N{place}" for place in range(rows)]),
        "flight_id": ("BYTES", [f"F{place}" for place in range(rows)]),
    }
    return [
        {
            "name": name,
            "datatype": datatype,
            "shape": [rows],
            "data": changes.get(name, data),
        }
        for name, (datatype, data) in columns.items()
    ]


def features(rows: int = 1) -> list[Any]:
    """Return the tensors of a request that gives the signature's features."""
    columns: dict[str, tuple[str, list[Any]]] = {
        "distance": ("FP32", [1_000.0] * rows),
        "hour": ("FP32", [7.0] * rows),
        "carrier": ("BYTES", ["UA"] * rows),
    }
    return [
        {"name": name, "datatype": datatype, "shape": [rows], "data": data}
        for name, (datatype, data) in columns.items()
    ]
