"""Every page in a real browser, wide and narrow, against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.chromium import launched
from tests.server.seen import HOSTILE, MODEL

WIDTHS = (1440, 390)

# Address: what must stand on it, and how many charts it has.
PAGES = {
    "/": ("Ledger", 1),
    "/?metric=log_loss&by=month": ("Ledger", 1),
    f"/loops/{MODEL}": ("Ledger", 1),
    f"/loops/{MODEL}/laps/3": ("gate G002 failed", 0),
    f"/loops/{MODEL}/laps/6": ("found array with 0 rows", 0),
    f"/models/{MODEL}": ("rolled back", 0),
    f"/models/{MODEL}/versions/2": ("commit a1b9c2d4e5f6", 0),
    f"/models/{MODEL}/versions/3": ("Nobody has decided yet", 0),
    f"/models/{MODEL}/drift": ("The last seven days, by feature", 5),
    f"/models/{MODEL}/drift?days=0&feature=carrier": ("carrier", 5),
    "/features": ("4 versions", 0),
    f"/features?loop={MODEL}&former=true": ("former", 0),
    "/features/plane": ("plane_mean_delay", 1),
    f"/features/sky?loop={MODEL}&feature=sky": ("weather-team <script>", 1),
    "/features/plane_flights": ("number of rows within 1w", 1),
    "/features/calendar": ('col("scheduled").dt.hour()', 1),
    f"/models/{MODEL}/rollouts": ("promoted", 0),
    f"/models/{MODEL}/rollouts/3": ("812", 0),
    f"/models/{MODEL}/rollouts/5": ("Evidence at this step", 0),
}
EMPTY = {
    "/": "lapwise demo",
    "/features": "No features are declared yet",
    "/models/none": "There is no loop or model of that name",
}


@dataclass
class Seen:
    """What a browser did and said while it showed a page."""

    hosts: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("request", lambda one: self.hosts.add(urlsplit(one.url).netloc))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda one: self.complaints.append(one.text) if one.type != "info" else None,
        )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module", params=WIDTHS, ids=lambda width: f"{width}px")
def context(browser: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A window of one width, and with it one colour scheme."""
    width: int = request.param
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="light" if width > 800 else "dark",
    )
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    yield page
    page.close()


def opened(page: Page, address: str) -> Seen:
    """Open an address, wait for its charts, and return what the browser noticed."""
    seen = Seen()
    seen.watch(page)
    page.goto(address)
    page.wait_for_function(
        "[...document.querySelectorAll('.chart')].every((one) => one.dataset.drawn)"
    )
    return seen


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole(page: Page, site: str, path: str) -> None:
    words, charts = PAGES[path]
    seen = opened(page, site + path)
    assert seen.complaints == []
    assert seen.hosts == {urlsplit(site).netloc}
    assert words in page.inner_text("main")
    assert page.locator("h1").count() == 1
    assert page.locator(".chart").count() == charts
    drawn = "(one) => [...one.querySelectorAll('path, image')].some((p) => p.getBBox().width > 20)"
    for chart in page.locator(".chart").all():
        assert chart.evaluate(drawn), f"nothing is drawn in {chart.get_attribute('id')}"
    fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert page.evaluate(fits), "the page is wider than the window"


@pytest.mark.parametrize("path", EMPTY)
def test_an_empty_store_says_which_command_fills_it(page: Page, empty_site: str, path: str) -> None:
    page.goto(empty_site + path)
    assert EMPTY[path] in page.inner_text("main")


def test_an_unknown_address_leads_back(page: Page, site: str) -> None:
    response = page.goto(f"{site}/nowhere")
    assert response is not None
    assert response.status == 404
    page.get_by_role("link", name="to the first page").click()
    assert page.url == f"{site}/"


def test_one_comes_from_the_ledger_to_the_evidence(page: Page, site: str) -> None:
    """By links alone: the lap, its version, and the rollout that brought it to users."""
    opened(page, site)
    page.locator("table a", has_text="4").first.click()
    page.wait_for_url(f"{site}/loops/{MODEL}/laps/4")
    page.get_by_role("link", name="v4").first.click()
    page.wait_for_url(f"{site}/models/{MODEL}/versions/4")
    page.get_by_role("link", name="#2").click()
    page.wait_for_url(f"{site}/models/{MODEL}/rollouts/2")
    assert "policy:replay" in page.inner_text("main")


def test_a_rollout_shows_every_guard_against_its_margin(page: Page, site: str) -> None:
    opened(page, f"{site}/models/{MODEL}/rollouts/3")
    row = page.locator("tr", has_text="mistakes").first
    assert "harmful" in row.inner_text()
    limit = row.locator(".limit").evaluate("(one) => one.x1.baseVal.value")
    low = row.locator(".range").evaluate("(one) => one.x1.baseVal.value")
    assert low > limit, "the whole interval lies beyond the margin"
    assert page.locator(".way .stopped").inner_text().startswith("10 %")


def test_text_from_the_store_is_text(page: Page, site: str) -> None:
    """A sentence that looks like markup is shown, in lists and in the data of charts."""
    seen = opened(page, f"{site}/models/{MODEL}/drift?days=0")
    assert HOSTILE in page.inner_text("main")
    assert page.locator("main img").count() == 0
    assert seen.complaints == []


def test_a_chart_follows_the_colour_scheme(page: Page, site: str) -> None:
    opened(page, site)
    colours = []
    for scheme in ("light", "dark", "light"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.wait_for_timeout(400)
        line = page.locator("#performance .lines path").last
        colours.append(line.evaluate("(one) => getComputedStyle(one).stroke"))
    assert colours[0] == colours[2] != colours[1]


def test_wide_tables_can_be_reached_and_moved_by_keyboard(page: Page, site: str) -> None:
    opened(page, site)
    table = page.locator(".scroll").last
    assert table.get_attribute("tabindex") == "0"
    assert table.get_attribute("aria-label")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
