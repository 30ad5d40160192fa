"""When an alert is raised and cleared: the rules of it, whatever the value does."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agentflow.control.alerting.transitions import (
    CALM,
    CLEARED,
    FIRING,
    OK,
    PENDING,
    RAISED,
    Standing,
    step,
)

looks = st.lists(st.booleans(), max_size=120)
times = st.integers(0, 30).map(float)


def told(wrong: list[bool], lasting: float) -> list[tuple[float, str]]:
    """What is told, and when, with a look every second."""
    standing, found = Standing(), []
    for second, is_wrong in enumerate(wrong):
        standing, happened = step(standing, is_wrong, float(second), lasting)
        if happened:
            found.append((float(second), happened))
    return found


@given(looks, times)
def test_raised_and_cleared_take_turns(wrong: list[bool], lasting: float) -> None:
    """No alert is raised twice without having been cleared, and the first is a raise."""
    words = [happened for _, happened in told(wrong, lasting)]
    assert words == [RAISED, CLEARED] * (len(words) // 2) + [RAISED] * (len(words) % 2)


@given(looks, times)
def test_it_was_wrong_all_the_time_before_it_is_raised(wrong: list[bool], lasting: float) -> None:
    """And well all the time, for as long and ten seconds at least, before it is cleared."""
    for second, happened in told(wrong, lasting):
        calm = max(lasting, CALM) if happened == CLEARED else lasting
        before = wrong[int(second - calm) : int(second) + 1]
        assert all(one is (happened == RAISED) for one in before)
        assert len(before) == calm + 1


@given(looks, times)
def test_it_never_flaps(wrong: list[bool], lasting: float) -> None:
    """From one raise to the next there are as many seconds as both need."""
    raised = [second for second, happened in told(wrong, lasting) if happened == RAISED]
    assert all(b - a >= max(lasting, CALM) + lasting for a, b in pairwise(raised))


@given(looks, times)
def test_a_value_that_goes_to_and_fro_every_second_is_one_alert(
    start: list[bool], lasting: float
) -> None:
    """Across the threshold and back: raised at most once, and it stays so."""
    settled = [False] * 60 + [index % 2 == 0 for index in range(60)]
    assert len(told(settled, lasting)) == (1 if lasting == 0 else 0)


def test_how_it_stands_between() -> None:
    """Ok, pending since it became wrong, firing since then too."""
    standing, _ = step(Standing(), True, 5.0, 3.0)
    assert (standing.state, standing.since) == (PENDING, 5.0)
    standing, happened = step(standing, True, 8.0, 3.0)
    assert (standing.state, standing.since, happened) == (FIRING, 5.0, RAISED)
    standing, happened = step(standing, False, 9.0, 3.0)
    assert (standing.state, happened) == (FIRING, "")
    standing, happened = step(standing, False, 19.0, 3.0)
    assert (standing.state, standing.since, happened) == (OK, 9.0, CLEARED)
