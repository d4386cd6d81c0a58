"""Each rule of leakage finds what it is for, with numbers, and leaves the rest alone."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from lapwise.core.errors import DataError
from lapwise.core.evidence import Finding
from lapwise.core.model import Split, SplitPart
from lapwise.data.leakage.find import RULES, find_leakage
from lapwise.data.leakage.model import FeatureSource
from tests.data.worlds import DAY, HOUR, UTC

COUNT = 3_000


def split(kind: str = "time", by: tuple[str, ...] = ()) -> Split:
    bounds = [(None, 60 * DAY), (61 * DAY, 80 * DAY), (81 * DAY, 100 * DAY)]
    parts = tuple(
        SplitPart(name=name, rows=1, start=start, end=end)
        for name, (start, end) in zip(("train", "validation", "test"), bounds, strict=True)
    )
    return Split(digest="d", kind=kind, parts=parts, by=by, embargo=DAY, assignment="a")


def honest(**more: Any) -> pl.DataFrame:
    """Return examples of a hundred days in a time split, with features that say a little."""
    draw = np.random.default_rng(7)
    days = np.sort(draw.uniform(0, 100, COUNT))
    label = draw.random(COUNT) < 0.3
    frame = pl.DataFrame(
        {
            "id": np.arange(COUNT),
            "time": pl.Series((days * DAY).astype(np.int64)).cast(UTC),
            "unit": [f"N{number}" for number in draw.integers(0, 200, COUNT)],
            "label": label,
            "wind": draw.normal(size=COUNT) + label,
            "carrier": draw.choice(["AA", "B6", "UA"], COUNT),
        }
        | more
    ).with_columns(label_known=pl.col("time") + pl.duration(hours=6))
    day = pl.col("time").to_physical() / DAY
    part = (
        pl.when(day < 60)
        .then(pl.lit("train"))
        .when(day.is_between(61, 80))
        .then(pl.lit("validation"))
        .when(day > 81)
        .then(pl.lit("test"))
    )
    return frame.with_columns(part=part).drop_nulls("part")


def found(
    rule: str,
    frame: pl.DataFrame,
    parted: Split | None = None,
    features: tuple[str, ...] = ("wind", "carrier"),
    sources: tuple[FeatureSource, ...] = (),
) -> Finding:
    findings = find_leakage(
        frame, features=features, split=parted or split(), row="id", sources=sources
    )
    assert [finding.rule for finding in findings] == [f"L00{n}" for n in range(1, 8)]
    return next(finding for finding in findings if finding.rule == rule)


def test_honest_examples_are_clear() -> None:
    """Nothing is found where nothing is wrong, and each sentence has its numbers."""
    findings = find_leakage(honest(), features=["wind", "carrier"], split=split(), row="id")
    assert {finding.rule: finding.severity for finding in findings} == {
        "L001": "clear",
        "L002": "not_applicable",
        "L003": "clear",
        "L004": "clear",
        "L005": "clear",
        "L006": "not_applicable",
        "L007": "not_applicable",
    }
    assert all(finding.sentence.endswith(".") for finding in findings)


def test_each_rule_says_what_why_and_shows_an_example() -> None:
    """A rule is documented by its docstring: number, what it does, why it is bad, example."""
    for at, rule in enumerate(RULES.values(), 1):
        text = rule.__doc__ or ""
        assert text.startswith(f"L00{at}: ")
        assert all(title in text for title in ("What it does:", "Why it is bad:", "Example:"))


# ── L001 ────────────────────────────────────────────────────────────────────────────────────────


def randomly(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows in random parts, as a key split of a row number would."""
    draw = np.random.default_rng(3)
    return frame.with_columns(
        id=pl.int_range(pl.len()),
        part=pl.Series(
            draw.choice(["train", "validation", "test"], frame.height, p=[0.6, 0.2, 0.2])
        ),
    )


