from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lapwise.core.errors import StageError
from lapwise.core.model import ModelVersion, Verdict, VerdictStatus
from lapwise.registry import (
    Packaged,
    approve,
    archive,
    load,
    package,
    refuse,
    roll_back,
    to_staging,
    verify,
    withdraw,
)
from lapwise.registry.registration import keep_verdicts
from lapwise.store.model import Store
from tests.registry.examples import PASSED, registered, small_model, small_rows, staged
from tests.registry.racing import decide_alone, race


def verdict(status: VerdictStatus) -> tuple[Verdict, ...]:
    return (*PASSED, Verdict(gate="G002", name="better", status=status, sentence="…"))


def snapshot(store: Store) -> Any:
    """Return all that a refused act must leave as it was."""
    versions = store.models.list()
    decisions = [store.models.approvals(one.id) for one in versions]
    return versions, decisions, store.audit.entries(), store.blobs.anchors()


class TestStaging:
    def test_gates_passed_lead_to_staging(self, packaged: Packaged, store: Store) -> None:
        """Passed and not applicable count; the log names the verdicts."""
        version = registered(store, packaged)
        moved = to_staging(store, version, actor="lap 1", at=2, verdicts=verdict("not_applicable"))
        assert moved.stage == "staging"
        told = {one.name: one.value for one in store.audit.entries()[-1].details}
        assert told["verdicts"] == keep_verdicts(store, verdict("not_applicable"))

    @pytest.mark.parametrize("status", ["failed", "cannot_tell"])
    def test_a_gate_that_did_not_pass_keeps_it_out(
        self, status: VerdictStatus, packaged: Packaged, store: Store
    ) -> None:
        """Failed and cannot tell are named; the version cannot be approved either."""
        version = registered(store, packaged)
        before = snapshot(store)
        with pytest.raises(StageError, match=f"G002 better: {status}"):
            to_staging(store, version, actor="lap 1", at=2, verdicts=verdict(status))
        with pytest.raises(StageError, match="cannot be approved") as caught:
            approve(store, version, by="ada", at=3)
        assert "gates must pass first" in str(caught.value)
        assert snapshot(store) == before

    def test_judged_by_no_gate_is_not_passed(self, packaged: Packaged, store: Store) -> None:
        """An empty list of verdicts does not lead to staging."""
        with pytest.raises(StageError, match="judged by no gate"):
            to_staging(store, registered(store, packaged), actor="lap 1", at=2, verdicts=())

    def test_judged_again_and_failed_it_is_withdrawn(
        self, packaged: Packaged, store: Store
    ) -> None:
        """Back to none, marked; approving says why not; passing again leads back."""
        version = staged(store, packaged)
        back = withdraw(store, version, actor="lap 2", at=3, verdicts=verdict("failed"))
        assert (back.stage, back.marks) == ("none", ("withdrawn",))
        with pytest.raises(StageError, match="cannot be approved"):
            approve(store, back, by="ada", at=4)
        assert to_staging(store, back, actor="lap 3", at=5, verdicts=PASSED).stage == "staging"


class TestApproval:
    def test_the_first_version_goes_to_production_as_bootstrap(
        self, packaged: Packaged, store: Store
    ) -> None:
        """After its self-test, marked, recorded with who and why, the log's head anchored."""
        version = approve(store, staged(store, packaged), by="ada", at=3, note="looks right")
        assert (version.stage, version.marks) == ("production", ("bootstrap",))
        assert store.models.production("demo") == version
        (decision,) = store.models.approvals(version.id)
        assert (decision.by, decision.at, decision.note) == ("ada", 3, "looks right")
        assert decision.verdicts == version.verdicts
        head = store.audit.head()
        assert head is not None
        assert head.hash.encode() in store.blobs.anchors().values()
        assert verify(store).sound

    def test_a_later_version_waits_in_canary(self, packaged: Packaged, store: Store) -> None:
        """The former stays in production until the later one is promoted."""
        first = approve(store, staged(store, packaged), by="ada", at=3)
        second = approve(store, staged(store, packaged, "run-2"), by="policy:replay", at=4)
        assert (second.stage, second.marks) == ("canary", ())
        assert store.models.production("demo") == first

    def test_one_version_at_a_time_is_in_canary(self, packaged: Packaged, store: Store) -> None:
        """A third is told to wait, or how to take the second back."""
        approve(store, staged(store, packaged), by="ada", at=3)
        second = approve(store, staged(store, packaged, "run-2"), by="ada", at=4)
        third = staged(store, packaged, "run-3")
        before = snapshot(store)
        with pytest.raises(StageError, match=r"another version is in canary: 'demo@v2'") as caught:
            approve(store, third, by="ada", at=5)
        assert "lapwise rollback demo@v2" in caught.value.fix
        assert snapshot(store) == before
        roll_back(store, second, by="ada", at=6)
        assert approve(store, third, by="ada", at=7).stage == "canary"

    def test_the_verdicts_of_the_last_judgement_are_those_approved(
        self, packaged: Packaged, store: Store
    ) -> None:
        """Judged again with other limits, the approval names the later verdicts."""
        version = registered(store, packaged)
        again = verdict("passed")
        version = to_staging(store, version, actor="lap 2", at=2, verdicts=again)
        approve(store, version, by="ada", at=3)
        assert store.models.approvals(version.id)[0].verdicts == keep_verdicts(store, again)

    @pytest.mark.parametrize("by", ["", "  "])
    def test_somebody_must_decide(self, by: str, packaged: Packaged, store: Store) -> None:
        """An empty name is refused by every deed of a person."""
        version = staged(store, packaged)
        before = snapshot(store)
        deeds: list[Callable[[], ModelVersion]] = [
            lambda: approve(store, version, by=by, at=3),
            lambda: refuse(store, version, by=by, at=3),
            lambda: archive(store, version, by=by, at=3),
        ]
        for deed in deeds:
            with pytest.raises(StageError, match="nobody"):
                deed()
        assert snapshot(store) == before

    def test_a_model_that_fails_its_self_test_is_not_approved(
        self, packaged: Packaged, store: Store
    ) -> None:
        """Another model's files under the version: nothing moves, nothing is recorded."""
        other = package(small_model(100.0), inputs=small_rows(), task="binary", store=store)
        probe = next(part for part in packaged.artifacts if part.name == "probe.parquet")
        files = [part for part in other.artifacts if part.name != "probe.parquet"]
        version = staged(store, msgspec.structs.replace(other, artifacts=(*files, probe)))
        before = snapshot(store)
        with pytest.raises(StageError, match="fails its self-test") as caught:
            approve(store, version, by="ada", at=3)
        assert "does not answer as it did" in str(caught.value)
        assert snapshot(store) == before

    def test_a_damaged_model_is_not_approved(self, packaged: Packaged, store: Store) -> None:
        """A blob whose bytes changed is found at approval."""
        version = staged(store, packaged)
        digest = next(part.digest for part in version.artifacts if part.name == "model.onnx")
        path = store.blobs.path(digest)
        path.chmod(0o644)
        path.write_bytes(b"changed")
        with pytest.raises(StageError, match="fails its self-test"):
            approve(store, version, by="ada", at=3)
        assert store.models.get(version.id).stage == "staging"


