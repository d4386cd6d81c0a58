"""``lapwise features stats``: how the values of features are spread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from lapwise.cli.features.noun import facts, features, now_of, page_or_store, percent
from lapwise.cli.options import AsJson, PageOption
from lapwise.cli.render import number, print_json, show, table, when
from lapwise.core.errors import NotFoundError

if TYPE_CHECKING:
    from lapwise.core.feature import FeatureSummary
    from lapwise.loop.bootstrap import Workshop
    from lapwise.loop.model import Loop
    from lapwise.loop.spread import Spread

__all__ = ["features_stats"]

_LABEL = 34
_BAR = 30
_EIGHTHS = " ▏▎▍▌▋▊▉"


@features.command("stats")
def features_stats(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A view, an on-demand function, a feature or an input."
        ),
    ],
    page: PageOption = None,
    json: AsJson = False,
) -> None:
    """Show how a feature's values were spread over the examples that a model was trained on.

    Of a view, all its features have a line; of a single feature, its distribution is drawn.

    Example: lapwise features stats plane_mean_delay
    """
    with page_or_store(page) as (loop, opened):
        spread, single = _find(opened, loop, name)
    if json:
        print_json(spread)
        return
    period = ""
    if spread.start is not None and spread.end is not None:
        period = f", {when(spread.start)} to {when(spread.end)}"
    rows = spread.features[0].rows if spread.features else 0
    show(Text(f"{number(rows)} examples of {spread.model} v{spread.number}{period}", style="dim"))
    if single is not None:
        _draw(single)
        return
    show(
        table(
            ["feature", "nulls>", "distinct>", "mean>", "std>", "least>", "median>", "greatest>"],
            [_line(one) for one in spread.features],
        )
    )


def _find(opened: Workshop, loop: Loop | None, name: str) -> tuple[Spread, FeatureSummary | None]:
    """Return the spread of what is named, and of a single feature its own."""
    from lapwise.loop.describing import find_described
    from lapwise.loop.listing import find_on_page
    from lapwise.loop.spread import spread_of, spread_of_input

    now = now_of(opened, loop, None)
    try:
        found = (
            find_described(opened.store, name, now=now)
            if loop is None
            else find_on_page(opened, loop, name, now=now)
        )
    except NotFoundError:
        models = [loop.name] if loop else sorted({one.loop for one in opened.store.features.list()})
        spread = spread_of_input(opened.store, models, name)
        if spread is None:
            raise
        return spread, spread.features[0]
    trained = next((one for one in found if one.users), found[0])
    said = trained.declared
    spread = spread_of(opened.store, said.name, said.features, trained.users)
    own = [one for one in spread.features if one.feature == name]
    if not own and len(spread.features) == 1:
        own = list(spread.features)
    # A function often gives one feature of its own name: that one is drawn.
    single = bool(own) and (said.name != name or len(spread.features) == 1)
    return spread, own[0] if single else None


def _line(one: FeatureSummary) -> tuple[object, ...]:
    from lapwise.loop.spread import value_text

    median = dict(one.quantiles).get(0.5)
    shown = [one.mean, one.std, one.minimum, median, one.maximum]
    texts = ["" if value is None else value_text(one.dtype, value) for value in shown]
    if one.std is not None and one.dtype.startswith("Date"):
        texts[1] = value_text("Duration", one.std)
    return (one.feature, percent(one.null_share), one.distinct, *texts)


def _draw(one: FeatureSummary) -> None:
    from lapwise.loop.spread import bin_labels, value_text

    lines: list[tuple[str, object]] = [
        ("type", one.dtype),
        ("nulls", f"{number(one.nulls)} of {number(one.rows)} ({percent(one.null_share)})"),
    ]
    if one.distinct is not None:
        lines.append(("different values", number(one.distinct)))
    if one.odd:
        lines.append(("NaN or infinite", number(one.odd)))
    if one.mean is not None:
        lines.append(("mean", value_text(one.dtype, one.mean)))
    if one.std is not None:
        duration = one.dtype.startswith(("Date", "Time", "Duration"))
        lines.append(("std", value_text("Duration" if duration else one.dtype, one.std)))
    if one.minimum is not None:
        lines.append(("least", value_text(one.dtype, one.minimum)))
    for share, at in one.quantiles:
        lines.append(
            ("median" if share == 0.5 else f"{share:.0%} below", value_text(one.dtype, at))
        )
    if one.maximum is not None:
        lines.append(("greatest", value_text(one.dtype, one.maximum)))
    show(Text(one.feature, style="bold"), facts(lines), "")
    labels, counts = list(bin_labels(one)), list(one.counts)
    if one.other:
        labels.append(f"others ({number((one.distinct or 0) - len(one.values))} values)")
        counts.append(one.other)
    most, total = max(counts, default=0), sum(counts)
    if not total:
        show(Text("no value to draw", style="dim"))
        return
    show(
        table(
            ["", "", "rows>", "share>"],
            [
                (_cut(label), _bar(count / most), count, f"{count / total:.1%}")
                for label, count in zip(labels, counts, strict=True)
            ],
        )
    )


def _bar(share: float) -> Text:
    """Return a bar of up to 30 characters; what is there at all has an eighth of one."""
    eighths = round(share * _BAR * 8)
    if share > 0:
        eighths = max(eighths, 1)
    full, rest = divmod(eighths, 8)
    return Text("█" * full + (_EIGHTHS[rest] if rest else ""), style="green")


def _cut(label: str) -> str:
    return label if len(label) <= _LABEL else label[: _LABEL - 1] + "…"