@pytest.mark.parametrize("share", [0.05, 1.0])
def test_rows_collected_twice_are_found(share: float) -> None:
    """Copies in two parts block, whether a few rows or the whole table were collected twice."""
    frame = honest()
    twice = randomly(pl.concat([frame, frame.head(int(frame.height * share))]))
    finding = found("L001", twice, split("key", ("id",)))
    assert finding.severity == "block"
    assert finding.measured is not None
    assert finding.rows >= 10
    assert f"{finding.rows:,} of " in finding.sentence


def test_rows_that_look_alike_by_chance_are_not_found() -> None:
    """With three carriers as the only feature almost all rows have a twin, and that is chance."""
    finding = found("L001", honest(), features=("carrier",))
    assert finding.severity == "clear"
    assert finding.measured == 1.0
    assert (
        found("L001", randomly(honest()), split("key", ("id",)), ("carrier",)).severity == "clear"
    )


def test_copies_with_nulls_and_nan_are_found() -> None:
    """Null equals null and NaN equals NaN, when rows are compared."""
    frame = honest().with_columns(
        wind=pl.when(pl.col("id") % 2 == 0).then(float("nan")).otherwise("wind"),
        gust=pl.lit(None, dtype=pl.Float64),
        number=pl.col("id") % 1_000,
    )
    twice = randomly(pl.concat([frame, frame]))
    finding = found("L001", twice, split("key", ("id",)), ("wind", "gust", "number"))
    assert finding.severity == "block"


# ── L002 ────────────────────────────────────────────────────────────────────────────────────────


def test_a_shared_group_blocks_a_group_split() -> None:
    """One group in two parts is enough."""
    frame = honest()
    pure = frame.with_columns(unit=pl.col("part") + "-" + pl.col("unit"))
    assert found("L002", pure, split("group", ("unit",))).severity == "clear"
    one = pure.with_columns(
        unit=pl.when(pl.col("id").is_in([0, COUNT - 1])).then(pl.lit("N1")).otherwise("unit")
    )
    finding = found("L002", one, split("group", ("unit",)))
    assert (finding.severity, finding.rows) == ("block", 1)
    assert "1 of " in finding.sentence


def test_shared_units_warn_in_a_key_split_and_are_told_in_a_time_split() -> None:
    """Rows of one unit are rarely independent; in time that is how it is in use."""
    assert found("L002", randomly(honest()), split("key", ("id",))).severity == "warn"
    told = found("L002", honest())
    assert told.severity == "not_applicable"
    assert "% ) also" not in told.sentence
    assert "as they will in use" in told.sentence
    missing = honest().with_columns(unit=pl.lit(None, dtype=pl.String))
    assert found("L002", randomly(missing), split("key", ("id",))).severity == "clear"
    assert found("L002", honest().drop("unit")).severity == "not_applicable"


# ── L003, L004 ──────────────────────────────────────────────────────────────────────────────────


def test_a_training_row_after_the_test_began_blocks() -> None:
    """One row of the future is enough, and so is one inside the embargo."""
    frame = honest()
    for day in (95.0, 60.9):
        moved = frame.with_columns(
            time=pl.when(pl.col("id") == 0).then(pl.lit(int(day * DAY)).cast(UTC)).otherwise("time")
        )
        finding = found("L003", moved)
        assert (finding.severity, finding.rows) == ("block", 1)
    assert found("L003", randomly(frame), split("key", ("id",))).severity == "not_applicable"


def test_a_label_known_after_the_next_part_began_blocks() -> None:
    """The time of the row is early enough, its label is not."""
    late = (
        pl.when(pl.col("id") < 3).then(pl.lit(61 * DAY + HOUR).cast(UTC)).otherwise("label_known")
    )
    finding = found("L004", honest().with_columns(label_known=late))
    assert (finding.severity, finding.rows) == ("block", 3)
    assert "1h after" in finding.sentence
    assert found("L004", honest(), split("group", ("unit",))).severity == "not_applicable"


