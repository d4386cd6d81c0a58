"""Photograph the pages of a real project into docs/img: PROJECT, the folder of one (lapwise demo)."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from lapwise.core.model import Record
from lapwise.loop.project import find_project
from lapwise.server import create_app
from lapwise.serving.run import bind, serve
from lapwise.store.model import Store
from lapwise.store.open import open_store

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "img"
LARGEST = 250_000
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


class Picture(Record, frozen=True, kw_only=True):
    """One photograph: its file's name, the address, and the window."""

    name: str
    path: str
    width: int = 1200
    height: int = 900
    dark: bool = False


def main() -> None:
    """Write every picture, or say what is missing."""
    if len(sys.argv) != 2:
        sys.exit("usage: scripts/screenshots.py PROJECT, such as the folder of `lapwise demo`")
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("Chromium is not installed: apt-get install chromium")
    project = find_project(Path(sys.argv[1]))
    if project.is_new:
        sys.exit(f"{project.root} holds no store; go round first: lapwise demo")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        open_store(project.store, project.blobs) as store,
        served(store) as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        for picture in chosen(store):
            print(take(browser, address, picture))
        browser.close()


def chosen(store: Store) -> list[Picture]:
    """Return what there is to photograph in a store; pages without content are left out."""
    newest = next(iter(store.laps.list(limit=1)), None)
    if newest is None:
        sys.exit("this store has no lap to show")
    model = newest.loop
    pictures = [
        Picture(name="loop", path=f"/loops/{model}", height=1000),
        Picture(name="loop-dark", path=f"/loops/{model}", height=1000, dark=True),
        Picture(name="loop-narrow", path=f"/loops/{model}", width=390, height=1100, dark=True),
    ]
    if store.observations.days(model):
        pictures.append(Picture(name="drift", path=f"/models/{model}/drift?days=365", height=1400))
    rollouts = store.rollouts.list(model, limit=1000)
    # One that went the whole way, or was stopped, has more to show than one that has just begun.
    told = max(rollouts, key=lambda one: (not one.open, len(one.history)), default=None)
    if told is not None:
        path = f"/models/{model}/rollouts/{told.number}"
        pictures.append(Picture(name="rollout", path=path, height=1100))
    version = store.models.production(model)
    if version is not None:
        path = f"/models/{model}/versions/{version.number}"
        pictures.append(Picture(name="version", path=path, height=1100))
    return pictures


@contextmanager
def served(store: Store) -> Iterator[str]:
    """Serve a store's pages beside this script, until it ends."""
    ready = threading.Event()
    listener = bind()
    port = listener.getsockname()[1]
    app = create_app(store)
    threading.Thread(
        target=lambda: serve(app, listener, announce=lambda _host, _port: ready.set()), daemon=True
    ).start()
    if not ready.wait(30):
        sys.exit("the server did not start")
    yield f"http://127.0.0.1:{port}"


def take(browser: Browser, address: str, picture: Picture) -> str:
    """Write one picture and return a line about it; one that is too large shows less of the page."""
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme="dark" if picture.dark else "light",
    )
    page = context.new_page()
    page.goto(address + picture.path)
    wait_for_charts(page)
    path = IMAGES / f"{picture.name}.png"
    height = picture.height
    while len(image := page.screenshot()) > LARGEST:
        height = height * 9 // 10
        page.set_viewport_size({"width": picture.width, "height": height})
    path.write_bytes(image)
    context.close()
    return f"{path.relative_to(IMAGES.parent.parent)}  {len(image) / 1000:.0f} kB"


def wait_for_charts(page: Page) -> None:
    """Wait until every chart of a page says that it is drawn."""
    page.wait_for_function(
        "[...document.querySelectorAll('.chart')].every((one) => one.dataset.drawn)"
    )


if __name__ == "__main__":
    main()
