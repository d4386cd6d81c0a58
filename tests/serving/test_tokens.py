"""Who is let in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from lapwise.core.errors import ServingError
from lapwise.serving import InferenceApp, tokens_for
from lapwise.serving.model import InferenceError
from lapwise.serving.tokens import Guard
from tests.serving.toys import Opener

TOKEN = "t" * 32


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "", "::", "10.0.0.1", "example.org", "127.0.0.1.nip.io"]
)
def test_a_host_that_others_reach_needs_a_token(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAPWISE_TOKEN", raising=False)
    with pytest.raises(ServingError, match="token"):
        tokens_for(host)
    monkeypatch.setenv("LAPWISE_TOKEN", TOKEN)
    assert tokens_for(host) == (TOKEN,)
    assert tokens_for(host, ["u" * 32]) == ("u" * 32,)
    monkeypatch.setenv("LAPWISE_TOKEN", "short")
    with pytest.raises(ServingError, match="shorter"):
        tokens_for(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machine_needs_none(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAPWISE_TOKEN", raising=False)
    assert tokens_for(host) == ()


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN],
)
def test_every_path_but_health_wants_the_token(tmp_path: Path, header: str | None) -> None:
    app = InferenceApp.of_folder(tmp_path, Opener(tmp_path), tokens=[TOKEN])
    headers = {} if header is None else {"authorization": header}

    async def statuses(given: dict[str, str]) -> dict[str, int]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://far.example") as client:
            paths = ["/deployment", "/metrics", "/v2", "/v2/models", "/feedback", "/nowhere"]
            answers = {path: await client.get(path, headers=given) for path in paths}
            answers["live"] = await client.get("/v2/health/live", headers=given)
            return {path: answer.status_code for path, answer in answers.items()}

    refused = asyncio.run(statuses(headers))
    assert refused.pop("live") == 200
    assert set(refused.values()) == {401}
    let_in = asyncio.run(statuses({"authorization": f"bearer {TOKEN}"}))
    assert let_in["/deployment"] == let_in["/metrics"] == let_in["/v2"] == 200
    assert 401 not in let_in.values()


@pytest.mark.parametrize("host", [b"evil.example", b"evil.example:80", b"127.0.0.1.evil.example"])
def test_without_tokens_another_host_or_origin_is_refused(host: bytes) -> None:
    guard = Guard()
    for headers in ([(b"host", host)], [(b"host", b"localhost"), (b"origin", b"http://" + host)]):
        with pytest.raises(InferenceError):
            guard.check(headers)
    guard.check([(b"host", b"127.0.0.1:8080"), (b"origin", b"http://localhost:3000")])
    guard.check([(b"host", b"[::1]:8080")])
