import re

import httpx

from lapwise.core.digest import digest_bytes


def test_an_address_holds_the_digest_and_is_kept_for_ever(client: httpx.Client) -> None:
    page = client.get("/").text
    addresses = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page)
    assert {address.rpartition("/")[2] for address in addresses} == {
        "lapwise.css",
        "mark.svg",
        "charts.js",
        "arrivals.js",
        "plotly.min.js",
    }
    for address in addresses:
        response = client.get(address)
        assert response.status_code == 200
        assert digest_bytes(response.content)[:16] == address.split("/")[2]
        assert "immutable" in response.headers["cache-control"]


def test_the_charts_library_travels_compressed(client: httpx.Client) -> None:
    page = client.get("/").text
    found = re.search(r"/assets/[0-9a-f]+/plotly.min.js", page)
    assert found is not None
    plain = client.get(found[0], headers={"accept-encoding": "identity"})
    packed = client.get(found[0], headers={"accept-encoding": "gzip"})
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2


def test_nothing_else_is_given(client: httpx.Client) -> None:
    digest = "0" * 16
    for path in (
        f"/assets/{digest}/lapwise.css",
        f"/assets/{digest}/README.md",
        f"/assets/{digest}/..%2Fapp.py",
        f"/assets/{digest}/%2Fetc%2Fpasswd",
    ):
        assert client.get(path).status_code == 404, path
