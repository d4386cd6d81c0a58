"""What others on a machine, in a log, in a patch or behind a link might read."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import lapwise as lw
from lapwise.core.digest import digest_bytes
from lapwise.serving.prediction_log import PredictionLog
from lapwise.store.blobs_local import LocalBlobs
from lapwise.store.migrate import create, upgrade
from lapwise.store.open import open_store
from lapwise.tracking.git import read_code_state
from lapwise.tracking.redact import has_secret, mask_command
from lapwise.tracking.spool import Spool
from tests.security.siege import Siege


@pytest.fixture
def loose() -> Iterator[None]:
    """The umask of most systems: files are made for everybody to read."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def _open_to_others(top: Path) -> list[str]:
    """Return what another user of this machine could reach."""
    if stat.S_IMODE(top.stat().st_mode) & 0o077 == 0:
        return []
    return [
        str(top),
        *(one for path in top.iterdir() if path.is_dir() for one in _open_to_others(path)),
    ]


@pytest.mark.usefixtures("loose")
def test_nobody_else_may_enter_what_is_made(tmp_path: Path) -> None:
    home = tmp_path / "project" / ".lapwise"
    with open_store(f"sqlite:///{home}/lapwise.db", f"{home}/blobs") as store:
        store.blobs.put(b"patch")
        files = [home / name for name in ("lapwise.db", "lapwise.db-wal", "lapwise.db-shm")]
        assert {stat.S_IMODE(one.stat().st_mode) for one in files if one.exists()} == {0o600}
    PredictionLog(home / "live" / "log").close()
    Spool(home / "spool").keep(b"waits")
    LocalBlobs(tmp_path / "apart" / "blobs").put(b"x")
    assert _open_to_others(home) == []
    assert stat.S_IMODE((tmp_path / "apart").stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "lapwise.db.lock").stat().st_mode) == 0o600


@pytest.mark.usefixtures("loose")
def test_a_database_is_its_owners_wherever_it_lies(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    create(tmp_path / "lapwise.db")
    assert stat.S_IMODE((tmp_path / "lapwise.db").stat().st_mode) == 0o600


@pytest.mark.usefixtures("loose")
def test_a_run_leaves_nothing_for_others_to_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with lw.start_run("private") as run:
        run.log_metric("a", 1.0)
        run.log_text("note", "x")
    assert (tmp_path / ".lapwise" / "lapwise.db").is_file()
    assert _open_to_others(tmp_path / ".lapwise") == []


def test_an_upgraded_database_is_closed_to_others(tmp_path: Path, sqlite_template: Path) -> None:
    """What an older version made holds no secret yet, and is open to all."""
    from sqlalchemy import create_engine

    from lapwise.store.migrate import migrate

    path = tmp_path / "old.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        migrate(connection, "0003")
    engine.dispose()
    path.chmod(0o644)
    assert upgrade(f"sqlite:///{path}")[0] == "0003"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_out_of_a_folder_is_not_followed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "id_rsa").write_text("a key")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "mail").write_text("private")
    out = tmp_path / "out"
    (out / "deep").mkdir(parents=True)
    (out / "good.txt").write_text("good")
    (out / "same").symlink_to("good.txt")
    (out / "deep" / "key").symlink_to(tmp_path / "id_rsa")
    (out / "home").symlink_to(tmp_path / "home")
    (out / "round").symlink_to(out)
    with caplog.at_level(logging.WARNING), lw.start_run("links") as run:
        run.log_artifact(out)
    home = tmp_path / ".lapwise"
    with open_store(f"sqlite:///{home}/lapwise.db", f"{home}/blobs") as store:
        (kept,) = store.runs.list()
        names = {one.name for one in store.runs.artifacts(kept.id)}
        assert names == {"out/good.txt", "out/same"}
        assert not store.blobs.has(digest_bytes(b"a key"))
    assert "lead out of the folder" in caplog.text


