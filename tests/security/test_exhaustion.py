"""Requests that are small to send and large to answer, or that fit nowhere."""

from __future__ import annotations

import gzip
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lapwise.core.errors import DeclarationError
from lapwise.core.model import Param
from lapwise.store.open import open_store
from lapwise.store.search import page
from tests.security.siege import Siege
from tests.store import making

HUGE = 2**70
DEEP = 200_000


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("runs/log", {"metrics": [{"name": "m", "value": 1, "step": HUGE}]}),
        ("runs/log", {"metrics": [{"name": "m", "value": 1, "step": 2**63}]}),
        ("runs/log", {"metrics": [{"name": "m", "value": 1, "at": HUGE}]}),
        ("runs/log", {"params": [{"name": "p", "value": HUGE}]}),
        ("runs/log", {"artifacts": [{"name": "a", "digest": "0" * 64, "size": HUGE}]}),
        ("runs/finish", {"status": "finished", "ended": HUGE}),
        ("runs/curve", {"metric": "auc", "points": HUGE}),
        ("runs/curve", {"metric": "auc", "points": -1}),
        ("logged/give", {"models": [["", HUGE]]}),
    ],
)
def test_a_number_that_fits_nowhere_is_the_senders_fault(
    each_siege: Siege, name: str, asked: dict[str, Any]
) -> None:
    """Not the server's: whoever is told 503 tries again for ever."""
    given = {"models": [[each_siege.mine.logged, HUGE]]} if "models" in asked else asked
    answer = each_siege.call(name, run=each_siege.mine.run, **given)
    assert answer.status_code in {200, 400}, answer.text
    assert answer.status_code == 400 or "curve" in name
    assert str(HUGE) not in answer.text


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("audit/entries", {"after": HUGE}),
        ("events/list", {"after": HUGE}),
        ("alarms/list", {"since": HUGE}),
        ("datasets/get", {"reference": "x@v" + "9" * 30}),
        ("experiments/update", {"number": HUGE, "at": 1}),
        ("laps/get", {"reference": "9" * 30, "loop": "churn"}),
        ("models/get", {"reference": "churn@v" + "9" * 30}),
    ],
)
def test_a_number_that_is_asked_for_fits_or_is_refused(
    each_siege: Siege, name: str, asked: dict[str, Any]
) -> None:
    answer = each_siege.call(name, **asked)
    assert answer.status_code in {200, 400, 404}, answer.text


@pytest.mark.parametrize("text", ["a\0b", "\\ud800"])
def test_text_that_no_database_holds_is_the_senders_fault(each_siege: Siege, text: str) -> None:
    run, odd = each_siege.mine.run, text.replace("\0", "\\u0000")
    for body in (
        f'{{"run": "{run}", "tags": [{{"name": "{odd}", "value": "{odd}"}}]}}',
        f'{{"run": "{odd}", "names": ["{odd}"]}}',
    ):
        name = "runs/log" if "tags" in body else "runs/untag"
        answer = each_siege.body(name, body.encode())
        assert answer.status_code in {200, 400, 404}, answer.text
    for reference in ("runs/get", "models/get", "experiments/get"):
        body = f'{{"reference": "{odd}"}}'
        assert each_siege.body(reference, body.encode()).status_code in {400, 404}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("json", b'{"run":' + b"[" * DEEP),
        ("json", b'{"run":"x","tags":[' + b'{"name":' * DEEP),
        ("json", b'{"run":"x","metrics":[{"name":"a","value":' + b"1" * 1_000_000 + b"}]}"),
        ("msgpack", b"\x81\xa4tags" + b"\x91" * DEEP),
        ("msgpack", b"\x81\xa4tags\xdd\xff\xff\xff\xff"),
        ("msgpack", b"\xdf\xff\xff\xff\xff"),
        ("msgpack", b"\x81\xa3run\xc7\x05\x01hello"),
        ("msgpack", b"\x81\xa3run\xdb\xff\xff\xff\xff"),
    ],
)
def test_a_body_that_claims_or_nests_too_much_is_refused_at_once(
    siege: Siege, kind: str, body: bytes
) -> None:
    headers = siege.bearing() | {"content-type": f"application/{kind}"}
    begun = time.perf_counter()
    answer = siege.client.post("/api/v1/store/runs/log", content=body, headers=headers)
    assert answer.status_code == 400
    assert len(answer.content) < 1000
    assert time.perf_counter() - begun < 10


@pytest.mark.parametrize("path", ["/api/v1/store/runs/log", "/api/2.0/mlflow/runs/log-batch"])
def test_nothing_is_unpacked(siege: Siege, path: str) -> None:
    bomb = gzip.compress(b'{"run":"' + b"x" * 50_000_000 + b'"}')
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = siege.client.post(path, content=bomb, headers=headers | siege.bearing())
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "where",
    [
        "(" * 3000 + "name = 'x'" + ")" * 3000,
        "NOT " * 2400 + "name = 'x'",
        " OR ".join(["name = 'x'"] * 500),
        "name = '" + "x" * 9_900 + "''" * 60,
        "name LIKE '" + "%a" * 4_900 + "'",
        "name IN (" + ", ".join(["'x'"] * 3_000) + ")",
        "name = 'x' AND " * 90 + "name",
    ],
)
def test_no_filter_takes_long(each_siege: Siege, where: str) -> None:
    begun = time.perf_counter()
    answer = each_siege.call("runs/search", where=where)
    assert answer.status_code in {200, 400}, answer.text
    assert len(answer.content) < 100_000
    assert time.perf_counter() - begun < 10


@pytest.mark.parametrize("name", ["experiments", "columns", "order"])
def test_no_search_is_asked_for_too_much_at_once(each_siege: Siege, name: str) -> None:
    many = [f"metrics.m{one}" for one in range(200_000)]
    answer = each_siege.call("runs/search", role="viewer", product="*", **{name: many})
    assert answer.status_code == 400


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_search_that_takes_too_long_is_given_up(
    request: pytest.FixtureRequest, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long pattern that may begin anywhere costs its length at each sign of a long text."""
    siege: Siege = request.getfixturevalue(f"{kind}_siege")
    url = siege.store.url
    monkeypatch.setattr(page, "SECONDS", 0.3)
    with open_store(url, f"{siege.folder}/blobs") as store:
        for _ in range(20):
            made = store.runs.create(making.run("slow"))
            store.runs.log(made.id, params=[Param(name="p", value="a" * 60_000)])
        where = " OR ".join([f"params.p ILIKE '%{'a' * 400}b%'"] * 20)
        begun = time.perf_counter()
        with pytest.raises(DeclarationError, match="takes too long"):
            store.runs.search(where)
        assert time.perf_counter() - begun < 20
        assert store.runs.search("params.p != 'x'", experiments=["slow"]).items


def test_others_are_answered_while_somebody_floods(siege: Siege) -> None:
    where = " OR ".join(f"params.p{one} ILIKE '%a%a%b'" for one in range(90))
    with ThreadPoolExecutor(24) as pool:
        flood = [pool.submit(siege.call, "runs/search", where=where) for _ in range(60)]
        begun = time.perf_counter()
        assert siege.client.get("/health").status_code == 200
        assert time.perf_counter() - begun < 5
        assert {one.result().status_code for one in flood} == {200}


def test_a_login_form_of_many_fields_is_only_a_wrong_token(siege: Siege) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    for body in (b"a&" * 400_000, b"a=b&" * 2_000, b"token=" + b"x" * 900_000, b"token=%ff%00"):
        answer = siege.client.post("/login", content=body, headers=form)
        assert answer.status_code in {401, 429}
