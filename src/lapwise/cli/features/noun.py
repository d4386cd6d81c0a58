"""The noun ``features``, and what its verbs share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.table import Table
from rich.text import Text

from lapwise.cli.app import app
from lapwise.cli.options import page_and_workshop, workshop
from lapwise.cli.render import number, visible, when
from lapwise.core.errors import NotFoundError

if TYPE_CHECKING:
    from lapwise.core.feature import DifferentVector
    from lapwise.loop.bootstrap import Workshop
    from lapwise.loop.model import Loop

__all__ = [
    "difference",
    "facts",
    "features",
    "folded",
    "now_of",
    "page_or_store",
    "percent",
    "stretch",
]

features = typer.Typer(help="Features, the same in training and in serving.", no_args_is_help=True)
app.add_typer(features, name="features")


@contextmanager
def page_or_store(
    page: str | None, as_of: str | None = None
) -> Iterator[tuple[Loop | None, Workshop]]:
    """Read the page that is named or that the project has; without one, open its store alone.

    Raises:
        NotFoundError: there is neither a page nor a store.
    """
    from lapwise.loop.project import find_project

    project = find_project(Path.cwd())
    if page or project.page:
        with page_and_workshop(page, as_of) as opened:
            yield opened
        return
    if project.is_new:
        raise NotFoundError(
            "no page was named, and nothing has been kept here yet",
            value=str(project.root),
            expected="a page, or a project in which a lap was gone",
            fix="lapwise features list page.py",
        )
    with workshop(as_of) as only:
        yield None, only


def now_of(opened: Workshop, loop: Loop | None, as_of: str | None) -> int:
    """Return the time by which what is online is behind: the product's own, unless one was named."""
    from lapwise.loop.describing import product_time

    clock = opened.world.now()
    if as_of is not None:
        return clock
    loops = [loop.name] if loop else {one.loop for one in opened.store.features.list()}
    return product_time(opened.store, loops, clock)


def difference(one: DifferentVector) -> Text:
    """Return a line of a value that was served and is not right, with its cause if it was found."""
    entity = ", ".join(f"{name} {value}" for name, value in one.entity.items())
    told = (
        f"{one.feature} of {entity} (row {one.row}) at {when(one.at)}: {one.logged} was served,"
        f" {one.offline} is right"
    )
    if one.cause:
        told += f"; {one.kind.replace('_', ' ')}: {one.cause}"
    return Text.assemble(("differs: ", "red"), visible(told))


def facts(lines: Sequence[tuple[str, object]]) -> Table:
    """Return what is known, a line each: what, and which."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    for what, which in lines:
        text = which if isinstance(which, Text) else Text(visible(number(which)))
        grid.add_row(what, text)
    return grid


def folded(name: str) -> Text:
    """Return a name for a column of 24 characters; a longer one is folded after its underscores.

    >>> print(folded("mean_delay_of_all_arrivals_of_the_plane"))
    mean_delay_of_all_
    arrivals_of_the_plane
    """
    return Text("\n".join(re.findall(r".{1,24}$|.{1,23}_|.{1,24}", visible(name))))


def percent(share: float | None) -> str:
    """Return a share in per cent, which is 0 or 100 only if it is so exactly.

    >>> percent(0.0), percent(1e-6), percent(0.129), percent(1 - 1e-6), percent(None)
    ('0%', '<0.1%', '12.9%', '>99.9%', '')
    """
    if share is None:
        return ""
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    text = f"{share:.1%}"
    return {"0.0%": "<0.1%", "100.0%": ">99.9%"}.get(text, text)


def stretch(microseconds: int) -> str:
    """Return a stretch of time in its two largest units, from a minute on without seconds.

    >>> stretch(755_000_000), stretch(93_784_000_000), stretch(7_200_000_000), stretch(0)
    ('12 min', '1 d 2 h', '2 h', '0 s')
    """
    seconds = microseconds // 1_000_000
    words, rest = [], seconds
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        count, rest = divmod(rest, size)
        if count:
            words.append(f"{count:,} {unit}")
    return " ".join(words[:2]) or f"{seconds} s"
