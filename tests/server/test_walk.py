"""Walks every address of a running server: without a token, with too low a role, as a stranger."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from lapwise.core.access import ROLES, Role
from lapwise.core.errors import AccessError
from lapwise.server.access import Turnstile
from lapwise.server.access.sessions import Sessions
from lapwise.server.app import create_mlflow_routes, create_routes
from lapwise.server.mlflow.coverage import refusals
from lapwise.server.shelf import Shelf
from lapwise.store.model import Store
from lapwise.store.open import open_store
from lapwise.store.remote import open_remote
from tests.server.access.acts import ACTS, SHARED, Kept, keep
from tests.server.access.test_bound import attempt
from tests.server.sharing import bearer, give, sharing
from tests.server.walk import PARTS, WALK, Visit, address

NUMBERS = count()
REFUSED = {
    f"{method} {path}"
    for handler in refusals()
    for path in handler.paths
    for method in handler.http_methods
}


class Site:
    """A shared server, and its store."""

    def __init__(self, url: str, store: Store) -> None:
        self.url = url
        self.store = store
        self.client = httpx.Client(base_url=url, timeout=30)
        self.elsewhere = give(store, ("admin", "elsewhere"))

    def product(self) -> Kept:
        """Make a product of which nobody else knows."""
        return keep(self.store, f"product-{next(NUMBERS)}")

    def token(self, role: Role | None, product: str) -> dict[str, str]:
        """Return the header of a token with one role, or with none."""
        names = (product, f"{product}-new")
        return bearer(give(self.store, *([(role, name) for name in names] if role else [])))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("shared")
    shutil.copy(sqlite_template, folder / "lapwise.db")
    place = f"sqlite:///{folder}/lapwise.db", f"{folder}/blobs"
    with open_store(*place) as store:
        give(store, ("admin", "*"), name="root")
        with sharing(folder, *place, "--login") as (url, _):
            site = Site(url, store)
            yield site
            site.client.close()


def ways() -> set[str]:
    """Return every method and address that the application answers."""
    shelf = Shelf(lambda: None)  # type: ignore[arg-type, return-value]
    ours = create_routes(shelf, Turnstile(shelf.store), Sessions(), login=True).routes
    mlflow = create_mlflow_routes(shelf, login=True).routes
    return {
        f"{method} {route.path}"
        for route in (*ours, *mlflow)
        for method in route.methods - {"OPTIONS"}
    }


def test_every_address_is_walked() -> None:
    twice = {way.replace(" /api/", " /ajax-api/") for way in WALK if " /api/v1/" not in way}
    unknown = ways() - set(WALK) - REFUSED - twice
    assert not unknown, "say in tests/server/walk.py who may ask there"
    assert not set(WALK) - ways(), "these are gone"


def request(site: Site, way: str, visit: Visit, kept: Kept, **more: Any) -> httpx.Response:
    method, _, template = way.partition(" ")
    path = re.sub(r"{([^}]+)}", lambda part: PARTS[part[1]](kept), template)
    query = visit.query(kept) if visit.query else None
    body = visit.body(kept) if visit.body else None
    return site.client.request(method, path, params=query, json=body, **more)


def below(role: Role) -> Role | None:
    place = ROLES.index(role)
    return ROLES[place - 1] if place else None


@pytest.mark.parametrize("way", sorted(way for way, visit in WALK.items() if visit.kind == "one"))
def test_one_product_is_for_those_with_a_role_in_it(site: Site, way: str) -> None:
    visit, kept = WALK[way], site.product()
    assert request(site, way, visit, kept).status_code == 401
    low = site.token(below(visit.role), kept.name)
    assert request(site, way, visit, kept, headers=low).status_code == 403
    stranger = request(site, way, visit, kept, headers=bearer(site.elsewhere))
    assert stranger.status_code == 403
    assert "bytes of" not in stranger.text
    right = request(site, way, visit, kept, headers=site.token(visit.role, kept.name))
    assert right.status_code not in (401, 403, 500), right.text


@pytest.mark.parametrize("way", sorted(way for way, visit in WALK.items() if visit.kind == "list"))
def test_a_list_shows_what_is_seen(site: Site, way: str) -> None:
    visit, kept, other = WALK[way], site.product(), site.product()
    assert request(site, way, visit, kept).status_code == 401
    nothing = site.token(None, kept.name)
    assert request(site, way, visit, kept, headers=nothing).status_code == 403
    mine = request(site, way, visit, kept, headers=site.token("viewer", kept.name))
    assert mine.status_code == 200, mine.text
    assert kept.name in mine.text or kept.number in mine.text
    assert other.name not in mine.text
    assert "product-0" not in mine.text.replace(kept.name, "")


def test_nothing_but_what_is_open_is_answered_without_a_token(site: Site) -> None:
    """Those for browsers that MLflow's addresses have twice, and those that are refused, too."""
    for way in sorted(ways()):
        visit = WALK.get(way)
        if visit is None or visit.kind != "open":
            answer = site.client.request(*bare(way))
            assert answer.status_code == 401, way
            if not way.startswith("HEAD"):
                assert answer.json(), way


