"""The commands of the loop while it lives: what they print, and what they say when nothing is there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lapwise.core.clock import format_time
from lapwise.features import OnlineStore
from lapwise.loop.bootstrap import open_workshop
from lapwise.loop.watch import Watcher
from lapwise.loop.world import read_world
from lapwise.registry import verify
from tests.cli.conftest import Call, Done
from tests.cli.test_bad_input import check_error, check_whole
from tests.cli.test_tables import check_width
from tests.loop.answered import FROM, ask, make_answered
from tests.loop.twice import MODEL, NOW, make_twice
from tests.loop.worlds import World, forget

AT = format_time(NOW)
START, END = "2024-02-05", "2024-02-20"


@pytest.fixture(scope="module")
def _lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = make_twice(tmp_path_factory.mktemp("lived") / "returns")
    make_answered(world)
    forget()
    return world.root


@pytest.fixture
def lived(tmp_path: Path, _lived: Path) -> World:
    """A product with v1 in production that has answered, v2 and v3 in staging."""
    shutil.copytree(_lived, tmp_path / "returns")
    return World(tmp_path / "returns")


@pytest.fixture
def watched(lived: World) -> World:
    """The same after a watcher's tick: days are counted, v3 stands in the shadow."""
    lived.edit("triggers=[lw.triggers.Code(), ", "triggers=[")
    with open_workshop(lived.root, as_of=NOW) as opened:
        Watcher(opened, lived.loop(), never).tick(NOW)
    forget(lived.root)
    return lived


def never(*_: Any) -> Any:
    raise AssertionError("no lap was due")


def decoded(done: Done) -> Any:
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_tables_fit_and_say_what_happened(watched: World, call: Call) -> None:
    cases: dict[tuple[str, ...], tuple[str, ...]] = {
        ("features", "list"): ("customer", "production v1 +2", "up to date", "calendar"),
        ("features", "show", "customer"): ("known until 2024-02-14", "customer_rate", "run 001"),
        ("features", "get", "customer=c007", "shop=north", "--as-of", AT): ("customer_rate",),
        ("features", "verify"): ("vectors are equal", "100.0000%"),
        ("rollout", "plan"): ("shadow", "50 %", "100 %", "units a day"),
        ("rollout", "status"): ("rollout 1", "v3", "v1", "shadow", "started", "60 pairs"),
        ("drift",): ("2024-02-11", "2024-02-13", "moved most"),
        ("drift", "returns", "--days", "1"): ("2024-02-13",),
        ("alarms",): ("no alarms",),
        ("rollout", "--help"): ("plan", "status", "pause", "resume", "abort"),
        ("replay", "--help"): ("--from", "--approve", "Example:"),
        ("up", "--help"): ("--workers", "Example:"),
        ("watch", "--help"): ("Example:",),
        ("rollback", "--help"): ("Example:",),
    }
    for words, said in cases.items():
        text = check_width(call(*words, cwd=watched.root))
        for word in said:
            assert word in text, (words, word, text)


def test_json_is_nothing_but_json(watched: World, call: Call) -> None:
    def found(*words: str) -> Any:
        return decoded(call(*words, "--json", cwd=watched.root))

    assert found("features", "list")[0]["declared"]["name"] == "customer"
    vector = found("features", "get", "customer=c007", "shop=north", "--as-of", AT)["features"]
    assert vector["customer_count"] > 0
    assert vector["amount"] is None
    parity = found("features", "verify", "returns")
    assert parity["rows"] == parity["equal"] > 100
    plan = found("rollout", "plan")
    assert [one["step"] for one in plan["steps"]] == ["shadow", "50 %", "100 %"]
    assert plan["traffic"]["rows_per_day"] > 40
    rollout = found("rollout", "status", "returns", "--number", "1")
    assert (rollout["phase"], rollout["number"]) == ("shadow", 1)
    days = found("drift")
    assert len(days) == 3
    assert days[0]["moved"][0]["distance"] >= days[0]["moved"][-1]["distance"]
    assert found("alarms") == []
    assert found("alarms", "returns") == []


