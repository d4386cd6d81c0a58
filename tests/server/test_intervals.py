import math

from hypothesis import given
from hypothesis import strategies as st

from lapwise.server.intervals import WIDTH, Bounds, place

NUMBER = st.none() | st.floats(allow_nan=True, allow_infinity=True, width=32)
BOUNDS = st.builds(Bounds, NUMBER, NUMBER, NUMBER, NUMBER)


@given(st.lists(BOUNDS, max_size=5), st.booleans())
def test_whatever_was_measured_is_drawn_within_the_picture(
    bounds: list[Bounds], zero: bool
) -> None:
    for drawn in place(bounds, zero=zero):
        for x in (drawn.point, drawn.left, drawn.right, drawn.limit, drawn.zero):
            assert x is None or 0 <= x <= WIDTH


def test_all_rows_share_one_scale() -> None:
    first, second = place([Bounds(0.0, -1.0, 1.0, 2.0), Bounds(1.0, None, None, 2.0)])
    assert first.limit == second.limit
    assert first.right == second.point
    assert first.point == first.zero


def test_an_end_that_is_not_known_reaches_the_edge() -> None:
    (drawn,) = place([Bounds(0.5, -math.inf, math.inf, 1.0)])
    assert (drawn.left, drawn.right) == (0.0, WIDTH)
