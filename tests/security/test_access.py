"""One product's people at another's records, through everything that names two things at once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lapwise.core.ids import new_id
from tests.security.siege import Siege
from tests.server.access.acts import MINE, OTHERS
from tests.store.making import act, alarm, dataset, digest, lap, logged, rollout, run, step, version


def _plain(record: object, **changed: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(record)
    return found | changed


def test_what_all_may_read_gives_no_key_to_anybodys_bytes(siege: Siege) -> None:
    """A digest is a key: whoever learnt one could name it in a run, and then read its blob."""
    rows = siege.store.blobs.put(b"rows that are secret")
    kept = siege.store.datasets.add(dataset("payroll", "x", rows))
    siege.store.steps.add(step("fit others", "fit", rows))
    answers = [
        siege.call("datasets/get", reference="payroll"),
        siege.call("datasets/get", reference=kept.id),
        siege.call("datasets/list"),
        siege.call("steps/get", key=digest("fit others")),
        siege.call("steps/last", step="fit"),
        siege.call("records/digests", kind="split"),
        siege.call("blobs/digests"),
        siege.client.get("/api/v1/blobs", headers=siege.bearing()),
        siege.client.get(f"/api/v1/blobs/{rows}", headers=siege.bearing()),
    ]
    assert all(rows not in one.text for one in answers)
    assert [one.status_code for one in answers] == [200, 200, 200, 403, 403, 403, 404, 403, 403]
    everybody = siege.call("datasets/get", role="viewer", product="*", reference="payroll")
    assert rows in everybody.text


def test_a_record_is_read_by_whoever_has_what_names_it(siege: Siege) -> None:
    key = digest("a split")
    siege.store.records.add("split", key, run())
    assert siege.call("records/text", kind="split", digest=key).status_code == 403
    other = version(OTHERS, content="with a split")
    lineage = msgspec.structs.replace(other.lineage, split=key)
    siege.store.models.add(msgspec.structs.replace(other, lineage=lineage), act(subject=OTHERS))
    assert siege.call("records/text", kind="split", digest=key).status_code == 403
    theirs = siege.call("records/text", product=OTHERS, kind="split", digest=key)
    assert theirs.status_code == 200
    reference = siege.others.version
    asked = siege.call("records/text", kind="reference", digest=reference)
    assert asked.status_code == 403


@pytest.mark.parametrize("name", [OTHERS, f"{OTHERS}@v1", "1", "run 001", "../x", "x" * 9000, "\0"])
def test_no_id_passes_for_a_name_a_number_or_a_place(siege: Siege, name: str) -> None:
    audit = _plain(act(subject=MINE))
    made = [
        siege.call("models/add", version=_plain(version(MINE), id=name, number=999), audit=audit),
        siege.call("laps/create", lap=_plain(lap(MINE), id=name)),
        siege.call("alarms/add", alarm=_plain(alarm(MINE), id=name)),
        siege.call("logged/create", model=_plain(logged(experiment=MINE), id=name)),
        siege.call("rollouts/create", role="approver", rollout=_plain(rollout(MINE), id=name)),
    ]
    if name != OTHERS:  # a run is never looked up by a name
        made.append(siege.call("runs/create", run=_plain(run(MINE), id=name)))
    assert {one.status_code for one in made} == {400}
    found = siege.call("models/get", role="viewer", product="*", reference=OTHERS)
    assert found.json()["model"] == OTHERS


def test_a_model_goes_before_a_version_that_calls_itself_like_it(siege: Siege) -> None:
    """In the store too, where no rule was asked: an import, or a server without login."""
    evil = version("evil", content="evil")
    siege.store.models.add(msgspec.structs.replace(evil, id=MINE, number=9999), act(subject="evil"))
    assert siege.store.models.get(MINE).model == MINE


@pytest.mark.parametrize("action", ["approve", "stage", "token-add", "webhook-remove", "rename"])
def test_a_registration_is_told_as_one(siege: Siege, action: str) -> None:
    audit = _plain(act(action, f"{MINE}@v1", "root"))
    made = siege.call("models/add", version=_plain(version(MINE, content=action)), audit=audit)
    assert made.status_code == 403
    said = siege.store.audit.entries(limit=1000)
    assert not [one for one in said if one.action == action and one.subject == f"{MINE}@v1"]


@pytest.mark.parametrize("action", ["stage", "register", "token-revoke", "webhook-add"])
def test_a_move_of_nothing_tells_no_tales(siege: Siege, action: str) -> None:
    moved = siege.call("models/move", moves=[], audit=_plain(act(action, f"{MINE}@v1")))
    assert moved.status_code == 403


def test_nothing_of_mine_is_hung_on_what_is_anothers(siege: Siege) -> None:
    mine, others = siege.mine, siege.others
    audit = _plain(act(subject=MINE))
    bare = version(MINE, content="hung")
    measured = {"metric": {"name": "m", "value": 1.0}, "run": others.run}
    hung = [
        siege.call("runs/create", run=_plain(run(MINE), parent=others.run)),
        siege.call("runs/create", run=_plain(run(MINE, lap=others.lap))),
        siege.call("logged/create", model=_plain(logged(experiment=MINE), run=others.run)),
        siege.call("logged/log", id=mine.logged, metrics=[measured]),
        siege.call("logged/give", run=mine.run, models=[[others.logged, 0]]),
        siege.call("logged/give", run=others.run, models=[[mine.logged, 0]]),
        siege.call("models/add", version=_plain(version(MINE, "h", others.run)), audit=audit),
        siege.call("models/add", version=_plain(version(MINE, "h", None, others.lap)), audit=audit),
        siege.call("models/add", version=_plain(bare, logged=others.logged), audit=audit),
        siege.call("models/add", version=_plain(bare), audit=_plain(act(subject=OTHERS))),
        siege.call("labels/set", kind="version", subject=others.version, labels=[]),
        siege.call("labels/set", kind="experiment", subject=others.number, labels=[]),
        siege.call("labels/set", kind="alias", subject=OTHERS, labels=[]),
        siege.call("experiments/update", number=int(mine.number), at=1, name=OTHERS),
        siege.call("models/update_name", name=MINE, at=1, new=OTHERS),
        siege.call("runs/params", runs=[mine.run, others.run]),
        siege.call("comparison", runs=[mine.run, others.run]),
    ]
    assert [one.status_code for one in hung] == [403] * 16 + [404]
    beside = siege.client.get(
        f"/api/v1/comparison?runs={mine.run},{others.run}", headers=siege.bearing()
    )
    assert beside.status_code == 403
    allowed = siege.call("runs/create", run=_plain(run(MINE), parent=mine.run, lap=mine.lap))
    assert allowed.status_code == 200
    early = siege.call("runs/create", run=_plain(run(MINE), parent=new_id()))
    assert early.status_code == 200, "a parent may come later than its child"


def test_what_another_sees_does_not_show_in_pages_lists_or_errors(siege: Siege) -> None:
    asked = siege.bearing("viewer")
    for path in ("/", "/runs", "/loops/x", "/models/secret", "/api/v1/loops", "/api/v1/audit",
                 "/api/v1/ledger", "/api/v1/versions", "/api/v1/experiments", "/api/v1/runs",
                 "/api/v1/models/secret/versions/1", "/api/v1/runs/99999",
                 "/api/2.0/mlflow/registered-models/search",
                 "/api/2.0/mlflow/experiments/get-by-name?experiment_name=secret"):  # fmt: skip
        answer = siege.client.get(path, headers=asked | {"accept": "text/html"})
        assert OTHERS not in answer.text, path
        assert siege.others.run not in answer.text, path


def test_wrong_tokens_hold_up_nobody_but_who_sends_them(siege: Siege) -> None:
    """All come from one address here, as behind a proxy; saying another one does not help."""
    guess = {"authorization": "Bearer lw_" + "x" * 43}
    seen = [
        siege.client.get(
            "/api/v1/runs", headers=guess | {"x-forwarded-for": f"9.9.9.{one}"}
        ).status_code
        for one in range(14)
    ]
    assert seen[-1] == 429
    for role in ("viewer", "approver", "admin"):
        assert siege.client.get("/api/v1/runs", headers=siege.bearing(role)).status_code == 200


def test_a_search_is_no_walk_through_what_is_anothers(siege: Siege) -> None:
    """The store is asked once, however much of others' there is."""
    from lapwise.server.access import bind
    from lapwise.store.calls import Call
    from tests.server.access.rights import principal

    store, asked = siege.store, 0
    for one in range(30):
        store.experiments.create(f"crowd {one}", at=1)
    apply = Call.apply

    def counted(call: Call, *given: Any) -> Any:
        nonlocal asked
        asked += call.verb == "search"
        return apply(call, *given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Call, "apply", counted)
        seen = bind(store, principal("viewer", MINE)).experiments.search(limit=1)
    assert [one.name for one in seen.items] == [MINE]
    assert asked == 1
