"""Exclusive claims that the holder's death frees, on both databases."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from lapwise.core.errors import ConflictError
from lapwise.store.database import connect
from lapwise.store.model import Store
from tests.store.conftest import Place

HOLD = """
import sys, time
from lapwise.store.open import open_store
with open_store(sys.argv[1], sys.argv[2]) as store, store.leases.hold("lap", seconds=60):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(place: Place, store: Store) -> subprocess.Popen[str]:
    """Another process that holds `lap` for a minute."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, place.url, place.blobs], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_one_holder_at_a_time(store: Store) -> None:
    """A second claim on a held name is refused; another name, or a later claim, is not."""
    with store.leases.hold("lap"):
        with pytest.raises(ConflictError, match="'lap' is held"), store.leases.hold("lap"):
            pass
        with store.leases.hold("other"):
            pass
    with store.leases.hold("lap"):
        pass


def test_the_token_grows_with_every_holder(store: Store) -> None:
    """So that late acts of a former holder can be told from those of the present one."""
    tokens = []
    for _ in range(3):
        with store.leases.hold("lap") as lease:
            tokens.append(lease.token)
    assert tokens == [1, 2, 3]


def test_a_refusal_says_who_and_since_when(store: Store, holder: subprocess.Popen[str]) -> None:
    """The process and the machine, and an instant."""
    try:
        who = rf"{holder.pid}@.+ since 20"
        with pytest.raises(ConflictError, match=who), store.leases.hold("lap"):
            pass
    finally:
        end(holder)


def test_a_dead_holder_on_this_machine_frees_its_lease_at_once(
    store: Store, holder: subprocess.Popen[str]
) -> None:
    """After kill -9 nobody waits for the minute to pass."""
    end(holder)
    with store.leases.hold("lap") as lease:
        assert lease.token == 2


def test_a_dead_holder_elsewhere_frees_its_lease_when_it_expires(
    place: Place, store: Store, holder: subprocess.Popen[str]
) -> None:
    """Of a process on another machine nothing can be proven, so its time must pass."""
    end(holder)
    database = connect(place.url)
    with database.write() as connection:
        connection.execute(text("UPDATE lease SET process = 'elsewhere' || process"))
    with pytest.raises(ConflictError), store.leases.hold("lap"):
        pass
    with database.write() as connection:
        connection.execute(text("UPDATE lease SET expires = since + 1"))
    database.close()
    with store.leases.hold("lap") as lease:
        assert lease.token == 2


def test_a_lease_is_renewed_while_it_is_held(store: Store) -> None:
    """Work that takes longer than the lease keeps it."""
    with store.leases.hold("lap", seconds=0.6):
        time.sleep(1.5)
        with pytest.raises(ConflictError), store.leases.hold("lap"):
            pass


def test_waiting_takes_the_lease_when_it_is_free(store: Store) -> None:
    """Who waits gets it as soon as the holder is gone, and not later than said."""
    first = store.leases.hold("lap")
    first.__enter__()
    started = time.monotonic()
    with pytest.raises(ConflictError), store.leases.hold("lap", wait=0.5):
        pass
    assert 0.5 <= time.monotonic() - started < 10
    first.__exit__(None, None, None)
    with store.leases.hold("lap", wait=5):
        pass


def test_a_lost_lease_is_an_error_for_its_holder(place: Place, store: Store) -> None:
    """Who was taken for dead learns it at the next renewal."""
    database = connect(place.url)
    with store.leases.hold("lap", seconds=60) as lease:
        with database.write() as connection:
            connection.execute(text("UPDATE lease SET token = token + 1, holder = '7@else'"))
        with pytest.raises(ConflictError, match="7@else"):
            lease.renew()
    with database.read() as connection:
        assert connection.execute(text("SELECT expires > 0 FROM lease")).scalar_one()
    database.close()


def test_losing_a_lease_is_told_on_leaving(place: Place, store: Store) -> None:
    """The renewal in the background cannot raise, so the end of the block does."""
    database = connect(place.url)
    held = store.leases.hold("lap", seconds=0.3)
    held.__enter__()
    with database.write() as connection:
        connection.execute(text("UPDATE lease SET token = token + 1"))
    database.close()
    time.sleep(0.6)
    with pytest.raises(ConflictError, match="lost"):
        held.__exit__(None, None, None)


def test_identity_survives_spaces_in_process_names(tmp_path: Path) -> None:
    """The kernel's status line holds the program's name, which may hold anything."""
    from lapwise.store import claims

    started = claims._started(1)
    assert started == "" or int(started or 0) >= 0
    assert not claims.is_gone(claims._identity())
    assert claims.is_gone(claims._identity().rpartition(":")[0] + ":1")
    assert not claims.is_gone("made:up")