# ── L005 ────────────────────────────────────────────────────────────────────────────────────────

DRAW = np.random.default_rng(11)
NOISE = DRAW.normal(size=COUNT)


def giving_away(label: pl.Series) -> dict[str, pl.Series]:
    """Return features that each tell a yes-or-no label, in their own way."""
    yes = label.to_numpy()
    return {
        "number": pl.Series(np.where(yes, 100.0, -100.0) + NOISE),
        "reversed": pl.Series(np.where(yes, -100.0, 100.0) + NOISE),
        "text": pl.Series(np.where(yes, "late", "in time")),
        "flag": label,
        "hump": pl.Series(np.where(yes, NOISE.clip(-1, 1), np.sign(NOISE) * (3 + abs(NOISE)))),
        "null": pl.Series(NOISE).zip_with(~label, pl.Series([None] * COUNT, dtype=pl.Float64)),
        "when": pl.Series(np.where(yes, 2, 1) * DAY).cast(UTC),
        "kind": pl.Series(np.where(yes, "l", "t")).cast(pl.Categorical),
    }


@pytest.mark.parametrize("name", giving_away(pl.Series([True] * COUNT)))
def test_a_feature_that_gives_the_label_away_is_found(name: str) -> None:
    """Numbers up or down, texts, flags, humps, nulls, times and categories are all seen through."""
    frame = honest()
    all_rows = pl.Series(np.random.default_rng(7).random(COUNT) < 0.5)
    frame = honest(label=all_rows, **{name: giving_away(all_rows)[name]})
    finding = found("L005", frame, features=("wind", name))
    assert finding.severity == "block"
    assert f"'{name}'" in finding.sentence
    assert finding.measured is not None
    assert finding.measured >= 0.98


def test_a_strong_honest_feature_is_not_found() -> None:
    """A feature with an AUC of about .76 is what one wishes for; names of rows tell nothing."""
    frame = honest().with_columns(name=pl.col("id").cast(pl.String))
    finding = found("L005", frame, features=("wind", "carrier", "name", "id"))
    assert finding.severity == "clear"
    assert finding.measured == pytest.approx(0.76, abs=0.03)
    assert "'wind'" in finding.sentence


def test_few_rows_only_warn() -> None:
    """With eight yes-rows a feature may order them by luck."""
    rare = pl.Series([index % 200 == 0 for index in range(COUNT)])
    frame = honest(label=rare, odd=rare.cast(pl.Float64))
    assert found("L005", frame, features=("odd",)).severity == "warn"


def test_numbers_and_classes_are_given_away_too() -> None:
    """A regression's target and one of several classes are told by rank and by value."""
    target = pl.Series(np.random.default_rng(5).normal(size=COUNT))
    frame = honest(label=target, double=target * 2 + 1, noise=NOISE)
    assert found("L005", frame, features=("double",)).severity == "block"
    assert found("L005", frame, features=("noise",)).severity == "clear"
    classes = pl.Series(np.random.default_rng(5).choice(["a", "b", "c"], COUNT))
    frame = honest(
        label=classes, code=classes.replace_strict({"a": 5, "b": 1, "c": 3}), noise=NOISE
    )
    assert found("L005", frame, features=("code",)).severity == "block"
    assert found("L005", frame, features=("noise",)).severity == "clear"


def test_a_constant_label_has_nothing_to_give_away() -> None:
    """The rule does not apply where all labels are the same."""
    frame = honest(label=pl.Series([True] * COUNT))
    assert found("L005", frame).severity == "not_applicable"


def test_a_feature_of_nulls_tells_nothing() -> None:
    """Null everywhere, or a list, is no reason to fail."""
    frame = honest().with_columns(
        none=pl.lit(None), empty=pl.lit(None, dtype=pl.Float64), many=pl.concat_list("id")
    )
    assert found("L005", frame, features=("none", "empty", "many")).severity == "clear"


# ── L006 ────────────────────────────────────────────────────────────────────────────────────────


