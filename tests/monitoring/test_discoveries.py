import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from lapwise.monitoring.discoveries import discoveries


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0.001, 0.5))
def test_the_same_are_rejected_as_by_scipy(chances: list[float], rate: float) -> None:
    adjusted = false_discovery_control(np.array(chances))
    if np.abs(adjusted - rate).min() > 1e-9:
        assert discoveries(chances, rate) == (adjusted <= rate).tolist()


def test_nothing_to_judge_is_no_discovery() -> None:
    assert discoveries([], 0.05) == []
