"""Write the table of docs/mlflow.md from the list of MLflow's endpoints: `make docs`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lapwise.server.mlflow.coverage import REASONS, SERVED, listed

PAGE = Path(__file__).resolve().parent.parent / "docs" / "mlflow.md"
BEGIN, END = "<!-- from here written by `make docs` -->\n", "<!-- to here -->\n"


def table() -> str:
    """Return the served addresses, then the refused ones by reason."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    every = listed()
    served = [one for one in every if one.word == SERVED]
    yield f"{len(every)} addresses: {len(served)} served, {len(every) - len(served)} refused."
    yield ""
    yield "### Served"
    yield ""
    yield "| method | address |"
    yield "| --- | --- |"
    for one in served:
        yield f"| {one.method} | `{one.path}` |"
    for word, reason in sorted(REASONS.items()):
        yield ""
        yield f"### Refused: {reason}"
        yield ""
        yield "| method | address |"
        yield "| --- | --- |"
        for one in every:
            if one.word == word:
                yield f"| {one.method} | `{one.path}` |"


def render(page: str) -> str:
    """Return the page with its table written anew."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{table()}\n{END}{tail}"


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text()))