def test_what_says_the_same_to_all_says_it_to_any_token(site: Site) -> None:
    somebody = site.token(None, "x")
    for way in sorted(way for way, visit in WALK.items() if visit.kind == "any"):
        assert site.client.request(*bare(way), headers=somebody).status_code == 200, way
    for way in sorted(REFUSED | {way for way, visit in WALK.items() if visit.kind == "refused"}):
        assert site.client.request(*bare(way), headers=somebody).status_code == 501, way


def bare(way: str) -> list[str]:
    """Return method and path, with something in each of its parts."""
    return re.sub(r"{[^}]+}", "x", way).split(" ")


def test_parts_of_an_upload(site: Site) -> None:
    kept = site.product()
    right, stranger = site.token("contributor", kept.name), bearer(site.elsewhere)
    root, key = "/api/2.0/mlflow-artifacts/mpu", address(kept)
    asked = {"path": key, "num_parts": 1}

    def send(kind: str, whose: dict[str, str], body: Any, **query: Any) -> httpx.Response:
        method = "PUT" if kind == "part" else "POST"
        sent = {"content": body} if kind == "part" else {"json": body}
        place = f"{root}/{kind}/{key}"
        return site.client.request(method, place, headers=whose, params=query, **sent)

    assert send("create", stranger, asked).status_code == 403
    assert send("create", site.token("viewer", kept.name), asked).status_code == 403
    upload = send("create", right, asked).json()["upload_id"]
    place = {"upload": upload, "number": 1}
    end = {"path": key, "upload_id": upload, "parts": [{"part_number": 1, "etag": "", "url": ""}]}
    assert send("part", stranger, b"other", **place).status_code == 403
    assert send("part", right, b"whole", **place).status_code == 200
    for whose in (stranger, site.token("viewer", kept.name)):
        assert send("complete", whose, end).status_code == 403
        assert send("abort", whose, end).status_code == 403
    assert send("complete", right, end).status_code == 200


class Callers(NamedTuple):
    """A product, and stores of those who ask for it over HTTP, by role and place."""

    kept: Kept
    nobody: Store
    stranger: Store
    mine: dict[Role | None, Store]
    all: dict[Role | None, Store]


@pytest.fixture(scope="module")
def callers(site: Site) -> Iterator[Callers]:
    kept = site.product()
    roles: tuple[Role | None, ...] = (None, *ROLES)
    with ExitStack() as stack:

        def opened(secret: str) -> Store:
            return stack.enter_context(open_remote(site.url, secret, patience=0.1))

        def holding(product: str) -> dict[Role | None, Store]:
            return {
                role: opened(give(site.store, *([(role, product)] if role else [])))
                for role in roles
            }

        nobody, stranger = opened(""), opened(site.elsewhere)
        yield Callers(kept, nobody, stranger, holding(kept.name), holding("*"))


# A client keeps the blobs that it read, whoever it is next; their addresses are walked above.
CALLS = sorted(name for name in ACTS if not name.startswith("blobs/"))


@pytest.mark.parametrize("name", CALLS)
def test_a_call_of_the_store_needs_its_role_over_http(callers: Callers, name: str) -> None:
    least, act = ACTS[name]
    for refused in (callers.nobody, callers.stranger, callers.mine[below(least)]):
        assert attempt(act, refused, callers.kept) == "refused"
    assert attempt(act, callers.mine[least], callers.kept) == "done"


@pytest.mark.parametrize("name", sorted(set(SHARED) - {"blobs/uploads", "blobs/anchor"}))
def test_what_all_share_needs_its_role_over_http(callers: Callers, name: str) -> None:
    least, in_all, act = SHARED[name]
    assert attempt(act, callers.nobody) == "refused"
    assert attempt(act, callers.all[below(least)]) == "refused"
    assert attempt(act, callers.mine[least]) == ("refused" if in_all else "done")
    assert attempt(act, callers.all[least]) == "done"


def test_an_anchor_is_the_logs_over_http(callers: Callers) -> None:
    first = callers.all["viewer"].audit.entries(limit=1)[0]
    name = f"audit-{first.sequence:010d}"
    for store in (callers.nobody, callers.all["contributor"]):
        with pytest.raises(AccessError):
            store.blobs.anchor(name, first.hash.encode())
    with pytest.raises(AccessError):
        callers.all["admin"].blobs.anchor(name, b"0" * 64)
    callers.mine["approver"].blobs.anchor(name, first.hash.encode())
    assert callers.all["viewer"].blobs.anchors()[name] == first.hash.encode()
