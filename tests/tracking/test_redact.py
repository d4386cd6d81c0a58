"""Secrets do not reach a record."""

import pytest

from lapwise.tracking.redact import has_secret, is_secret_file, mask_command, mask_text

TOKEN = "hf_" + "a" * 34


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["--token", "abc"], ("--token", "***")),
        (["--token=abc"], ("--token=***",)),
        (["--api-key", "abc", "--lr", "0.1"], ("--api-key", "***", "--lr", "0.1")),
        (["--db-password=a=b"], ("--db-password=***",)),
        (["--password", "--verbose"], ("--password", "--verbose")),
        (["AWS_SECRET_ACCESS_KEY=x"], ("AWS_SECRET_ACCESS_KEY=***",)),
        (["db.password=x", "db.host=y"], ("db.password=***", "db.host=y")),
        (["postgresql://anna:pw@db/x"], ("postgresql://anna:***@db/x",)),
        (["--uri=https://:pw@host"], ("--uri=https://:***@host",)),
        ([TOKEN], ("***",)),
        (["--max-tokens", "5", "--tokenizer=bpe"], ("--max-tokens", "5", "--tokenizer=bpe")),
        (["--author=Anna", "--compass=n"], ("--author=Anna", "--compass=n")),
    ],
)
def test_command_lines_are_masked(given: list[str], shown: tuple[str, ...]) -> None:
    """A value is hidden by its option's name or its own shape, and nothing else is."""
    assert mask_command(given) == shown


def test_a_long_argument_is_cut() -> None:
    """`python -c` with a whole program does not fill the record."""
    (shown,) = mask_command(["x" * 5_000])
    assert len(shown) == 1_000


@pytest.mark.parametrize(
    "path",
    [".env", "a/.env.production", "key.pem", "x/id_rsa", "id_ed25519.pub", ".aws/config",
     "secrets.yaml", "deploy/secrets/db.txt", "CREDENTIALS.json", ".netrc"],
)  # fmt: skip
def test_names_of_secret_files_are_known(path: str) -> None:
    """Wherever they lie."""
    assert is_secret_file(path)


@pytest.mark.parametrize("path", ["train.py", "secrets.py", "env.py", ".env.example", "keys.md"])
def test_ordinary_files_are_ordinary(path: str) -> None:
    """Code and templates stay in the patch."""
    assert not is_secret_file(path)


def test_tokens_are_known_by_shape() -> None:
    """A token in a file is found; a word that contains its letters is not."""
    assert has_secret(f"x = '{TOKEN}'".encode())
    assert has_secret(b"-----BEGIN OPENSSH " + b"PRIVATE KEY-----")
    assert not has_secret(b"task-" + b"a" * 40)
    assert not has_secret(f"graphf_{'a' * 34}".encode())
    assert not has_secret(b"AKIA is how they begin")
    assert mask_text(f"a {TOKEN} b") == "a *** b"
