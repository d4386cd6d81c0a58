"""The flights product, approved and served, with requests whose features are looked up."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lapwise.core.clock import parse_time
from lapwise.loop.acting import decide_version
from lapwise.loop.bootstrap import open_workshop
from lapwise.loop.client import Client
from lapwise.loop.init import start_project
from lapwise.loop.lap import lap
from lapwise.loop.online import materialize_online
from lapwise.loop.page import load_page
from lapwise.loop.project import find_project
from lapwise.loop.replay import infer_request
from lapwise.loop.serve import ServerProcess, lay
from lapwise.loop.world import read_world

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lapwise.loop.project import Project
    from lapwise.loop.world import Asked

__all__ = ["MODEL", "Flights"]

MODEL = "flight-delay"
AS_OF = parse_time("2013-04-01")
HOUR = 3_600_000_000
GATE = 'gates.Latency(p99="10ms"),'


class Flights:
    """A project after one lap, its version in production, its online features up to AS_OF.

    Args:
        folder: made, with everything in it.
    """

    def __init__(self, folder: Path) -> None:
        start_project(folder, "flights")
        page = folder / "page.py"
        declared = page.read_text()
        # Latency is what is measured here: a busy machine must not refuse the version for it.
        assert GATE in declared
        page.write_text(declared.replace(GATE, ""))
        self.project: Project = find_project(folder)
        loop = load_page("page.py", folder)
        with open_workshop(folder, as_of=AS_OF, trusted=loop.trusted) as workshop:
            from lapwise.registry import approve

            line = lap(workshop, loop)
            assert line.version is not None, f"the lap ended without a version: {line.decision}"
            decide_version(workshop, approve, line.version, by="benchmark")
            materialize_online(workshop, loop)
            world = read_world(workshop, loop, AS_OF, AS_OF + 24 * HOUR)
        self._asked = list(islice(world.asked(AS_OF, AS_OF + 24 * HOUR), 24))
        lay(self.project, MODEL)

    def start(self) -> ServerProcess:
        """Start the server: a supervisor with one worker."""
        return ServerProcess.start(self.project, MODEL, replay=True)

    def looked_up(self, counts: Iterable[int]) -> dict[int, bytes]:
        """Return requests that carry what the page calls inputs, by their number of rows."""
        at, columns = _joined(self._asked)
        return {
            count: infer_request(
                {name: values[:count] for name, values in columns.items()}, request="", at=at
            )
            for count in counts
        }

    def given(self, server: ServerProcess, counts: Iterable[int]) -> dict[int, bytes]:
        """Return requests that carry the model's features, so that nothing is looked up."""
        client = Client(*server.address)
        told = msgspec.json.decode(client.get(f"/v2/models/{MODEL}"))
        client.close()
        return {count: _features(told["features"], count) for count in counts}


def _joined(asked: Sequence[Asked]) -> tuple[int, dict[str, list[Any]]]:
    """Return the rows of some instants as one request, as of the last of them."""
    columns: dict[str, list[Any]] = {name: [] for name in asked[0].columns}
    for one in asked:
        for name, values in one.columns.items():
            columns[name] += values
    return asked[-1].at, columns


def _features(told: Sequence[dict[str, Any]], count: int) -> bytes:
    inputs = [
        {
            "name": one["name"],
            "shape": [count],
            "datatype": one["datatype"],
            "data": ["UA" if one["datatype"] == "BYTES" else 7.5] * count,
        }
        for one in told
    ]
    return msgspec.json.encode({"inputs": inputs, "parameters": {"at": AS_OF}})
