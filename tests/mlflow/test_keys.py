from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapwise.server.mlflow.failures import Refusal
from lapwise.server.mlflow.keys import Place, check_key, place_of

RUN = "0af1" * 8
EVIL = [
    "..",
    ".",
    "../x",
    "a/../../x",
    "a/..",
    "a/./b",
    "a//b",
    "/etc/passwd",
    "//host/share",
    "%2e%2e/x",
    "%2E%2e%2Fx",
    "%252e%252e%252fx",
    "%25252e%25252e%25252fx",
    "a/%2e%2e/b",
    "..%2f..%2fetc",
    "..\\x",
    "a\\..\\b",
    "%5c..%5cx",
    "\\\\host\\share",
    "a\x00b",
    "a%00b",
    "a%2500b",
    "a\nb",
    "a\x7fb",
    "C:/Windows",
    "c:x",
    "c%3a/x",
    ".. /x",
    "... /x",
    "a/.. ",
    "\uff0e\uff0e/x",
    "\u2024\u2024/x",
    "a\uff0fb/\uff0e\uff0e",
    "\ud800",
    "",
    "a/",
    "x" * 256,
    "/".join(["abcdefgh"] * 200),
    "%" + "25" * 9 + "2e/x",
]
FINE = [
    "a.bin",
    "plots/roc curve.png",
    "deep/er/and/deeper/ü.json",
    ".hidden",
    "..hidden",
    "a..b",
    "100%",
    "100%.txt",
    "a;b=c",
    "a?b#c",
    "file.tar.gz",
    "日本/語.txt",
    "ab:c",
]


@pytest.mark.parametrize("key", EVIL)
def test_a_name_that_could_mean_another_place_is_refused(key: str) -> None:
    with pytest.raises(Refusal, match="Invalid path"):
        check_key(key)


@pytest.mark.parametrize("key", FINE)
def test_plain_names_are_taken_as_they_are(key: str) -> None:
    check_key(key)
    assert place_of(f"3/{RUN}/artifacts/{key}") == Place("run", RUN, key)
    assert place_of(f"3/models/m-{RUN}/artifacts/{key}") == Place("logged", f"m-{RUN}", key)
    assert place_of(f"versions/{RUN}/{key}") == Place("version", RUN, key)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "3",
        f"3/{RUN}",
        f"3/{RUN}/other/x",
        f"x/{RUN}/artifacts/x",
        f"-3/{RUN}/artifacts/x",
        "3/../artifacts/x",
        "3/%2e%2e/artifacts/x",
        "3/a b/artifacts/x",
        f"../3/{RUN}/artifacts/x",
        f"/3/{RUN}/artifacts/x",
        "versions",
        "models/m-1/artifacts/x",
    ],
)
def test_addresses_of_nothing_are_refused(address: str) -> None:
    with pytest.raises(Refusal, match="Invalid path"):
        place_of(address)


@given(st.text(max_size=60), st.integers(0, 3))
def test_what_is_taken_stays_inside_however_often_it_is_decoded(text: str, times: int) -> None:
    """Whoever writes a taken name below a folder of theirs stays in it."""
    import posixpath
    from urllib.parse import unquote

    for _ in range(times):
        text = quote(text, safe="/", errors="replace")
    try:
        check_key(text)
    except Refusal:
        return
    for _ in range(6):
        joined = posixpath.normpath(posixpath.join("/root", text))
        assert joined.startswith("/root/")
        assert "\\" not in text
        assert "\0" not in text
        text = unquote(text, errors="replace")