class TestDecisionsAreFinal:
    def test_refused_is_archived_and_marked(self, packaged: Packaged, store: Store) -> None:
        """The refusal is recorded with who and why; production is not touched."""
        version = refuse(store, staged(store, packaged), by="bob", at=3, note="too late")
        assert (version.stage, version.marks) == ("archived", ("refused",))
        (decision,) = store.models.approvals(version.id)
        assert (decision.decision, decision.by, decision.note) == ("refused", "bob", "too late")
        assert store.models.production("demo") is None

    def test_what_failed_its_gates_may_be_refused(self, packaged: Packaged, store: Store) -> None:
        """From none as from staging."""
        assert refuse(store, registered(store, packaged), by="bob", at=3).stage == "archived"

    @pytest.mark.parametrize("first", ["approve", "refuse"])
    @pytest.mark.parametrize("second", ["approve", "refuse"])
    def test_nothing_is_decided_twice(
        self, first: str, second: str, packaged: Packaged, store: Store
    ) -> None:
        """The second is told where the version stands and who decided; the record stays as it was."""
        deeds: dict[str, Callable[..., ModelVersion]] = {"approve": approve, "refuse": refuse}
        version = staged(store, packaged)
        deeds[first](store, version, by="ada", at=3)
        before = snapshot(store)
        with pytest.raises(StageError, match=f"{first}d by ada"):
            deeds[second](store, version, by="bob", at=4)
        assert snapshot(store) == before

    def test_production_is_never_archived_by_hand(self, packaged: Packaged, store: Store) -> None:
        """Requests would be left without an answer."""
        version = approve(store, staged(store, packaged), by="ada", at=3)
        with pytest.raises(StageError, match="answers requests"):
            archive(store, version, by="ada", at=4)
        with pytest.raises(StageError, match="cannot be refused"):
            refuse(store, version, by="ada", at=4)
        assert load(version, store.blobs).predict(small_rows()).shape == (300,)

    def test_archived_never_comes_back(self, packaged: Packaged, store: Store) -> None:
        """Not to staging, not by approval, not to be archived again."""
        version = archive(store, staged(store, packaged), by="ada", at=3)
        deeds: list[Callable[[], ModelVersion]] = [
            lambda: to_staging(store, version, actor="lap", at=4),
            lambda: approve(store, version, by="ada", at=4),
            lambda: archive(store, version, by="ada", at=4),
        ]
        for deed in deeds:
            with pytest.raises(StageError, match="never comes back"):
                deed()


class TestRaces:
    """Processes of their own, let go at one moment."""

    def race(
        self, store: Store, tmp_path: Path, deeds: list[tuple[ModelVersion, str]]
    ) -> list[str]:
        blobs = str(tmp_path / "blobs")
        arguments = [(store.url, blobs, version.id, verb) for version, verb in deeds]
        return sorted(race(decide_alone, arguments))

    def test_one_version_is_decided_once(
        self, packaged: Packaged, store: Store, tmp_path: Path
    ) -> None:
        """Approved and refused by four processes at once: one outcome, one decision on record."""
        version = staged(store, packaged)
        deeds = [(version, "approve"), (version, "refuse")] * 2
        outcomes = self.race(store, tmp_path, deeds)
        assert outcomes.count("StageError") == 3
        assert len(store.models.approvals(version.id)) == 1
        assert verify(store).sound

    def test_one_of_two_first_versions_becomes_bootstrap(
        self, packaged: Packaged, store: Store, tmp_path: Path
    ) -> None:
        """The other goes to canary: it has something to be compared with now."""
        deeds = [(staged(store, packaged, run), "approve") for run in ("run-1", "run-2")]
        assert self.race(store, tmp_path, deeds) == ["canary", "production"]
        assert verify(store).sound

    def test_one_of_two_later_versions_gets_canary(
        self, packaged: Packaged, store: Store, tmp_path: Path
    ) -> None:
        """The other is told to wait."""
        approve(store, staged(store, packaged, "run-0"), by="ada", at=3)
        deeds = [(staged(store, packaged, run), "approve") for run in ("run-1", "run-2")]
        assert self.race(store, tmp_path, deeds) == ["StageError", "canary"]
