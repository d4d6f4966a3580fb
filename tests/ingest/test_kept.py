"""Of what is kept, what was used last stays."""

from ingest.store.kept import Kept


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
