"""A service looks for garbage rarely, and not among what was there before it."""

import gc
from weakref import ref

from ingest.garbage import WHILE_SERVING, passing_over_what_is_here


class Circle:
    """Refers to itself: nothing but the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


def test_what_was_there_before_is_passed_over_and_what_comes_is_not() -> None:
    before = Circle()
    old = ref(before)
    with passing_over_what_is_here():
        new = ref(Circle())
        del before
        gc.collect()
        assert new() is None
        assert old() is not None
    gc.collect()
    assert old() is None


def test_it_is_looked_for_rarely_until_the_service_stops() -> None:
    usual = gc.get_threshold()
    with passing_over_what_is_here():
        assert gc.get_threshold() == (WHILE_SERVING, *usual[1:])
    assert gc.get_threshold() == usual
