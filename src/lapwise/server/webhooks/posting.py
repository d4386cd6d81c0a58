"""Send one payload to one place, and learn no more than whether it was taken."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from lapwise.core.errors import AccessError, DeclarationError
from lapwise.server.webhooks.addresses import Target, find_target

if TYPE_CHECKING:
    import httpx

__all__ = ["Outcome", "post"]

_READ = 1024
_GONE = 410


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went: whether it was taken, whether to try no more, and in words."""

    taken: bool
    final: bool
    said: str


async def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allowed: frozenset[str] = frozenset(),
    seconds: float = 10.0,
) -> Outcome:
    """Send a payload and return how it went; whatever the other side does, it takes no longer.

    No redirect is followed, no proxy is used, no cookie is kept, and of the answer only the status
    counts: at most one kilobyte of it is read, and none of it is kept.

    Args:
        url: where to.
        body: what.
        headers: with what signature.
        allowed: hosts that may be inside.
        seconds: for the name, the connection and the answer together.
    """
    try:
        async with asyncio.timeout(seconds):
            target = await find_target(url, allowed)
            return await _post(target, body, headers, seconds)
    except TimeoutError:
        return Outcome(False, False, f"no answer within {seconds:g} s")
    except (AccessError, DeclarationError) as error:
        return Outcome(False, False, f"refused: {error.thing}")
    except (OSError, UnicodeError):
        return Outcome(False, False, "the host's name was not found")


async def _post(target: Target, body: bytes, headers: Mapping[str, str], seconds: float) -> Outcome:
    import httpx

    said = "no address"
    for address in target.addresses:
        url = httpx.URL(
            scheme=target.scheme, host=address, port=target.port, raw_path=target.path.encode()
        )
        # A client of its own for each: a kept connection would be shared by whoever has the
        # same address, under whatever name.
        async with httpx.AsyncClient(
            verify=_trust(), trust_env=False, follow_redirects=False, timeout=seconds
        ) as client:
            request = client.build_request(
                "POST",
                url,
                content=body,
                headers={
                    "host": target.authority,
                    "content-type": "application/json",
                    "user-agent": "lapwise",
                    "accept-encoding": "identity",
                    "connection": "close",
                    **headers,
                },
                extensions={"sni_hostname": target.host},
            )
            try:
                return await _sent(client, request)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                said = "no connection"
            except (httpx.TransportError, httpx.InvalidURL) as error:
                return Outcome(False, False, f"no answer: {type(error).__name__}")
    return Outcome(False, False, said)


async def _sent(client: httpx.AsyncClient, request: httpx.Request) -> Outcome:
    import httpx

    response = await client.send(request, stream=True)
    status = response.status_code
    try:
        # Some servers see a failure when nobody reads; what comes after that is their affair.
        with suppress(httpx.TransportError):
            async for _ in response.aiter_raw(_READ):
                break
    finally:
        await response.aclose()
    if 300 <= status < 400:
        return Outcome(False, False, f"{status}: redirects are not followed")
    return Outcome(200 <= status < 300, status == _GONE, str(status))


@cache
def _trust() -> ssl.SSLContext:
    """Return the certificates to trust: those of ``SSL_CERT_FILE`` or ``SSL_CERT_DIR``, or certifi's."""
    import httpx

    return httpx.create_ssl_context()
