"""The same verdicts as a terminal table, as Markdown and as JSON."""

from __future__ import annotations

import io

import msgspec
import pytest
from rich.console import Console

from lapwise import gates
from lapwise.core.model import Verdict
from tests.gates.evidence import binary_evidence

VERDICTS = gates.judge(
    [
        gates.NoLeakage(),
        gates.Better("log_loss", than="production", margin=0.002, confidence=0.9),
        gates.NoWorse("roc_auc", than="production", each="origin", margin=0.02),
        gates.Floor("recall", 0.99, each="origin"),
    ],
    binary_evidence(),
)


def printed(width: int) -> str:
    """Return what a terminal of this width shows."""
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(gates.to_table(VERDICTS))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_the_table_fits_80_columns_and_shows_every_verdict() -> None:
    text = printed(80)
    assert max(len(line) for line in text.splitlines()) <= 80
    for verdict in VERDICTS:
        assert verdict.name.split("(", maxsplit=1)[0] in text
        assert " ".join(verdict.sentence.split())[:40] in " ".join(text.split())
    assert text.rstrip().endswith("Together: failed.")
    assert "…" in text
    assert "origin=JFK" in text


def test_no_number_is_cut() -> None:
    text = printed(80)
    for verdict in VERDICTS[1:]:
        assert f"{verdict.measured:.3g}" in text
        assert f"{verdict.low:.3g} … {verdict.high:.3g}" in text


def test_markdown_has_one_line_a_verdict_with_its_parts() -> None:
    text = gates.to_markdown(VERDICTS)
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    assert len(rows) == sum(1 + len(verdict.parts) for verdict in VERDICTS)
    assert all(row.replace("\\|", "").count("|") == 7 for row in rows)


def test_json_gives_every_field_back() -> None:
    class Report(msgspec.Struct):
        decision: str
        verdicts: list[Verdict]

    report = msgspec.json.decode(gates.to_json(VERDICTS), type=Report)
    assert report.decision == "failed"
    assert tuple(report.verdicts) == VERDICTS


@pytest.mark.parametrize("text", ["a | b", "two\nlines"])
def test_a_sentence_cannot_break_the_markdown_table(text: str) -> None:
    verdict = Verdict(gate="G001", name="NoLeakage()", status="passed", sentence=text)
    assert len(gates.to_markdown([verdict]).strip().splitlines()) == 5
