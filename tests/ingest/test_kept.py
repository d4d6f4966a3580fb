"""Of what is kept, what was used last stays."""

from ingest.store.kept import Kept, KeptBytes


def test_what_was_used_last_stays() -> None:
    kept = Kept(2)
    kept.keep("found", 1, "one")
    kept.keep("kept again", 1, "one")
    kept.keep("found", 2, "two")
    kept.keep("new", 1, "one")
    assert [kept.find(key, 2) for key in ("found", "kept again")] == ["two", None]
    assert kept.find("new", 1) == "one"


def test_what_is_found_is_used() -> None:
    kept = Kept(2)
    for key in ("found", "idle"):
        kept.keep(key, 1, key)
    assert kept.find("found", 1) == "found"
    kept.keep("new", 1, "new")
    assert (kept.find("found", 1), kept.find("idle", 1)) == ("found", None)


def test_what_is_of_another_state_is_not_found() -> None:
    kept = Kept(2)
    kept.keep("key", 1, "one")
    assert kept.find("key", 2) is None


def test_what_was_used_last_is_kept_up_to_so_many_bytes() -> None:
    kept = KeptBytes(10)
    for key in "ab":
        kept.keep(key, 1, key.upper(), 5)
    assert kept.find("a", 1) == "A"
    kept.keep("c", 1, "C", 5)
    assert [kept.find(key, 1) for key in "abc"] == ["A", None, "C"]
    kept.keep("d", 1, "D", 10)
    assert [kept.find(key, 1) for key in "abcd"] == [None, None, None, "D"]


def test_what_is_too_large_is_not_kept_and_forgets_nothing_but_its_own() -> None:
    kept = KeptBytes(10)
    kept.keep("a", 1, "A", 5)
    kept.keep("b", 1, "B", 5)
    kept.keep("a", 2, "too large", 11)
    assert [kept.find("a", 1), kept.find("a", 2), kept.find("b", 1)] == [None, None, "B"]
    kept.keep("c", 1, "C", 5)
    assert [kept.find(key, 1) for key in "bc"] == ["B", "C"]
    assert kept.find("b", 2) is None
