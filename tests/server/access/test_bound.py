"""What each role may do in its product, in another's and in all, call by call, on a real store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from lapwise.core.access import Grant, Principal
from lapwise.core.errors import AccessError, LapwiseError, NotFoundError
from lapwise.core.ids import new_id
from lapwise.core.model import Approval, Artifact, KeyPart, Lineage, Tag
from lapwise.core.rollout import RolloutEvent
from lapwise.server.access import RULES, bind, principal_of, ruling
from lapwise.store.calls import calls
from lapwise.store.model import Store
from tests.server.access.acts import ACTS, LISTED, MINE, OTHERS, ROLES, SHARED, Kept, keep, token
from tests.server.access.rights import principal
from tests.store.making import act, digest, lap, move, rollout, run, version

Two = tuple[Store, Kept, Kept]


@pytest.fixture
def two(sqlite_store: Store) -> Two:
    """A store with two products, and what is in them."""
    return sqlite_store, keep(sqlite_store, MINE), keep(sqlite_store, OTHERS)


def attempt(act: Callable[..., Any], *given: Any) -> str:
    """Return how a call ended: ``done`` also where the store itself had something against it."""
    try:
        act(*given)
    except AccessError:
        return "refused"
    except LapwiseError:
        return "done"
    return "done"


def test_every_rule_is_tested() -> None:
    never = {name for name, rule in RULES.items() if rule is None}
    assert set(ACTS) | set(SHARED) | LISTED | never == set(RULES)
    assert {call.name for call in calls()} <= set(RULES)


@pytest.mark.parametrize("name", sorted(ACTS))
def test_a_call_needs_its_role_in_its_product(name: str, two: Two) -> None:
    store, mine, others = two
    least, act = ACTS[name]
    enough = ROLES[ROLES.index(least) :]
    for role in ROLES:
        good = "done" if role in enough else "refused"
        in_mine, everywhere = principal(role, MINE), principal(role)
        assert attempt(act, bind(store, principal(role, OTHERS)), mine) == "refused", role
        assert attempt(act, bind(store, in_mine), others) == "refused", role
        assert attempt(act, bind(store, in_mine), mine) == good, role
        assert attempt(act, bind(store, everywhere), others) == good, role
    assert attempt(act, bind(store, Principal(name="x", grants=())), mine) == "refused"


@pytest.mark.parametrize("name", sorted(SHARED))
def test_what_all_share_needs_its_role_in_one_or_in_all(name: str, two: Two) -> None:
    store, _, _ = two
    least, in_all, act = SHARED[name]
    enough = ROLES[ROLES.index(least) :]
    for role in ROLES:
        good = "done" if role in enough else "refused"
        assert attempt(act, bind(store, principal(role))) == good, role
        alone = "refused" if in_all else good
        assert attempt(act, bind(store, principal(role, MINE))) == alone, role
    assert attempt(act, bind(store, Principal(name="x", grants=()))) == "refused"


def test_lists_and_searches_show_what_is_seen(two: Two) -> None:
    store, mine, _ = two
    seen = bind(store, principal("viewer", MINE))
    assert [one.name for one in seen.experiments.search().items] == [MINE]
    assert [one.run.experiment for one in seen.runs.search().items] == [MINE]
    assert [one.experiment for one in seen.runs.list()] == [MINE]
    assert [one.id for one in seen.logged.search().items] == [mine.logged]
    assert [one.model for one in seen.models.list()] == [MINE]
    assert [one.model for one in seen.models.search().items] == [MINE]
    assert [one.name for one in seen.models.search_names().items] == [MINE]
    assert [one.model for one in seen.deployments.list()] == [MINE]
    assert [one.model for one in seen.rollouts.list()] == [MINE]
    assert [one.loop for one in seen.laps.list()] == [MINE]
    assert [one.model for one in seen.alarms.list()] == [MINE]
    assert {one.subject for one in seen.audit.entries()} == {MINE}
    assert {one.product for one in seen.events.list()} <= {MINE}
    assert any(one.product == MINE for one in store.events.list())
    both = bind(store, principal("viewer"))
    assert {one.model for one in both.models.list()} == {MINE, OTHERS}


@pytest.mark.parametrize(
    "where", ["name = 'x') OR (name != 'x'", "name != 'x' OR name = 'y'", "name LIKE '%'", "(", "'"]
)
def test_no_filter_shows_what_is_not_seen(two: Two, where: str) -> None:
    store, _, _ = two
    seen = bind(store, principal("viewer", MINE))
    for search in (seen.experiments.search, seen.models.search, seen.models.search_names):
        try:
            page = search(where)
        except LapwiseError:
            continue
        assert OTHERS not in str(page)


def test_pages_hold_what_is_seen_and_their_marks_name_nothing_else(sqlite_store: Store) -> None:
    for number in range(9):
        for name in (f"mine's {number}", f"their\\s {number}"):
            sqlite_store.experiments.create(name, at=number)
    grants = tuple(Grant(role="viewer", product=f"mine's {number}") for number in range(9))
    seen = bind(sqlite_store, Principal(name="anna", grants=grants))
    found: list[str] = []
    after = ""
    for _ in range(5):
        page = seen.experiments.search(order=["name"], limit=2, after=after)
        found.extend(one.name for one in page.items)
        after = page.next
    assert found == [f"mine's {number}" for number in range(9)]
    assert not after


def test_the_log_is_read_on_past_what_is_not_seen(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ruling, "_ROUND", 10)
    for number in range(105):
        subject = MINE if number % 35 == 0 else OTHERS
        sqlite_store.audit.append(act(f"a{number}", f"{subject}@v1"))
    seen = bind(sqlite_store, principal("viewer", MINE))
    first = seen.audit.entries(limit=2)
    rest = seen.audit.entries(after=first[-1].sequence, limit=2)
    assert [one.action for one in (*first, *rest)] == ["a0", "a35", "a70"]


def test_blobs_are_read_by_who_sees_what_names_them(two: Two) -> None:
    store, mine, others = two
    seen = bind(store, principal("contributor", MINE))
    own, foreign = digest(f"bytes of {mine.name}"), digest(f"bytes of {others.name}")
    assert seen.blobs.has(own)
    assert not seen.blobs.has(foreign)
    assert seen.runs.holders(own) == (MINE,)
    assert seen.runs.holders(foreign) == ()
    assert seen.features.users(own) == ()  # a blob that a version names is no definition
    unnamed = seen.blobs.put(b"named by nobody yet")
    with pytest.raises(AccessError):
        seen.blobs.get(unnamed)
    seen.runs.log(mine.run, artifacts=[Artifact(name="b", digest=unnamed, size=19)])
    assert seen.blobs.get(unnamed) == b"named by nobody yet"


def test_features_are_told_of_the_products_that_are_seen(two: Two) -> None:
    """The same definition is declared, and used, by both; each sees its own."""
    store, _, _ = two
    view = digest("plane7d")
    for name in (MINE, OTHERS):
        lineage = Lineage(views=(KeyPart(name="plane", digest=view),))
        made = msgspec.structs.replace(version(name, "with features"), lineage=lineage)
        store.models.add(made, act(subject=name))
    seen = bind(store, principal("viewer", MINE))
    assert {one.loop for one in seen.features.list()} == {MINE}
    assert {one.loop for one in seen.features.freshness(digest=view)} == {MINE}
    assert {one.model for one in seen.features.proofs()} == {MINE}
    assert {one.model for one in seen.features.users(view)} == {MINE}
    assert {one.model for one in store.features.users(view)} == {MINE, OTHERS}
    for ask in (seen.features.list, seen.features.freshness, seen.features.proofs):
        with pytest.raises(AccessError):
            ask(OTHERS)


def test_whoever_acts_is_the_actor(two: Two) -> None:
    store, _, _ = two
    anna = bind(store, principal("approver", MINE))
    made = anna.models.add(version(MINE, "more"), act(subject=MINE, actor="eve"))
    anna.models.move([move(made, "none", "staging")], act("stage", f"{MINE}@v2", actor="eve"))
    given = Approval(id=new_id(), version=made.id, decision="approved", by="eve", at=9)
    anna.models.move(
        [move(made, "staging", "canary")], act("stage", f"{MINE}@v2", actor="eve"), given
    )
    anna.audit.append(act("request-approval", f"{MINE}@v2", actor="eve"))
    root = bind(store, principal("admin", name="root"))
    root.tokens.add(token(), digest("x"), "eve")
    root.webhooks.list()
    actors = [one.actor for one in store.audit.entries()]
    assert actors[-5:] == ["anna", "anna", "anna", "anna", "root"]
    assert store.models.approvals(made.id)[0].by == "anna"


def test_the_ledger_and_rollouts_name_nobody_else(two: Two) -> None:
    store, mine, _ = two
    anna = bind(store, principal("approver", MINE))
    with pytest.raises(AccessError):
        anna.laps.create(msgspec.structs.replace(lap(MINE), decided_by="eve"))
    anna.laps.create(msgspec.structs.replace(lap(MINE), decided_by="gates"))
    seen = store.rollouts.get(mine.rollout)
    event = RolloutEvent(at=9, action="paused", phase="shadow", weight=0, sentence="wait", by="eve")
    new = msgspec.structs.replace(seen, paused=True, history=(event,))
    assert anna.rollouts.update(new, seen=seen).history[0].by == "anna"


def test_users_meet_nothing_without_an_approver(two: Two) -> None:
    store, mine, _ = two
    contributor = bind(store, principal("contributor", MINE))
    ahead = msgspec.structs.replace(version(MINE, "ahead"), stage="production")
    with pytest.raises(AccessError):
        contributor.models.add(ahead, act(subject=MINE))
    with pytest.raises(AccessError):
        contributor.models.add(version(MINE, "told"), act("stage", MINE))
    one = store.models.get(mine.version)
    for source, target in (("none", "production"), ("canary", "none"), ("staging", "canary")):
        with pytest.raises(AccessError):
            contributor.models.move([move(one, source, target)], act("stage", f"{MINE}@v1"))  # type: ignore[arg-type]
    refusal = Approval(id=new_id(), version=one.id, decision="refused", by="anna", at=9)
    with pytest.raises(AccessError):
        contributor.models.move(
            [move(one, "none", "archived")], act("stage", f"{MINE}@v1"), refusal
        )
    with pytest.raises(AccessError):
        contributor.audit.append(act("stage", f"{MINE}@v1"))


def test_nothing_is_taken_over_by_naming_it_as_ones_own(two: Two) -> None:
    """Records carry both an id and a product; what is kept under the id counts too."""
    store, mine, others = two
    eve = bind(store, principal("approver", MINE, name="eve"))
    kept = store.rollouts.get(others.rollout)
    stolen = msgspec.structs.replace(kept, model=MINE)
    attempts: list[Callable[[], Any]] = [
        lambda: eve.laps.update(msgspec.structs.replace(lap(MINE), id=others.lap, number=1)),
        lambda: eve.rollouts.update(stolen, seen=kept),
        lambda: eve.rollouts.create(msgspec.structs.replace(rollout(MINE), id=others.rollout)),
        lambda: eve.runs.create(msgspec.structs.replace(run(MINE), id=others.run)),
        lambda: eve.models.add(
            msgspec.structs.replace(version(MINE), id=others.version), act(subject=OTHERS)
        ),
        lambda: eve.models.move([], act("stage", f"{OTHERS}@v1")),
        lambda: eve.logged.give(mine.run, [(others.logged, 0)]),
        lambda: eve.experiments.update(int(others.number), at=9, name="mine now"),
        lambda: eve.models.update_name(MINE, at=9, new=OTHERS),
        lambda: eve.labels.set("version", others.version, [Tag(name="a", value="b")]),
        lambda: eve.blobs.anchor("audit-0000000009", b"0" * 64),
        lambda: eve.blobs.anchor("anything", b"0" * 64),
    ]
    before = store.laps.get(others.lap), store.rollouts.get(others.rollout)
    assert [attempt(one) for one in attempts] == ["refused"] * len(attempts)
    assert (store.laps.get(others.lap), store.rollouts.get(others.rollout)) == before


def test_an_error_tells_of_no_other_product(two: Two) -> None:
    store, _, others = two
    seen = bind(store, principal("viewer", MINE))
    for ask in (
        lambda: seen.models.get("secret-pla"),
        lambda: seen.experiments.get("secret-pla"),
        lambda: seen.runs.get("999"),
        lambda: seen.datasets.get("nothing"),
    ):
        with pytest.raises(NotFoundError) as error:
            ask()
        assert not error.value.expected
    with pytest.raises(AccessError) as refused:
        seen.runs.get(others.run)
    assert OTHERS not in str(refused.value)


def test_a_bound_store_knows_its_principal_and_closes_nothing(sqlite_store: Store) -> None:
    who = principal("viewer")
    with bind(sqlite_store, who) as bound:
        assert principal_of(bound) == who
    assert principal_of(sqlite_store) is None
    assert not sqlite_store.laps.list()
