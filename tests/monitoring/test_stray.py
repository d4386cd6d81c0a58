import numpy as np

from lapwise.monitoring import Bins, Counted
from lapwise.monitoring.stray import Calm, Days
from tests.monitoring.worlds import DAY


def test_the_distance_is_jensen_s_and_shannon_s() -> None:
    from scipy.spatial.distance import jensenshannon

    random = np.random.default_rng(0)
    table = random.multinomial(10_000_000, random.dirichlet(np.ones(8), size=5))
    day = random.multinomial(10_000_000, random.dirichlet(np.ones(8)))
    expected = [jensenshannon(day, other, base=2) for other in table]
    assert np.allclose(Days(table).distances(day), expected, atol=1e-3)


def test_samples_of_one_source_are_no_distance_apart_however_few() -> None:
    random = np.random.default_rng(1)
    shares = random.dirichlet(np.ones(12))
    table = random.multinomial(900, shares, size=90)
    for rows in (5, 50, 900):
        far = [Days(table).distances(random.multinomial(rows, shares)) for _ in range(50)]
        assert np.mean(np.array(far) > 0) < 0.03


def test_a_day_without_rows_strays_from_nothing() -> None:
    assert Days(np.array([[3, 4], [5, 6]])).distances(np.array([0, 0])).max() < 1


def weekly(weeks: int) -> Counted:
    """Weekdays sell the first thing, weekends the second."""
    counts = [(0, 700, 300, 0) if day % 7 < 5 else (0, 200, 800, 0) for day in range(7 * weeks)]
    return Counted(
        bins=Bins(name="thing", kind="text", categories=("a", "b")),
        blocks=tuple(day * DAY for day in range(7 * weeks)),
        counts=tuple(counts),
    )


def test_a_weekend_is_compared_with_weekends() -> None:
    calm = Calm(weekly(8), DAY)
    assert calm.strays.max() == 0
    weekend, weekday = np.array([0, 200, 800, 0]), np.array([0, 700, 300, 0])
    assert calm.stray([weekend, weekday]) == 0
    assert calm.p(calm.stray([np.array([0, 450, 550, 0])] * 2)) < 1e-4


def test_one_odd_day_is_no_shift_and_one_odd_day_of_the_reference_no_excuse() -> None:
    odd = (0, 0, 0, 1000)
    counted = weekly(8)
    counted = Counted(bins=counted.bins, blocks=counted.blocks, counts=(*counted.counts[:-1], odd))
    calm = Calm(counted, DAY)
    assert calm.stray([np.array(odd), np.array(counted.counts[0])]) == 0
    assert calm.stray([np.array(odd)] * 2) > 0.5


def test_too_few_days_say_nothing() -> None:
    counted = weekly(1)
    assert not Calm(counted, DAY).known
    assert Calm(weekly(2), DAY).known
