"""Where a webhook leads: its addresses, looked up once, and none of them inside.

What is checked is the address itself, never the way it is written: ``127.1``, ``0x7f000001`` and a
name that leads to ``127.0.0.1`` are one. The connection goes to the very address that was
checked, so a name that leads elsewhere the second time changes nothing.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from lapwise.core.errors import AccessError
from lapwise.store.webhook_form import check_url

__all__ = ["Target", "find_target", "is_public"]

# Of IPv4 everything is public but these (IANA's special-purpose registry, and multicast).
_CLOSED_4 = tuple(
    IPv4Network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
    )
)
# Of IPv6 nothing is public but global unicast, without what wraps an IPv4 address (Teredo and
# 6to4; mapped and NAT64 addresses lie outside anyway) and without the documentation's own.
_OPEN_6 = IPv6Network("2000::/3")
_CLOSED_6 = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
_TRIED = 3


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect and what to ask for there: ``addresses`` in the order to try."""

    scheme: str
    host: str
    port: int | None
    authority: str
    path: str
    addresses: tuple[str, ...]


def is_public(address: str) -> bool:
    """Say whether an IP address is reached over the public internet, and by no other way.

    >>> [is_public(one) for one in ("93.184.215.14", "10.0.0.1", "169.254.169.254", "100.64.0.1")]
    [True, False, False, False]
    >>> [is_public(one) for one in ("2606:4700::1111", "::ffff:93.184.215.14", "64:ff9b::1", "::1")]
    [True, False, False, False]
    """
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv4Address):
        return not any(found in network for network in _CLOSED_4)
    return _is_public_6(found)


def _is_public_6(address: IPv6Address) -> bool:
    if address.scope_id or address not in _OPEN_6:
        return False
    return not any(address in network for network in _CLOSED_6)


async def find_target(url: str, allowed: frozenset[str]) -> Target:
    """Look up where a URL leads.

    Args:
        url: of a webhook.
        allowed: hosts, as URLs write them, that may lead anywhere.

    Raises:
        DeclarationError: nothing can be sent to such a URL.
        AccessError: one of its addresses is inside, and its host is not allowed.
        OSError: the name has no address.
    """
    check_url(url)
    parts = urlsplit(url)
    host = str(parts.hostname).lower()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = tuple(dict.fromkeys(str(one[4][0]) for one in found))
    if host.rstrip(".") not in allowed and not all(map(is_public, addresses)):
        raise AccessError(
            "an event may not be sent inside the network",
            value=host,
            expected="a host with public addresses only",
            fix=f"lapwise server --allow-webhook-host {host}",
        )
    return Target(
        scheme=parts.scheme,
        host=host,
        port=parts.port,
        authority=parts.netloc,
        path=(parts.path or "/") + ("?" + parts.query if parts.query else ""),
        addresses=addresses[:_TRIED],
    )
