"""``lapwise server`` and ``lapwise token``, as a person starts and uses them."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path

import httpx
import psutil
import pytest

from lapwise.core.access import Role
from lapwise.server.access import is_secret
from lapwise.store.open import open_store
from tests.server.sharing import COMMAND, bearer, give, sharing
from tests.store import servers
from tests.store.making import alarm, webhook


def place(folder: Path) -> tuple[str, str]:
    return f"sqlite:///{folder}/lapwise.db", f"{folder}/blobs"


def lapwise(
    folder: Path, *words: str, store: tuple[str, str] | None = None, secret: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    url, blobs = store or place(folder)
    around = {"LAPWISE_STORE": url, "LAPWISE_BLOBS": blobs, "COLUMNS": "200"}
    around |= {"LAPWISE_TOKEN": secret} if secret else {}
    return subprocess.run(
        [*COMMAND, *words],
        cwd=folder,
        env={**os.environ, **around},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def create(
    folder: Path,
    name: str,
    role: Role,
    *products: str,
    expires: int | None = None,
    store: tuple[str, str] | None = None,
) -> str:
    """Make a token and return its secret, without a process for it."""
    with open_store(*(store or place(folder))) as opened:
        grants = [(role, product) for product in products or ("*",)]
        return give(opened, *grants, name=name, expires=expires)


def test_on_this_machine_nobody_is_asked_and_sigterm_ends_it_in_order(tmp_path: Path) -> None:
    with sharing(tmp_path, *place(tmp_path)) as (url, process):
        said = httpx.get(f"{url}/health").json()
        assert said["ok"] is True
        assert set(said) == {"ok", "version"}
        assert httpx.get(f"{url}/api/v1/laps").json() == []
        made = httpx.post(f"{url}/api/2.0/mlflow/experiments/create", json={"name": "mine"})
        assert made.status_code == 200
        assert httpx.get(f"{url}/login").status_code == 404
        running = psutil.Process(process.pid)
        assert running.children(recursive=True) == []
        assert running.memory_info().rss < 120 << 20
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        assert process.stderr is not None
        assert not process.stderr.read()
    with open_store(*place(tmp_path)) as store:
        assert store.experiments.get("mine").name == "mine"


def test_beyond_this_machine_it_does_not_start_without_an_admin(tmp_path: Path) -> None:
    create(tmp_path, "anna", "approver")
    create(tmp_path, "part", "admin", "churn")
    create(tmp_path, "late", "admin", expires=2)
    for words in (["--host", "0.0.0.0"], ["--login"]):
        done = lapwise(tmp_path, "server", "--port", "0", *words)
        assert done.returncode == 1
        assert "lapwise token create NAME --role admin" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_name_it_was_not_given_is_refused_beyond_this_machine(tmp_path: Path) -> None:
    admin = bearer(create(tmp_path, "root", "admin"))
    words = ("--host", "0.0.0.0", "--allow-host", "lapwise.example")
    with sharing(tmp_path, *place(tmp_path), *words) as (bound, _):
        url = bound.replace("0.0.0.0", "127.0.0.1")
        for host, status in (
            ("lapwise.example", 200),
            ("LAPWISE.example:443", 200),
            ("10.1.2.3:5000", 200),
            ("[2001:db8::1]", 200),
            ("evil.example", 421),
            ("lapwise.example.evil", 421),
        ):
            answer = httpx.get(f"{url}/api/v1/laps", headers={**admin, "host": host})
            assert answer.status_code == status, host
        assert httpx.get(f"{url}/api/v1/laps").status_code == 401
        assert httpx.get(f"{url}/health").status_code == 200


def test_a_secret_is_shown_once_and_kept_nowhere(tmp_path: Path) -> None:
    words = ["--role", "contributor", "--product", "churn", "--product", "x", "--expires", "90d"]
    done = lapwise(tmp_path, "token", "create", "anna", *words)
    assert done.returncode == 0, done.stderr
    secret = done.stdout.splitlines()[-1]
    assert is_secret(secret)
    listed = lapwise(tmp_path, "token", "list").stdout
    assert "contributor of churn, contributor of x" in listed
    held = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"anna" in held
    assert secret[3:].encode() not in held


def test_a_token_is_revoked_on_the_machine_or_through_the_server(tmp_path: Path) -> None:
    root = create(tmp_path, "root", "admin")
    anna = create(tmp_path, "anna", "viewer")
    with sharing(tmp_path, *place(tmp_path), "--login") as (url, _):
        there = (url, "")
        assert httpx.get(f"{url}/api/v1/laps", headers=bearer(anna)).status_code == 200
        refused = lapwise(tmp_path, "token", "list", store=there, secret=anna)
        assert refused.returncode == 1
        assert "admin" in refused.stderr
        listed = lapwise(tmp_path, "token", "list", "--json", store=there, secret=root)
        found = {one["name"]: one for one in json.loads(listed.stdout)}
        assert found["anna"]["expires"] is None
        made = lapwise(tmp_path, "token", "create", "bob", "--json", store=there, secret=root)
        bob = json.loads(made.stdout)["secret"]
        assert httpx.get(f"{url}/api/v1/laps", headers=bearer(bob)).status_code == 200
        gone = lapwise(tmp_path, "token", "revoke", found["anna"]["id"], store=there, secret=root)
        assert gone.returncode == 0, gone.stderr
        assert httpx.get(f"{url}/api/v1/laps", headers=bearer(anna)).status_code == 401
        local = json.loads(made.stdout)["id"]
        assert lapwise(tmp_path, "token", "revoke", local).returncode == 0
        assert httpx.get(f"{url}/api/v1/laps", headers=bearer(bob)).status_code == 401
    with open_store(*place(tmp_path)) as store:
        acts = [(one.action, one.actor) for one in store.audit.entries()]
    assert acts[2] == ("token-add", "root")  # bob, by whoever bears the token
    assert acts[3] == ("token-revoke", "root")


@pytest.mark.parametrize(
    "words",
    [
        ["create", "anna", "--role", "king"],
        ["create", "", "--role", "viewer"],
        ["create", "a\nb"],
        ["create", "anna", "--product", ""],
        ["create", "anna", "--expires", "soon"],
        ["revoke", "nobody"],
    ],
)
def test_what_makes_no_token_is_one_clear_message(tmp_path: Path, words: list[str]) -> None:
    done = lapwise(tmp_path, "token", *words)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--tls-certificate", "a.pem"],
        ["--tls-certificate", "a.pem", "--tls-key", "b.pem"],
        ["--max-artifact", "many"],
        ["--host", "203.0.113.1", "--login"],
    ],
)
def test_what_cannot_be_served_is_one_clear_message(tmp_path: Path, words: list[str]) -> None:
    done = lapwise(tmp_path, "server", "--port", "0", *words)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_a_server_shares_no_store_that_is_a_servers(tmp_path: Path) -> None:
    done = lapwise(tmp_path, "server", store=("https://lapwise.example", ""))
    assert done.returncode == 1
    assert "sqlite:///" in done.stderr


def test_an_artifact_may_be_as_large_as_allowed(tmp_path: Path) -> None:
    with sharing(tmp_path, *place(tmp_path), "--max-artifact", "1KiB") as (url, _):
        made = httpx.post(f"{url}/api/2.0/mlflow/experiments/create", json={"name": "mine"}).json()
        asked = {"experiment_id": made["experiment_id"], "start_time": 1}
        run = httpx.post(f"{url}/api/2.0/mlflow/runs/create", json=asked).json()["run"]["info"]
        where = f"{made['experiment_id']}/{run['run_id']}/artifacts/a.bin"
        address = f"{url}/api/2.0/mlflow-artifacts/artifacts/{where}"
        assert httpx.put(address, content=b"x" * 1024).status_code == 200
        assert httpx.put(address, content=b"x" * 1025).status_code == 413
        assert httpx.put(address, content=(b"x" * 600 for _ in range(2))).status_code == 413


def test_the_first_webhook_is_served_by_a_server_that_runs(tmp_path: Path) -> None:
    there = place(tmp_path)
    with sharing(tmp_path, *there, "--allow-webhook-host", "127.0.0.1"), receiver() as (to, came):
        with open_store(*there) as store:
            store.webhooks.add(webhook(to), f"whsec_{'A' * 32}", "test")
            store.alarms.add(alarm("churn"))
        assert came.wait(40)


@contextmanager
def receiver() -> Iterator[tuple[str, threading.Event]]:
    """Listen for one payload; give the address, and what is set when it has come."""
    came = threading.Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.end_headers()
            came.set()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", came
        server.shutdown()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of this machine, signed by itself, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (tmp_path / "cert.pem").write_bytes(made.public_bytes(pem))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return tmp_path / "cert.pem", tmp_path / "key.pem"


def test_it_speaks_tls_with_a_certificate(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    shown, key = certificate
    secret = create(tmp_path, "root", "admin")
    words = ("--login", "--tls-certificate", str(shown), "--tls-key", str(key))
    trusted = ssl.create_default_context(cafile=str(shown))
    with sharing(tmp_path, *place(tmp_path), *words) as (url, _):
        assert url.startswith("https://")
        with httpx.Client(base_url=url, verify=trusted) as client:
            assert client.get("/api/v1/laps").status_code == 401
            assert client.get("/api/v1/laps", headers=bearer(secret)).json() == []
            entered = client.post("/login", data={"token": secret})
            assert "; Secure" in entered.headers["set-cookie"]
        plain = url.replace("https://", "http://")
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"{plain}/health")


@pytest.fixture
def postgresql() -> Iterator[str]:
    with servers.postgresql() as url:
        servers.make_database(url, "shared", "template1")
        yield servers.in_database(url, "shared")


def test_it_works_on_postgresql(tmp_path: Path, postgresql: str) -> None:
    there = (postgresql, f"{tmp_path}/blobs")
    root = create(tmp_path, "root", "admin", store=there)
    anna = create(tmp_path, "anna", "contributor", "churn", store=there)
    with sharing(tmp_path, *there, "--login") as (url, _):
        churn = {"name": "churn"}
        create_at = f"{url}/api/2.0/mlflow/experiments/create"
        assert httpx.post(create_at, json=churn, headers=bearer(anna)).status_code == 200
        other = httpx.post(create_at, json={"name": "other"}, headers=bearer(anna))
        assert other.status_code == 403
        listed = httpx.get(f"{url}/api/v1/experiments", headers=bearer(anna))
        assert "churn" in listed.text
        assert httpx.get(f"{url}/api/v1/audit", headers=bearer(root)).status_code == 200
