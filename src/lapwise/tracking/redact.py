"""Keeps secrets out of what a run records: command lines, patches, tracebacks.

Names and shapes, not proof: a secret that looks like an ordinary word in an ordinary file passes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate
from pathlib import PurePosixPath

__all__ = ["MASK", "has_secret", "is_secret_file", "mask_command", "mask_text"]

MASK = "***"
ARGUMENT_CHARACTERS = 1_000

_SECRET_FILES = (
    ".env", ".env.*", "*.env", ".envrc", ".netrc", "_netrc", ".npmrc", ".pypirc", ".pgpass",
    ".htpasswd", ".git-credentials", ".dockercfg", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks",
    "*.keystore", "*.kdbx", "*.ppk", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*",
    "credentials", "credentials.*", "secret.*", "secrets.*", "kubeconfig", "*.kubeconfig",
    "service-account*.json", "service_account*.json", "client_secret*.json", "token", "*.token",
    ".vault-token", ".databrickscfg", ".boto", ".s3cfg", ".my.cnf", "*.tfvars", "*.tfstate*",
)  # fmt: skip
_HARMLESS_FILES = (".env.example", ".env.sample", ".env.template", "*.py")
_SECRET = re.compile("|".join(translate(pattern) for pattern in _SECRET_FILES))
_HARMLESS = re.compile("|".join(translate(pattern) for pattern in _HARMLESS_FILES))
_SECRET_FOLDERS = {".aws", ".azure", ".gnupg", ".ssh", ".kube", ".docker", "secrets", ".secrets"}

# Each begins with a literal, which ``in`` and ``re`` find at the speed of memory.
_TOKENS = (
    (b"-----BEGIN ", rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
    (b"AKIA", rb"AKIA[0-9A-Z]{16}"),  # AWS
    (b"ASIA", rb"ASIA[0-9A-Z]{16}"),
    (b"gho_", rb"gho_[A-Za-z0-9]{36}"),  # GitHub
    (b"ghp_", rb"ghp_[A-Za-z0-9]{36}"),
    (b"ghr_", rb"ghr_[A-Za-z0-9]{36}"),
    (b"ghs_", rb"ghs_[A-Za-z0-9]{36}"),
    (b"ghu_", rb"ghu_[A-Za-z0-9]{36}"),
    (b"github_pat_", rb"github_pat_[A-Za-z0-9_]{50,}"),
    (b"glpat-", rb"glpat-[A-Za-z0-9_-]{20,}"),  # GitLab
    (b"xox", rb"xox[abeoprs]-[A-Za-z0-9-]{10,}"),  # Slack
    (b"AIza", rb"AIza[A-Za-z0-9_-]{35}"),  # Google
    (b"hf_", rb"hf_[A-Za-z0-9]{30,}"),  # Hugging Face
    (b"pypi-", rb"pypi-[A-Za-z0-9_-]{50,}"),
    (b"sk-", rb"sk-[A-Za-z0-9_-]{20,}"),  # OpenAI, Anthropic
    (b"sk_live_", rb"sk_live_[A-Za-z0-9]{20,}"),  # Stripe
    (b"dapi", rb"dapi[0-9a-f]{32}"),  # Databricks
    (b"lw_", rb"lw_[A-Za-z0-9_-]{43}"),  # our own
    (b"whsec_", rb"whsec_[A-Za-z0-9+/=]{24,}"),
    (b"eyJ", rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),  # JWT
)
_TOKEN_BYTES = tuple((literal, re.compile(pattern)) for literal, pattern in _TOKENS)
_TOKEN_TEXT = re.compile("|".join(rf"(?<![A-Za-z0-9]){pattern.decode()}" for _, pattern in _TOKENS))
# What is called a secret, and given as a literal: `aws_secret_access_key = "wJalr..."`. A long one has
# letters and digits, for "[SEP]" is a token too; passwords are taken at their word.
_CALLED = (
    rb"(?:secret|passw(?:or)?d|passphrase|pwd|token|credentials?|"
    rb"(?:access|account|api|auth|private|shared)[_-]?key)[\w-]{0,40}[\"']?[ \t]{0,20}[:=]{1,2}[ \t]{0,20}"
)
_LITERAL = re.compile(
    _CALLED
    + rb"[\"']?(?=[A-Za-z+/=_.-]{0,99}\d)(?=[\d+/=_.-]{0,99}[A-Za-z])[A-Za-z0-9+/=_.-]{20,}",
    re.IGNORECASE,
)
_PASSWORD = re.compile(
    rb"(?:passw(?:or)?d|passphrase|pwd)[\"']?[ \t]{0,20}[:=][ \t]{0,20}[\"'](?!\*|<|\$|\{|x{3})[^\s\"'(){}<>]{8,99}[\"']",
    re.IGNORECASE,
)
_IN_URL = re.compile(
    rb"[A-Za-z0-9]://[^/\s:@'\"]{0,99}:"
    rb"(?!(?:\*+|x+|pass|passwd|password|pw|pwd|secret|changeme)@)[^/\s@'\"{}$<>]{1,499}@",
    re.IGNORECASE,
)
_URL = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://[^/\s:@'\"]*:)[^/\s@'\"]+@")
_QUERY = re.compile(
    r"([?&;](?:[\w.-]*(?:token|secret|password|passwd|pwd|credential|signature|api_?key)|sig|key)=)"
    r"[^&#\s'\"]+",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"\b(Bearer|Basic)(\s+)[A-Za-z0-9._~+/=-]+", re.IGNORECASE)
_FIELD = re.compile(
    r"([\"'][\w.-]*(?:token|secret|passw(?:or)?d|passphrase|pwd|credentials?|api_?key|"
    r"access_?key|private_?key)[\w.-]*[\"']\s*:\s*)([\"']).*?\2",
    re.IGNORECASE,
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SECRET_WORD = re.compile(
    r"(?:^|[-_.])(?:token|pass|passwd|password|passphrase|secret|secrets|credential|credentials|"
    r"api[-_]?key|apikey|access[-_]?key|account[-_]?key|private[-_]?key|secret[-_]?key|"
    r"wandb[-_]?key|hf[-_]?key|auth|bearer|pwd|dsn)(?:$|[-_.])",
    re.IGNORECASE,
)


def is_secret_file(path: str) -> bool:
    """Return whether a file's name says that it holds secrets.

    >>> is_secret_file("deploy/.env"), is_secret_file("id_rsa"), is_secret_file("src/token.py")
    (True, True, False)
    """
    pure = PurePosixPath(path.lower())
    if _SECRET_FOLDERS.intersection(pure.parts[:-1]):
        return True
    return not _HARMLESS.match(pure.name) and _SECRET.match(pure.name) is not None


def has_secret(content: bytes) -> bool:
    """Return whether bytes hold a well-known token or private key, or what calls itself a secret."""
    if _IN_URL.search(content) or _LITERAL.search(content) or _PASSWORD.search(content):
        return True
    return any(
        not content[max(found.start() - 1, 0) : found.start()].isalnum()
        for literal, pattern in _TOKEN_BYTES
        if literal in content
        for found in pattern.finditer(content)
    )


def mask_text(text: str) -> str:
    """Return a text without tokens, and without credentials in URLs, headers and JSON.

    >>> mask_text("postgresql://anna:s3cret@db/lapwise")
    'postgresql://anna:***@db/lapwise'
    """
    text = _URL.sub(rf"\g<1>{MASK}@", _TOKEN_TEXT.sub(MASK, text))
    text = _SCHEME.sub(rf"\g<1>\g<2>{MASK}", _QUERY.sub(rf"\g<1>{MASK}", text))
    return _FIELD.sub(rf"\g<1>\g<2>{MASK}\g<2>", text)


def mask_command(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return a command line whose secrets are masked, each argument at most 1,000 characters.

    A value is secret by its option's name (``--api-key X``, ``--token=X``, ``DB_PASSWORD=X``,
    ``db.password=X``) or by its own shape.

    >>> mask_command(["train.py", "--token", "abc", "--lr=0.1", "db.password=x"])
    ('train.py', '--token', '***', '--lr=0.1', 'db.password=***')
    """
    masked: list[str] = []
    secret_follows = False
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        named_secret = _SECRET_WORD.search(_HUMP.sub("-", name.lstrip("-"))) is not None
        if secret_follows and not argument.startswith("--"):
            shown = MASK
        elif equals and named_secret and "\n" not in name and " " not in name:
            shown = f"{name}={MASK}"
        else:
            shown = mask_text(argument)
        secret_follows = named_secret and not equals and argument.startswith("-")
        cut = len(shown) > ARGUMENT_CHARACTERS
        masked.append(shown[: ARGUMENT_CHARACTERS - 1] + "…" if cut else shown)
    return tuple(masked)
