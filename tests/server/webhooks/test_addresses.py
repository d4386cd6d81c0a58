"""No address inside is reached, however it is written, unless its host was allowed."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapwise.core.errors import AccessError, DeclarationError
from lapwise.server.webhooks.addresses import Target, find_target, is_public


def target(url: str, *allowed: str) -> Target:
    return asyncio.run(find_target(url, frozenset(allowed)))


INSIDE = [
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254"),
    *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.170", "192.0.2.1"),
    *("192.88.99.1", "192.168.0.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1"),
    *("239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1"),
    *("64:ff9b:1::1", "100::1", "2001::1", "2001:10::1", "2001:20::1", "2001:db8::1"),
    *("2002:7f00:1::", "2002:808:808::", "3fff::1", "5f00::1", "fc00::1", "fd12::1", "fe80::1"),
    *("fe80::1%eth0", "fec0::1", "ff02::1", "not an address", ""),
]
OUTSIDE = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"]


def test_what_is_inside_and_what_is_not() -> None:
    assert [one for one in INSIDE if is_public(one)] == []
    assert [one for one in OUTSIDE if not is_public(one)] == []


@given(st.ip_addresses().map(str))
def test_nothing_is_public_that_python_knows_to_be_special(address: str) -> None:
    found = ip_address(address)
    special = (
        found.is_private or found.is_loopback or found.is_link_local or found.is_multicast
        or found.is_reserved or found.is_unspecified
    )  # fmt: skip
    assert not (special and is_public(address))


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "LOCALHOST", "localhost.", "127.1", "0x7f.1", "0x7f000001"),
        *("2130706433", "0177.0.0.1", "017700000001", "0", "[::1]", "[::ffff:127.0.0.1]"),
        *("[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "[::]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
        *("169.254.169.254", "10.0.0.1", "192.168.1.1", "[fe80::1]", "[fd00::1]"),
    ],
)
def test_a_host_that_leads_inside_is_refused(host: str) -> None:
    """The check is of the address, so no spelling of it gets past."""
    with pytest.raises((AccessError, OSError)) as caught:
        target(f"http://{host}:8080/x")
    if isinstance(caught.value, AccessError):
        assert "--allow-webhook-host" in caught.value.fix


@pytest.mark.parametrize("url", ["http://[fe80::1%25lo]/", "http://u:p@8.8.8.8/", "ftp://8.8.8.8/"])
def test_a_url_of_another_form_is_refused_first(url: str) -> None:
    """Also one that came into the store some other way."""
    with pytest.raises(DeclarationError):
        target(url, "8.8.8.8")


def test_an_allowed_host_may_be_inside_and_only_that_one() -> None:
    """By the name that the URL has; another name of the same machine is another."""
    found = target("http://LocalHost:8080/a?b=c", "localhost")
    assert set(found.addresses) <= {"127.0.0.1", "::1"}
    assert (found.host, found.port, found.authority) == ("localhost", 8080, "LocalHost:8080")
    assert found.path == "/a?b=c"
    assert target("http://[::1]/", "::1").addresses == ("::1",)
    for url in ("http://127.0.0.1/", "http://0x7f.1/", "http://localhost.localdomain/"):
        with pytest.raises((AccessError, OSError)):
            target(url, "localhost")


def test_one_address_inside_among_others_is_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever place it has in the answer."""

    def answer(*addresses: str) -> None:
        def look(*_: Any, **__: Any) -> list[Any]:
            return [(socket.AF_INET, 1, 6, "", (one, 80)) for one in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", look)

    answer("8.8.8.8", "1.1.1.1", "8.8.8.8")
    assert target("https://hook.example/").addresses == ("8.8.8.8", "1.1.1.1")
    for addresses in (("8.8.8.8", "10.0.0.1"), ("::1", "8.8.8.8"), ("1.1.1.1",) * 5 + ("0.0.0.0",)):
        answer(*addresses)
        with pytest.raises(AccessError):
            target("https://hook.example/")