@pytest.mark.parametrize(
    "line",
    [
        'aws_secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEZ"',
        "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEZ",
        'password = "hunter2secretpw"',
        'url = "postgresql://bob:dbpassw0rd@db/x"',
        'secret_key = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"',
        "AccountKey=Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmF",
        'TOKEN = "lw_' + "abcdefghij" * 4 + 'abc"',
        '"apiKey": "0123456789abcdef0123456789abcdef"',
        "AKIAIOSFODNN7EXAMPLE",
    ],
)
def test_what_calls_itself_a_secret_stays_out_of_a_patch(tmp_path: Path, line: str) -> None:
    assert has_secret(line.encode())
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "settings.py").write_text(f"import os\n{line}\n")
    (tmp_path / "train.py").write_text("print(1)\n")
    state = read_code_state(tmp_path)
    assert b"train.py" in state.patch
    assert line.encode() not in state.patch
    assert any("settings.py" in one for one in state.left_out)


@pytest.mark.parametrize(
    "line",
    [
        'sep_token = "[SEP]"',
        'eos_token = "<|endoftext|>"',
        'tokenizer = "bert-base-uncased"',
        'password = os.environ["PASSWORD"]',
        'f"postgresql://{user}:{password}@host/db"',
        "token = secrets.token_urlsafe(32)",
        "pad_token_id = 50256",
        'getpass("password: ")',
    ],
)
def test_code_that_only_speaks_of_secrets_stays_in(line: str) -> None:
    assert not has_secret(line.encode())


def test_no_secret_of_a_command_line_is_recorded() -> None:
    given = [
        *("train.py", "--api-key=HUSH1", "--token", "HUSH2", "--hf-token", "HUSH3"),
        *("--url", "https://u:HUSH4@h/x", "AWS_SECRET_ACCESS_KEY=HUSH5", "--dbPassword", "HUSH6"),
        *("--secretKey=HUSH7", "--wandb_key", "HUSH8", "--header", "Authorization: Bearer HUSH9"),
        *("--from", "https://h/?sig=HUSH10&x=1&access_token=HUSH11", '{"password": "HUSH12"}'),
    ]
    told = " ".join(mask_command([*given, "--tokenizer", "bert", "--lr=0.1"]))
    assert "HUSH" not in told
    assert "--tokenizer bert --lr=0.1" in told


def test_no_error_tells_of_sql_paths_or_what_was_sent(each_siege: Siege) -> None:
    siege, hush = each_siege, "hush-hush"
    answers = [
        siege.client.get("/api/v1/runs", params={"where": f"name = '{hush}"}),
        siege.client.get(f"/api/v1/runs/{hush}", headers=siege.bearing()),
        siege.client.get(f"/models/{hush}", headers=siege.bearing()),
        siege.client.get("/api/v1/blobs/" + "ab" * 32, headers=siege.bearing("viewer", "*")),
        siege.call("runs/get", reference=hush),
        siege.call("runs/log", run=siege.mine.run, tags=[{"name": hush, "value": 3}]),
        siege.call("experiments/create", name=siege.mine.name, at=2),
        siege.call("laps/get", reference=hush),
        siege.call("alarms/list", since=2**70),
    ]
    for one in answers:
        assert one.status_code >= 400
        for sign in (hush, str(siege.folder), "SELECT", "sqlite", "psycopg", "Traceback", ".py"):
            assert sign not in one.text, (sign, one.text)


def test_no_token_is_written_to_a_log(siege: Siege) -> None:
    """Not even one that stands in the address, where it opens nothing."""
    secret = siege.tokens["admin", "*"]
    assert siege.client.get(f"/api/v1/runs?token={secret}").status_code == 401
    assert siege.client.get(f"/{secret}", headers=siege.bearing()).status_code == 404
    for path in siege.folder.rglob("*"):
        if path.is_file() and path.stat().st_size < 50_000_000:
            assert secret.encode() not in path.read_bytes(), path
