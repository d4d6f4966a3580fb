"""What answers say of data tests that fail."""

from collections.abc import Sequence

MOST_NAMED = 10
"""Formats other than JSON say it in a header."""


def warnings_of(failing: Sequence[str]) -> list[str]:
    """Return the warnings, given the names of the tests.

    >>> warnings_of(["assert_no_rating_lost"])
    ['The check assert_no_rating_lost fails: what was received breaks it, or a model does.']
    >>> warnings_of([])
    []
    """
    said = [
        # A header takes no other letters.
        f"The check {name.encode('ascii', 'backslashreplace').decode()} fails:"
        " what was received breaks it, or a model does."
        for name in failing[:MOST_NAMED]
    ]
    if more := len(failing) - len(said):
        said.append(f"So do {more} other checks.")
    return said
