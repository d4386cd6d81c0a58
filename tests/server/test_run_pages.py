"""The pages of runs in a real browser, wide and narrow, against a real server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from lapwise.store.open import open_store
from tests.chromium import launched
from tests.server.conftest import running
from tests.server.seen import HOSTILE
from tests.server.sweep import NAMES, PATCH, PNG, SWEPT, WIDE, fill
from tests.server.test_pages import opened

MANY = ",".join(str(n) for n in range(1, SWEPT + 1))

FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"

# Address: what must stand on it, and how many charts it has.
PAGES = {
    "/runs": ("next page", 0),
    "/runs?where=metrics.auc+%3E+0.7+AND+NOT+tags.owner+LIKE+%27a%25%27": ("run 012", 0),
    "/runs?experiment=flights&order=metrics.auc+DESC": ("run 056", 0),
    "/runs?columns=metrics.auc%2C+tags.owner%2C+metrics.%60odd+name%60": ("NaN", 0),
    "/runs?where=number+%3D+999": ("No run is like that", 0),
    "/runs/4": ("Some of its code was in no commit", 2),
    "/runs/4?show=table.csv": ("a,b", 2),
    "/runs/8": ("failed", 2),
    f"/runs/{WIDE}": ("fold 1", 2),
    f"/runs/{WIDE}?find=layer.0004&at=0": ("layer.00042", 1),
    "/compare?runs=1,2,3": ("What differs", 1),
    "/compare?runs=1,2,3&system=true": ("What differs", 1),
    f"/compare?runs={MANY}": ("explains most of auc", 1),
    "/compare?runs=1&runs=2": ("polars 2.1 → 2.2", 1),
}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Any) -> Iterator[str]:
    """The address of a server that shows the sweep."""
    folder = tmp_path_factory.mktemp("sweep")
    shutil.copy(sqlite_template, folder / "lapwise.db")
    where = f"sqlite:///{folder}/lapwise.db", f"{folder}/blobs"
    with open_store(*where) as store:
        fill(store)
    with running(*where) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def wide(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    yield context
    context.close()


@pytest.fixture(scope="module")
def narrow(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 390, "height": 900}, color_scheme="dark")
    yield context
    context.close()


@pytest.fixture
def page(wide: BrowserContext) -> Iterator[Page]:
    page = wide.new_page()
    yield page
    page.close()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole(page: Page, sweep: str, path: str) -> None:
    words, charts = PAGES[path]
    seen = opened(page, sweep + path)
    assert seen.complaints == []
    assert seen.hosts == {urlsplit(sweep).netloc}
    assert words in page.inner_text("main")
    assert page.locator("h1").count() == 1
    assert page.locator(".chart").count() == charts
    assert page.evaluate(FITS), "the page is wider than the window"


@pytest.mark.parametrize("path", ["/runs", "/runs/4?show=table.csv", f"/compare?runs={MANY}"])
def test_a_narrow_window_in_the_dark_is_enough(
    narrow: BrowserContext, sweep: str, path: str
) -> None:
    page = narrow.new_page()
    seen = opened(page, sweep + path)
    assert seen.complaints == []
    assert page.evaluate(FITS), "the page is wider than the window"
    page.close()


def test_one_asks_sorts_and_goes_on_by_hand_and_the_address_says_it(page: Page, sweep: str) -> None:
    opened(page, f"{sweep}/runs")
    page.get_by_label("Where").fill("params.lr >= 0.1 and tags.owner = 'bob'")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**/runs?where=params.lr*")
    page.get_by_role("link", name="auc", exact=True).click()
    page.wait_for_url("**order=metrics.auc+DESC*")
    assert "params.lr >= 0.1" in page.get_by_label("Where").input_value()
    values = [float(one) for one in page.locator("tbody td.num:nth-of-type(5)").all_inner_texts()]
    assert values == sorted(values, reverse=True)
    assert len(values) == SWEPT // 4
    shared = page.url
    page.goto(f"{sweep}/runs")
    page.get_by_role("link", name="next page").click()
    page.wait_for_url("**after=*")
    assert page.locator("tbody tr").count() == SWEPT + 2 - 50
    page.goto(shared)
    assert page.locator("tbody tr").count() == len(values)


def test_one_ticks_runs_and_compares_them(page: Page, sweep: str) -> None:
    opened(page, f"{sweep}/runs")
    for number in (SWEPT, SWEPT - 1):
        page.get_by_label(f"compare run {number}", exact=True).check()
    page.get_by_role("button", name="Compare the ticked").click()
    page.wait_for_url("**/compare?runs=*&runs=*")
    assert page.locator("h1").inner_text() == "2 runs beside each other"


def test_a_filter_that_cannot_be_read_stays_in_its_box_with_what_is_wrong(
    page: Page, sweep: str
) -> None:
    response = page.goto(f"{sweep}/runs?where=metrics.auc+%3E%3E+1")
    assert response is not None
    assert response.status == 400
    assert page.get_by_label("Where").input_value() == "metrics.auc >> 1"
    assert "Expected" in page.locator("#wrong").inner_text()


def test_text_from_runs_is_text(page: Page, sweep: str) -> None:
    """Names, tags, patches and files that look like markup are shown and never obeyed."""
    seen = opened(page, f"{sweep}/runs/4?show=table.csv")
    text = page.inner_text("main")
    assert text.count(HOSTILE) >= 3
    page.locator("summary", has_text="The patch").click()
    assert PATCH.splitlines()[-1] in page.inner_text("main")
    pictures = page.locator("main img")
    assert pictures.count() == 1, "only what is a picture by its bytes"
    assert pictures.first.evaluate("(one) => one.naturalWidth") == 1
    assert seen.complaints == []


def test_a_picture_is_one_by_its_bytes_and_nobodys_page(sweep: str) -> None:
    found = httpx.get(f"{sweep}/runs/4/picture", params={"name": "plots/roc.png"})
    assert found.content == PNG
    assert found.headers["content-type"] == "image/png"
    assert found.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert found.headers["x-content-type-options"] == "nosniff"
    for name in ("fake.png", "evil.html", "none.png", "../../lapwise.db"):
        assert httpx.get(f"{sweep}/runs/4/picture", params={"name": name}).status_code == 404


def test_twelve_thousand_metrics_are_a_page_like_any_other(sweep: str) -> None:
    """Small, however much there is."""
    page = httpx.get(f"{sweep}/runs/{WIDE}", timeout=60)
    listed = httpx.get(f"{sweep}/runs", timeout=60)
    assert page.status_code == listed.status_code == 200
    assert len(page.content) < 400_000
    assert len(listed.content) < 200_000
    assert f"of {NAMES + 3:,}"[3:] in page.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/runs/999", 404),
        ("/runs/nobody", 404),
        ("/runs/4?at=-1", 400),
        ("/compare", 400),
        ("/compare?runs=", 400),
        ("/compare?runs=1,999", 404),
        ("/compare?runs=1,2&by=none", 400),
        ("/runs?after=nonsense", 400),
        ("/runs?columns=nonsense.x", 400),
    ],
)
def test_what_cannot_be_is_a_page_that_says_so(sweep: str, path: str, status: int) -> None:
    found = httpx.get(sweep + path)
    assert found.status_code == status
    assert "<h1>" in found.text


@pytest.mark.parametrize(
    ("printed", "ours"),
    [
        ("#/experiments/1/runs/4", "/runs/4"),
        ("#/experiments/1", "/runs?experiment=1"),
        ("#/models/churn/versions/3", "/models/churn/versions/3"),
        ("#/models/a%20b", "/models/a%20b"),
        ("#/experiments", "/runs"),
        ("#content", "/#content"),
    ],
)
def test_addresses_that_mlflow_prints_arrive(
    page: Page, sweep: str, printed: str, ours: str
) -> None:
    page.goto(f"{sweep}/{printed}")
    page.wait_for_url(f"{sweep}{ours}")
