"""Browsers and programs at the door of a running server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from lapwise.store.model import Store
from lapwise.store.open import open_store
from tests.chromium import launched
from tests.server.access.acts import keep
from tests.server.sharing import bearer, give, sharing


@pytest.fixture(scope="module")
def kept(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[tuple[str, Store]]:
    folder = tmp_path_factory.mktemp("login")
    shutil.copy(sqlite_template, folder / "lapwise.db")
    place = f"sqlite:///{folder}/lapwise.db", f"{folder}/blobs"
    with open_store(*place) as store, sharing_with_admin(folder, store, place) as url:
        keep(store, "churn")
        yield url, store


@pytest.fixture
def browser(kept: tuple[str, Store]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=kept[0], headers={"accept": "text/html"}) as client:
        yield client


def log_in(browser: httpx.Client, secret: str, back: str = "/") -> httpx.Response:
    form = {"token": secret, "next": back}
    return browser.post("/login", data=form, headers={"origin": str(browser.base_url).rstrip("/")})


def test_a_browser_is_led_to_the_login_and_back(
    kept: tuple[str, Store], browser: httpx.Client
) -> None:
    turned = browser.get("/models/churn")
    assert turned.status_code == 303
    assert turned.headers["location"] == "/login?next=%2Fmodels%2Fchurn"
    page = browser.get(turned.headers["location"])
    assert page.status_code == 200
    assert 'value="/models/churn"' in page.text
    entered = log_in(browser, give(kept[1], ("viewer", "churn")), "/models/churn")
    assert entered.status_code == 303
    assert entered.headers["location"] == "/models/churn"
    shown = browser.get("/models/churn")
    assert shown.status_code == 200
    assert "anna" in shown.text
    assert "Log out" in shown.text


def test_a_person_logs_in_looks_and_logs_out(kept: tuple[str, Store]) -> None:
    """In a real browser, which decides by itself what it says of origins and cookies."""
    url, store = kept
    with launched() as chromium:
        page = chromium.new_page()
        page.goto(f"{url}/models/churn")
        page.fill("#token", give(store, ("viewer", "churn")))
        page.click("main button")
        page.wait_for_url("**/models/churn")
        assert page.inner_text("h1") == "churn: versions"
        page.click("text=Log out")
        page.wait_for_url("**/login")
        page.goto(f"{url}/models/churn")
        assert page.inner_text("h1") == "Log in"


def test_logging_out_ends_the_session(kept: tuple[str, Store], browser: httpx.Client) -> None:
    log_in(browser, give(kept[1], ("viewer", "*")))
    cookie = browser.cookies["lapwise-session"]
    assert browser.get("/").status_code == 200
    left = browser.post("/logout", headers={"origin": str(browser.base_url).rstrip("/")})
    assert left.status_code == 303
    stolen = {"cookie": f"lapwise-session={cookie}"}
    assert browser.get("/", headers=stolen).status_code == 303


def test_a_wrong_token_is_told_and_gives_no_cookie(browser: httpx.Client) -> None:
    answer = log_in(browser, "admin")
    assert answer.status_code == 401
    assert "opens nothing" in answer.text
    assert "set-cookie" not in answer.headers
    assert 'value="admin"' not in answer.text


def test_a_session_dies_with_its_token(kept: tuple[str, Store], browser: httpx.Client) -> None:
    _, store = kept
    log_in(browser, give(store, ("viewer", "*"), name="leaver"))
    assert browser.get("/").status_code == 200
    gone = next(one for one in store.tokens.list() if one.name == "leaver")
    store.tokens.revoke(gone.id, 2, "root")
    assert browser.get("/").status_code == 303


def test_a_cookie_alone_writes_nothing(kept: tuple[str, Store], browser: httpx.Client) -> None:
    url, store = kept
    log_in(browser, give(store, ("admin", "*")))
    origin = {"origin": url, "sec-fetch-site": "same-origin"}
    for method, path in (
        ("POST", "/api/v1/store/runs/list"),
        ("POST", "/api/2.0/mlflow/experiments/create"),
        ("DELETE", "/api/2.0/mlflow/registered-models/delete"),
        ("PATCH", "/api/2.0/mlflow/registered-models/update"),
        ("PUT", "/api/v1/anchors/audit-0000000001"),
    ):
        answer = browser.request(method, path, json={"name": "x"}, headers=origin)
        assert answer.status_code == 401, path
    assert "x" not in [one.name for one in store.experiments.search().items]


def test_a_cookie_in_place_of_a_token_is_no_token(kept: tuple[str, Store]) -> None:
    url, store = kept
    secret = give(store, ("admin", "*"))
    cookie = {"cookie": f"lapwise-session={secret}"}
    assert httpx.get(f"{url}/api/v1/laps", headers=cookie).status_code == 401


def test_a_token_in_an_address_opens_nothing(kept: tuple[str, Store]) -> None:
    url, store = kept
    secret = give(store, ("admin", "*"))
    for path in (
        f"/api/v1/laps?token={secret}",
        f"/api/v1/laps?access_token={secret}",
        f"/api/v1/laps?authorization=Bearer%20{secret}",
    ):
        assert httpx.get(url + path).status_code == 401
    user = url.replace("http://", f"http://{secret}@")
    assert httpx.get(f"{user}/api/v1/laps").status_code == 401  # it would be the user's name


@pytest.mark.parametrize(
    "back", ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil", "/\x0devil"]
)
def test_the_login_leads_nowhere_else(
    kept: tuple[str, Store], browser: httpx.Client, back: str
) -> None:
    entered = log_in(browser, give(kept[1], ("viewer", "*")), back)
    assert entered.headers["location"] == "/"
    assert "evil" not in browser.get("/login", params={"next": back}).text


def test_a_foreign_page_logs_nobody_in(kept: tuple[str, Store], browser: httpx.Client) -> None:
    form = {"token": give(kept[1], ("viewer", "*"))}
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
    ):
        answer = browser.post("/login", data=form, headers=headers)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


def test_behind_tls_the_cookie_is_secure(kept: tuple[str, Store], browser: httpx.Client) -> None:
    form = {"token": give(kept[1], ("viewer", "*"))}
    origin = str(browser.base_url).rstrip("/").replace("http://", "https://")
    answer = browser.post("/login", data=form, headers={"origin": origin})
    assert "; Secure" in answer.headers["set-cookie"]
    assert "; HttpOnly; SameSite=Strict" in answer.headers["set-cookie"]


def test_basic_and_bearer_open_the_same(kept: tuple[str, Store]) -> None:
    url, store = kept
    secret = give(store, ("viewer", "churn"))
    path = f"{url}/api/v1/versions"
    basic = httpx.get(path, auth=("whoever", secret))
    assert basic.status_code == 200
    assert basic.json() == httpx.get(path, headers=bearer(secret)).json()
    assert len(basic.json()) == 1


def test_after_ten_wrong_tokens_the_address_waits_and_others_work_on(
    tmp_path: Path, sqlite_template: Path
) -> None:
    """On a server of its own, because it uses this address up."""
    shutil.copy(sqlite_template, tmp_path / "lapwise.db")
    place = f"sqlite:///{tmp_path}/lapwise.db", f"{tmp_path}/blobs"
    with open_store(*place) as store, sharing_with_admin(tmp_path, store, place) as url:
        known = bearer(give(store, ("viewer", "*")))
        path = f"{url}/api/v1/laps"
        assert httpx.get(path, headers=known).status_code == 200
        said = [httpx.get(path, headers=bearer(f"lw_{'a' * 43}")) for _ in range(11)]
        assert [one.status_code for one in said] == [401] * 10 + [429]
        assert 0 < int(said[-1].headers["retry-after"]) <= 60
        form = {"token": "lw_" + "b" * 43}
        assert httpx.post(f"{url}/login", data=form).status_code == 429
        assert httpx.get(path, headers=known).status_code == 200


@contextmanager
def sharing_with_admin(folder: Path, store: Store, place: tuple[str, str]) -> Iterator[str]:
    give(store, ("admin", "*"), name="root")
    with sharing(folder, *place, "--login") as (url, _):
        yield url