def test_a_rollout_is_paused_resumed_and_aborted(watched: World, call: Call) -> None:
    def status() -> Any:
        return decoded(call("rollout", "status", "--json", cwd=watched.root))

    text = check_width(call("rollout", "pause", "--note", "holiday traffic", cwd=watched.root))
    assert "rollout 1 of returns: holiday traffic" in text
    assert status()["paused"]
    assert "(paused)" in check_width(call("rollout", "status", cwd=watched.root))
    check_error(call("rollout", "pause", cwd=watched.root), "paused already", "rollout resume")
    assert call("rollout", "resume", "returns", "--by", "grace", cwd=watched.root).code == 0
    assert not status()["paused"]
    assert call("rollout", "abort", "--note", "[bold]wrong[/bold] data", cwd=watched.root).code == 0
    ended = status()
    assert (ended["phase"], ended["history"][-1]["by"]) == ("aborted", "ada")
    assert "[bold]wrong[/bold]" in " ".join(
        check_width(call("rollout", "status", cwd=watched.root)).split()
    )
    check_error(call("rollout", "abort", cwd=watched.root), "no rollout of returns is open")
    assert "sound" in call("audit", "verify", cwd=watched.root).out


def test_a_rollback_takes_away_what_users_have_met_last(watched: World, call: Call) -> None:
    assert call("approve", "returns@v3", cwd=watched.root).code == 0
    with open_workshop(watched.root, as_of=NOW + 60_000_000) as opened:
        Watcher(opened, watched.loop(), never).tick(NOW + 60_000_000)
        assert opened.store.deployments.list(MODEL, limit=1)[0].canary
    forget(watched.root)
    done = call("rollback", "--note", "complaints since noon", cwd=watched.root)
    assert "returns v3 is in staging" in " ".join(check_width(done).split())
    with open_workshop(watched.root) as opened:
        deployed = opened.store.deployments.list(MODEL, limit=1)[0]
        assert deployed.canary is None
        assert verify(opened.store).sound
    # Nothing is left to go back to: production replaced nobody.
    check_error(call("rollback", cwd=watched.root), "replaced no other version")


def test_a_planted_shift_is_found_and_named(lived: World, call: Call) -> None:
    """One event of one customer is moved in the online store, and the product asked again."""
    assert call("features", "verify", cwd=lived.root).code == 0
    with open_workshop(lived.root, as_of=NOW) as opened:
        history = read_world(opened, lived.loop(), FROM, NOW)
    customer = history.examples.tail(1)["customer"][0]
    with OnlineStore.open(lived.root / ".lapwise" / "live" / "features") as online:
        online.displace(lived.loop().views[0], [customer], by=-70 * 86_400_000_000)
    ask(lived, history, salt="again-")
    forget(lived.root)
    done = call("features", "verify", cwd=lived.root)
    assert done.code == 1
    assert "Traceback" not in done.out + done.err
    assert "differs: " in done.out
    assert customer in done.out
    assert "customer_" in done.out
    done = call("features", "verify", "--json", cwd=lived.root)
    assert done.code == 1
    found = json.loads(done.out)
    assert found["equal"] < found["rows"]
    assert {one["entity"]["customer"] for one in found["differences"]} == {repr(customer)}
    assert {one["feature"] for one in found["by_feature"] if one["rows"]} <= set(
        lived.loop().views[0].names
    )
    (view, _) = decoded(call("features", "list", "--json", cwd=lived.root))
    assert view["proof"]["differ"] == sum(one["rows"] for one in found["by_feature"])
    assert "differ" in check_width(call("features", "list", cwd=lived.root))


def test_damage_in_the_log_is_said_and_is_a_failure(lived: World, call: Call) -> None:
    (path,) = (lived.root / ".lapwise" / "live").glob("*/log/*.log")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    done = call("features", "verify", "--json", cwd=lived.root)
    assert done.code == 1
    assert "bytes of the log are damaged" in done.err
    found = json.loads(done.out)
    assert found["equal"] == found["rows"] > 0


def test_features_are_materialized_and_pushed(lived: World, call: Call) -> None:
    done = call("features", "materialize", "--as-of", "2024-02-15", cwd=lived.root)
    assert "2024-02-15 00:00" in check_width(done)
    source = lived.root / "data" / "outcomes.parquet"
    done = call("features", "push", "outcomes", str(source), cwd=lived.root)
    assert "entities" in check_width(done)
    done = call("features", "push", "orders", str(source), cwd=lived.root)
    check_error(done, "no view reads", "outcomes")
    done = call("features", "push", "outcomes", "gone.csv", cwd=lived.root)
    check_error(done, "gone.csv cannot be read")
    wrong = lived.root / "data" / "orders.parquet"
    check_error(call("features", "push", "outcomes", str(wrong), cwd=lived.root), "settled_at")
    check_error(call("features", "get", "nonsense", cwd=lived.root), "nonsense", "customer=")
    check_error(call("features", "get", "items=two", cwd=lived.root), "items", "two")


