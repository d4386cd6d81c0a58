"""A comparison of many runs fits the screen, and says what does not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lapwise.core.model import Run
from lapwise.tracking.comparison_table import package_changes, turned
from lapwise.tracking.model import Comparison, Difference


def comparison(*different: Difference, metric: str = "", runs: int = 2) -> Comparison:
    found = tuple(
        Run(id=str(n), number=n + 1, experiment="e", status="finished", started=0)
        for n in range(runs)
    )
    return Comparison(runs=found, different=different, same=(), metric=metric)


def test_the_metric_comes_first_then_causes_and_metrics_in_turns() -> None:
    found = comparison(
        Difference(kind="param", name="lr", values=(0.1, 0.2), explains=0.9),
        Difference(kind="seed", name="seed", values=(7, None)),
        Difference(kind="metric", name="auc", values=(0.71234, 0.8)),
        Difference(kind="metric", name="loss", values=(1.0, 2.0)),
        metric="auc",
    )
    drawn = turned(found)
    assert drawn.headings == ("run", "auc", "lr", "loss", "seed")
    assert drawn.rows == (("001", "0.7123", "0.1", "1", "7"), ("002", "0.8", "0.2", "2", "-"))
    assert drawn.hidden == ()


def test_packages_are_said_by_their_versions_and_have_no_column() -> None:
    package = Difference(kind="package", name="polars", values=("2.1", "2.2", "2.1", None))
    found = comparison(package, runs=4)
    assert package_changes(found) == ("polars 2.1 → 2.2 → –",)
    drawn = turned(found)
    assert drawn.headings == ("run",)
    assert drawn.hidden == (package,)


values = st.one_of(st.none(), st.floats(), st.integers(), st.text(max_size=60))
differences = st.lists(
    st.builds(
        lambda kind, name, one, other: Difference(kind=kind, name=name, values=(one, other)),
        kind=st.sampled_from(["param", "metric", "code", "package"]),
        name=st.text("abcdef_", min_size=1, max_size=40),
        one=values,
        other=values,
    ),
    max_size=30,
)


@given(differences, st.integers(40, 200))
def test_it_always_fits_and_nothing_is_lost(listed: list[Difference], width: int) -> None:
    drawn = turned(comparison(*listed), width)
    sizes = [max(map(len, column)) for column in zip(drawn.headings, *drawn.rows, strict=True)]
    assert sum(sizes) + 2 * (len(sizes) - 1) <= width
    assert len(drawn.hidden) + len(drawn.headings) - 1 == len(listed)
