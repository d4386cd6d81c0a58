import numpy as np

from lapwise.monitoring.tail import fit_tail


def test_chances_far_in_the_tail_are_right_or_too_high_when_excesses_are_exponential() -> None:
    """Over many references: of new values with a stated chance of 1 in 1,000, no more occur."""
    random = np.random.default_rng(5)
    beyond = []
    for _ in range(400):
        tail = fit_tail(random.exponential(0.1, 90))
        assert tail is not None
        beyond.append(float(np.exp(-tail.limit(1e-3) / 0.1)))
    assert 0.0004 < np.mean(beyond) < 0.0013


def test_limit_and_chance_are_each_other_s_inverse() -> None:
    tail = fit_tail(np.random.default_rng(1).random(60))
    assert tail is not None
    for chance in (1e-2, 1e-4, 1e-6):
        assert abs(tail.p(tail.limit(chance)) / chance - 1) < 1e-9
    assert tail.p(tail.threshold) == 1.0


def test_equal_values_leave_room_and_few_values_say_nothing() -> None:
    tail = fit_tail(np.zeros(20))
    assert tail is not None
    assert tail.limit(1e-4) > 0.05
    assert fit_tail(np.zeros(9)) is None