LOOKING = (
    ("alarms",),
    ("drift",),
    ("rollout", "status"),
    ("rollout", "pause"),
    ("rollout", "resume"),
    ("rollout", "abort"),
    ("rollback",),
    ("features", "verify"),
    ("serve", "--port", "0"),
)
WITH_PAGE = (
    ("features", "list"),
    ("features", "get", "customer=c007"),
    ("features", "push", "outcomes", "later.parquet"),
    ("features", "materialize"),
    ("rollout", "plan"),
    ("watch",),
    ("up", "--port", "0"),
    ("replay", "--from", START, "--to", END),
)


@pytest.mark.parametrize("words", LOOKING, ids=" ".join)
def test_an_empty_folder_says_so_and_stays_empty(
    tmp_path: Path, call: Call, words: tuple[str, ...]
) -> None:
    check_error(call(*words, cwd=tmp_path), "nothing has been kept here yet", "lapwise lap")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", WITH_PAGE, ids=" ".join)
def test_without_a_page_the_ways_to_name_one_are_told(
    tmp_path: Path, call: Call, words: tuple[str, ...]
) -> None:
    check_error(call(*words, cwd=tmp_path), "no page", "page.py")
    assert list(tmp_path.iterdir()) == []


def test_before_the_first_lap(fresh: World, call: Call) -> None:
    """There is a page, and nothing else yet."""
    assert call("features", "list", cwd=fresh.root).code == 0
    check_error(call("features", "get", "customer=c007", cwd=fresh.root), "materialize")
    check_error(call("rollout", "plan", cwd=fresh.root), "no traffic")
    for words in (("rollout", "status"), ("rollout", "pause"), ("rollback",), ("drift",)):
        check_error(call(*words, cwd=fresh.root), "lapwise lap")
    check_error(call("serve", "--port", "0", cwd=fresh.root), "lapwise lap")
    assert "no alarms" in call("alarms", cwd=fresh.root).out
    check_whole(fresh)


def test_before_anything_was_served(world: World, call: Call) -> None:
    """A lap was gone round, and its version waits."""
    check_error(call("serve", "--port", "0", cwd=world.root), "no version is in production")
    check_error(call("rollout", "status", cwd=world.root), "never rolled out", "lapwise watch")
    for action in ("pause", "resume", "abort"):
        check_error(call("rollout", action, cwd=world.root), "no rollout of returns is open")
    check_error(call("rollback", cwd=world.root), "nothing is in production")
    check_error(call("features", "verify", cwd=world.root), "nothing was predicted yet")
    assert "nothing was counted yet" in check_width(call("drift", cwd=world.root))
    check_whole(world)


def test_a_wrong_model_or_number_is_named(watched: World, call: Call) -> None:
    for words in (
        ("alarms", "nothing"),
        ("drift", "nothing"),
        ("rollout", "status", "nothing"),
        ("rollout", "pause", "nothing"),
        ("rollout", "abort", "nothing"),
        ("rollback", "nothing"),
        ("features", "verify", "nothing"),
        ("serve", "nothing", "--port", "0"),
    ):
        check_error(call(*words, cwd=watched.root), "nothing", "returns")
    check_error(call("rollout", "status", "-n", "9", cwd=watched.root), "9", "rollout")
    wrong: tuple[tuple[str, ...], ...] = (
        ("rollout", "status", "-n", "first"),
        ("drift", "--days", "0"),
        ("alarms", "-n", "0"),
        ("up", "--port", "70000"),
        ("up", "--workers", "0"),
        ("serve", "--workers", "0"),
        ("replay", "--from", START),
        ("replay", "--from", START, "--to", END, "--approve", "maybe"),
    )
    for usage in wrong:
        done = call(*usage, cwd=watched.root)
        assert done.code == 2, usage
        assert "Traceback" not in done.err
