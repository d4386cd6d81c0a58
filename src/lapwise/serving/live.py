"""What answers now: the deployment of a snapshot folder, followed as it changes.

A new version is loaded in a thread beside the old one, scores a row, and only then one pointer
moves. A version that cannot be loaded leaves the old deployment answering.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from contextlib import suppress
from pathlib import Path

from lapwise.core.clock import MachineClock, SystemWorldClock, WorldClock
from lapwise.core.deployment import ArmName, Deployment
from lapwise.core.errors import LapwiseError
from lapwise.core.prediction import Fused
from lapwise.serving.answering import Answering
from lapwise.serving.arm import Arm
from lapwise.serving.counters import READY, Counters, Key, totals
from lapwise.serving.fuse import FuseState, blow, read_fuse
from lapwise.serving.prediction_log import PredictionLog, last_logged, log_folder
from lapwise.serving.routes import Routes
from lapwise.serving.served import OpenVersion, ServedVersion
from lapwise.serving.snapshot import DEPLOYMENT, read_deployment

__all__ = ["Fixed", "Live"]

_POLL = 0.05
_RETRY = (0.2, 1.0, 5.0, 15.0)
_DEATHS = 3
_LOG = logging.getLogger(__name__)


class Fixed:
    """One version that answers for ever, with features given and nothing logged.

    Raises:
        ModelError: the signature has a column that cannot be served.
    """

    def __init__(self, served: ServedVersion) -> None:
        deployment = Deployment(model=served.version.model, production=served.version.id)
        self.answering: Answering | None = Answering(
            deployment, Arm(served, "production"), logged=False
        )
        self.routes: Routes | None = Routes(self.answering)
        self.counters = Counters()
        self.log: PredictionLog | None = None
        self.folder: Path | None = None
        self.trouble = ""
        self.wanted = 0

    async def start(self) -> None:
        """Keep the collector from looking at what stays: it answers already."""
        gc.collect()
        gc.freeze()

    async def stop(self) -> None:
        """Do nothing."""

    def reopen(self, version: str, name: ArmName) -> Arm | None:
        """Return None: there is no other version."""
        return None


class Live:
    """The deployment of a folder.

    Args:
        folder: the snapshot folder; it may be empty yet.
        open_version: loads a version by its id; it is called in a thread.
        world: the world's clock, for what the server notes of itself.
        replay: the world's time is what requests say, and no clock knows it.

    Attributes:
        answering: what answers now; None while nothing can.
        trouble: why the wanted deployment does not answer; empty if it does.
        wanted: the revision that lies in the folder.
    """

    def __init__(
        self,
        folder: Path,
        open_version: OpenVersion,
        *,
        world: WorldClock | None = None,
        replay: bool = False,
    ) -> None:
        self.folder: Path | None = folder
        self.answering: Answering | None = None
        self.routes: Routes | None = None
        self.trouble = ""
        self.wanted = 0
        self.log: PredictionLog | None = PredictionLog(log_folder(folder))
        self.counters = Counters(folder / "metrics")
        self._home = folder
        self._open = open_version
        self._world = world or SystemWorldClock()
        self._replay = replay
        self._clock = MachineClock()
        self._seen: tuple[int, int, int] | None = None
        self._fuse_seen: tuple[int, int, int] | None = None
        self._tries = 0
        self._again = 0.0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Load what is deployed, then follow; what cannot be loaded is told, not raised."""
        await self._look()
        self.counters.put(1, READY)
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Follow no more, and close the log."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self.log is not None:
            self.log.close()

    def reopen(self, version: str, name: ArmName) -> Arm | None:
        """Return a version that answers no more, if the folder still has it.

        It takes as long as loading takes, and is for the rare request that is sent again after both
        a kill and a new deployment.
        """
        try:
            return Arm(self._open(version), name)
        except Exception as error:  # noqa: BLE001 - a loader may raise anything
            _LOG.warning("version %s cannot be opened again: %s", version, type(error).__name__)
            return None

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(_POLL)
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 - to follow no more would be worse
                _LOG.exception("following failed: %s", type(error).__name__, exc_info=False)

    async def _look(self) -> None:
        stamp = _stamp(self._home / DEPLOYMENT)
        due = self.trouble and self._clock.monotonic() >= self._again
        if stamp != self._seen or due:
            if stamp != self._seen:
                self._tries = 0
            self._seen = stamp
            await self._load()
        fuse = _stamp(self._home / "fuse.json")
        if fuse != self._fuse_seen:
            self._fuse_seen = fuse
            self._obey(read_fuse(self._home))

    async def _load(self) -> None:
        try:
            deployment = read_deployment(self._home)
            if deployment is None:
                return
            self.wanted = deployment.revision
            try:
                answering = await asyncio.to_thread(self._prepare, deployment)
            except Exception:
                if self.answering is not None or deployment.canary is None:
                    raise
                # Nothing answers yet: production alone is better than nothing.
                alone = Deployment(
                    model=deployment.model,
                    production=deployment.production,
                    revision=deployment.revision,
                    at=deployment.at,
                )
                self._take(await asyncio.to_thread(self._prepare, alone))
                raise
        except Exception as error:  # noqa: BLE001 - a loader may raise anything; the old answers
            self._tell(error)
        else:
            self.trouble = ""
            self._take(answering)

    def _tell(self, error: Exception) -> None:
        """Note why a deployment does not answer, without values or paths, and when to try again."""
        said = error.thing if isinstance(error, LapwiseError) else type(error).__name__
        self.trouble = f"revision {self.wanted} cannot be served: {said}"
        self._again = self._clock.monotonic() + _RETRY[min(self._tries, len(_RETRY) - 1)]
        self._tries += 1
        self.counters.add(1, "load_failures")
        _LOG.warning("%s", self.trouble)

    def _prepare(self, deployment: Deployment) -> Answering:
        """Load what is not loaded yet; every arm scores one row before it may answer."""
        production = self._arm(deployment.production, "production")
        canary = self._arm(deployment.canary, "canary") if deployment.canary else None

        def out(at: int, reason: str) -> None:
            self._fused(deployment, at, reason)

        if canary is None:
            return Answering(deployment, production)
        place = self.counters.slot(*_busy_key(deployment))

        def busy(flag: int) -> None:
            self.counters.values[place] = flag

        return Answering(deployment, production, canary, out=out, busy=busy)

    def _arm(self, version: str, name: ArmName) -> Arm:
        now = self.answering
        loaded = (now.production, now.canary) if now else ()
        for arm in loaded:
            if arm is not None and arm.id == version:
                return arm if arm.name == name else Arm(arm.served, name)
        arm = Arm(self._open(version), name)
        arm.check()
        return arm

    def _take(self, answering: Answering) -> None:
        """Move the pointer; the former versions go when nobody holds them."""
        routes = Routes(answering)
        first = self.answering is None
        self.answering, self.routes = answering, routes
        self.counters.add(1, "swaps")
        self._obey(read_fuse(self._home))
        if first:
            self._count_deaths(answering)
            gc.collect()
        # What was loaded stays for long: the collector need not look at it again and again.
        gc.freeze()

    def _obey(self, state: FuseState | None) -> None:
        """Take out a canary that another worker, or this one before it died, found broken."""
        now = self.answering
        if state is None or now is None or now.canary is None:
            return
        if (state.version, state.revision) == (now.canary.id, now.deployment.revision):
            now.fused = True

    def _count_deaths(self, answering: Answering) -> None:
        """Take a canary out in which workers died; one death may be chance, or somebody's kill."""
        if answering.canary is None or answering.fused:
            return
        deaths = totals(self._home / "metrics", dead=True).get(_busy_key(answering.deployment), 0)
        if deaths >= _DEATHS:
            answering.fused = True
            at = self._last_instant(answering.deployment)
            self._fused(answering.deployment, at, f"{deaths} workers died while it answered")

    def _last_instant(self, deployment: Deployment) -> int:
        """Return what time it is in the world though no request says it."""
        if not self._replay:
            return self._world.now()
        last = last_logged(self._home)
        return deployment.at if last is None else last

    def _fused(self, deployment: Deployment, at: int, reason: str) -> None:
        version = deployment.canary or ""
        state = FuseState(version=version, revision=deployment.revision, at=at, reason=reason)
        self.counters.add(1, "fuses", version)
        _LOG.warning("canary %s is out: %s", version, reason)
        with suppress(OSError):  # the worker itself has obeyed already
            if self.log is not None:
                self.log.append(
                    Fused(at=at, version=version, revision=deployment.revision, reason=reason)
                )
            blow(self._home, state)


def _busy_key(deployment: Deployment) -> Key:
    return ("canary_busy", deployment.canary or "", str(deployment.revision))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - asked twenty times a second
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