def test_a_source_known_at_the_prediction_or_later_is_found() -> None:
    """Known strictly before is clear; at the very time, or with the label, blocks."""
    source = (FeatureSource("wind", "wind__known"),)
    before = honest().with_columns(wind__known=pl.col("time").to_physical() - 1)
    assert found("L006", before, sources=source).severity == "clear"
    assert "1 of 2 features do not say" in found("L006", before, sources=source).sentence
    at_time = before.with_columns(
        wind__known=pl.when(pl.col("id") < 5)
        .then(pl.col("time").to_physical())
        .otherwise("wind__known")
    )
    finding = found("L006", at_time, sources=source)
    assert (finding.severity, finding.rows) == ("block", 5)
    assert "'wind' in 5 rows, 0 of them known only with the label" in finding.sentence
    with_label = before.with_columns(wind__known="label_known")
    assert "of them known only with the label" in found("L006", with_label, sources=source).sentence
    nothing = before.with_columns(wind__known=pl.lit(None, dtype=pl.Int64))
    assert found("L006", nothing, sources=source).severity == "clear"


def test_the_labels_own_row_as_a_source_is_found() -> None:
    """Whatever its known time says, the row that holds the label is no source for a feature."""
    frame = honest().with_columns(
        wind__known=pl.col("time").to_physical() - 1, wind__own=pl.col("id") == 4
    )
    source = (FeatureSource("wind", "wind__known", from_label="wind__own"),)
    assert (found("L006", frame, sources=source).rows) == 1


# ── Input ───────────────────────────────────────────────────────────────────────────────────────


def test_a_missing_column_and_a_missing_part_are_refused() -> None:
    """The rules need the columns they name, and rows in each part."""
    with pytest.raises(DataError, match="has no column: 'gust'"):
        found("L001", honest(), features=("gust",))
    with pytest.raises(DataError, match="one has no rows"):
        found("L001", honest().filter(pl.col("part") != "test"))


@pytest.mark.parametrize("kind", ["numbers", "ties", "nulls", "texts"])
def test_a_feature_is_scored_as_scikit_learn_would(kind: str) -> None:
    """The AUC of one feature, and of its means out of fold, are the textbook's."""
    from sklearn.metrics import roc_auc_score

    from lapwise.data.leakage import gives_label_away as rule

    rng = np.random.default_rng(5)
    target = pl.Series(rng.random(4_000) < 0.3)
    values = pl.Series(rng.normal(size=4_000) + target.to_numpy())
    if kind == "ties":
        values = values.round(0)
    if kind == "nulls":
        values = pl.select(pl.when(pl.Series(rng.random(4_000) < 0.8)).then(values)).to_series()
    if kind == "texts":
        values = values.round(0).cast(pl.String)
    found = rule._score(values, [target])
    truth = [0.5]
    if kind != "texts":
        for end in (-1e9, 1e9):
            area = roc_auc_score(target, values.fill_null(end))
            truth.append(max(area, 1 - area))
        bins = (values.rank("average") * (64 / 4_000)).floor()
    else:
        bins = values
    fold = np.arange(4_000) % 5
    frame = pl.DataFrame({"bin": bins, "fold": fold, "y": target.cast(pl.Float64)})
    means = np.empty(4_000)
    for one in range(5):
        others = (
            frame.filter(pl.col("fold") != one)
            .group_by("bin")
            .agg(pl.col("y").sum(), pl.len().alias("rows"))
        )
        mine = frame.filter(pl.col("fold") == one).join(
            others, on="bin", how="left", nulls_equal=True, maintain_order="left"
        )
        rows = mine["rows"].fill_null(0).to_numpy()
        means[fold == one] = (mine["y_right"].fill_null(0).to_numpy() + target.mean()) / (rows + 1)
    truth.append(roc_auc_score(target, np.round(means, 12)))
    assert found == pytest.approx(max(truth), abs=1e-9)
