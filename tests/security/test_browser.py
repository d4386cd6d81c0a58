"""What a browser does with what an attacker stored, and what another site can make it do."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Page

from lapwise.core.model import Artifact, Metric, Param, Tag
from tests.chromium import launched
from tests.security.siege import Siege
from tests.server.access.acts import MINE
from tests.store.making import act, lap, run, version

SCRIPT = "<script>window.stolen=1</script>"
EVIL = (
    f"</script>{SCRIPT}",
    f"'\"><img src=x onerror=window.stolen=2>{SCRIPT}",
    "javascript:window.stolen=3",
    "{{7*7}}${7*7}<svg/onload=window.stolen=4>",
    "</title></style></textarea>\u2028<iframe srcdoc='<script>parent.stolen=5</script>'>",
    "a\r\nSet-Cookie: x=y\r\n\r\n<script>window.stolen=6</script>.html",
)


@pytest.fixture(scope="module")
def page(sqlite_siege: Siege) -> Iterator[Page]:
    """A browser that is logged in."""
    with launched() as chromium:
        page = chromium.new_context().new_page()
        page.goto(f"{sqlite_siege.client.base_url}/login")
        page.fill("#token", sqlite_siege.tokens["viewer", "*"])
        page.click("main button")
        page.wait_for_url(f"{sqlite_siege.client.base_url}/")
        yield page


@pytest.fixture(scope="module")
def numbers(sqlite_siege: Siege) -> list[int]:
    """Runs, and a model, of which everything that a user may write is hostile."""
    import msgspec

    store, found = sqlite_siege.store, []
    for place, evil in enumerate(EVIL):
        made = store.runs.create(
            msgspec.structs.replace(run(f"evil {evil}"), name=evil, user=evil, parent=evil)
        )
        picture = f"GIF89a/*{SCRIPT}*/".encode()
        store.runs.log(
            made.id,
            params=[Param(name=evil, value=evil), Param(name="same", value=f"{evil}{place}")],
            metrics=[Metric(name=evil, value=0.5, step=one) for one in range(3)],
            tags=[Tag(name=evil, value=evil), Tag(name="mlflow.note.content", value=evil)],
            artifacts=[
                Artifact(name=name, digest=store.blobs.put(content), size=len(content))
                for name, content in (
                    (f"{evil}.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>"),
                    (f"{evil}.html", SCRIPT.encode()),
                    (f"{evil}.gif", picture),
                )
            ],
        )
        found.append(made.number)
    name = f"evil {EVIL[1]}"
    made_by = msgspec.structs.replace(
        version(name, "evil", run_id=store.runs.get(str(found[0])).id),
        description=EVIL[1], source=EVIL[2], format=EVIL[0], parity=EVIL[3], marks=(EVIL[1],),
    )  # fmt: skip
    store.models.add(made_by, act(subject=name, actor=EVIL[0]))
    store.laps.create(msgspec.structs.replace(lap(name), error=EVIL[1]))
    return found


def test_no_page_runs_what_was_stored(siege: Siege, page: Page, numbers: list[int]) -> None:
    base, said = str(siege.client.base_url), []
    page.on("dialog", lambda one: one.dismiss())
    page.on("request", lambda one: said.append(urlsplit(one.url).netloc))
    name = quote(f"evil {EVIL[1]}", safe="")
    paths = [
        "/runs", "/compare?runs=" + ",".join(map(str, numbers)), f"/models/{name}",
        f"/models/{name}/versions/1", f"/loops/{name}", f"/loops/{name}/laps/1",
        "/runs?columns=" + quote(f"params.`{EVIL[1]}`"), "/runs?where=" + quote(EVIL[1]),
        "/runs?order=" + quote(EVIL[0]), "/runs?experiment=" + quote(EVIL[1]),
        f"/runs/{numbers[0]}?find=" + quote(EVIL[1]), "/nothing/" + quote(EVIL[0], safe=""),
        "/login?next=" + quote("javascript:window.stolen=9"), "/models/" + quote(EVIL[1], safe=""),
        f"/compare?runs={numbers[0]}&by=" + quote(EVIL[1]) + "&draw=" + quote(EVIL[1]),
        *(f"/runs/{one}" for one in numbers),
        *(f"/runs/{numbers[0]}?show=" + quote(f"{EVIL[0]}{kind}") for kind in (".svg", ".gif")),
    ]  # fmt: skip
    for path in paths:
        answer = page.goto(base + path)
        assert answer is not None
        assert answer.status in {200, 400, 404}, path
        page.wait_for_timeout(50)
        assert page.evaluate("window.stolen") is None, path
        if path.startswith("/runs/"):
            assert "window.stolen" in page.inner_text("body"), path
        assert not page.query_selector("iframe, img[src=x], svg[onload]"), path
        hrefs = page.eval_on_selector_all("a", "all => all.map(one => one.protocol)")
        assert "javascript:" not in hrefs, path
    assert set(said) <= {urlsplit(base).netloc, ""}


@pytest.mark.parametrize("evil", EVIL, ids=range(len(EVIL)))
@pytest.mark.parametrize("kind", [".svg", ".html", ".gif"])
def test_a_stored_file_is_saved_and_never_shown(
    siege: Siege, numbers: list[int], evil: str, kind: str
) -> None:
    run, name = numbers[EVIL.index(evil)], quote(evil + kind, safe="")
    asked = siege.bearing("viewer", "*")
    answer = siege.client.get(f"/api/v1/runs/{run}/artifacts/content?name={name}", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert "set-cookie" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    shown = siege.client.get(f"/runs/{run}/picture?name={name}", headers=asked)
    if kind == ".gif":  # the first bytes are a picture's: it is one to a browser, whatever follows
        assert shown.headers["content-type"] == "image/gif"
        assert shown.headers["content-security-policy"] == "default-src 'none'; sandbox"
    else:
        assert shown.status_code == 404


def test_another_site_neither_reads_nor_writes(siege: Siege, page: Page) -> None:
    """From a page of another origin, in a browser that is logged in: the cookie does not travel."""
    base = str(siege.client.base_url)
    before = len(siege.store.runs.list(limit=1000))
    other = page.context.new_page()
    other.goto("data:text/html,<h1>evil</h1>")
    script = """async base => {
        const told = [];
        for (const [path, how] of [
            ['/api/v1/runs', {credentials: 'include'}],
            ['/api/v1/runs', {mode: 'no-cors', credentials: 'include'}],
            ['/api/v1/store/runs/list', {method: 'POST', body: '{}', credentials: 'include'}],
            ['/api/v1/store/runs/list', {method: 'POST', mode: 'no-cors', body: '{}',
                headers: {'content-type': 'text/plain'}, credentials: 'include'}],
            ['/api/2.0/mlflow/runs/create', {method: 'POST', mode: 'no-cors',
                body: '{"experiment_id": "1"}', credentials: 'include'}],
            ['/logout', {method: 'POST', mode: 'no-cors', credentials: 'include'}],
        ]) {
            try { told.push(await (await fetch(base + path, how)).text()); }
            catch (error) { told.push(''); }
        }
        return told.join('');
    }"""
    assert other.evaluate(script, base) == ""
    other.close()
    assert len(siege.store.runs.list(limit=1000)) == before
    page.goto(base + "/runs")
    assert page.inner_text("h1") != "Log in"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil", "localhost:80@evil", "0", ""])
def test_a_rebound_name_is_refused(siege: Siege, host: str) -> None:
    for path in ("/", "/api/v1/runs", "/api/2.0/mlflow/experiments/search", "/login", "/health"):
        answer = siege.raw(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 421"), path


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_cookie_writes_nothing(siege: Siege, page: Page, method: str) -> None:
    (cookie,) = page.context.cookies()
    jar = {"cookie": f"{cookie['name']}={cookie['value']}", "content-type": "application/json"}
    assert siege.client.get("/api/v1/runs", headers=jar).status_code == 200
    for path in ("/api/v1/store/runs/list", "/api/v1/runs", "/api/2.0/mlflow/runs/create",
                 f"/api/v1/blobs/{'0' * 64}"):  # fmt: skip
        answer = siege.client.request(method, path, headers=jar, content=b"{}")
        assert answer.status_code == 401, path


def test_a_login_takes_no_cookie_that_somebody_planted(siege: Siege) -> None:
    planted = {"cookie": "lapwise-session=planted"}
    form = {"token": siege.tokens["viewer", MINE], "next": "//evil.example/"}
    entered = siege.client.post("/login", data=form, headers=planted)
    assert entered.status_code == 303
    assert entered.headers["location"] == "/"
    assert "planted" not in entered.headers["set-cookie"]
    assert siege.client.get("/api/v1/runs", headers=planted).status_code == 401
    siege.client.cookies.clear()
