"""Files of events: every item, with its number, in little memory."""

import gzip
import io
import json
import tracemalloc
from collections import deque
from pathlib import Path

import pytest

from ingest import event_files
from ingest.event_files import EventFile, Item, Unreadable

LONGEST = 32_768
VALUES = [
    {"name": 'a "]" b', "steps": [{"step_id": "Étape 👍"}, []], "n": -1.5e3},
    12,
    "],[",
    None,
    123_456_789,
    {},
]
EVENT = b'{"id": "0b8e2f0a-41a8-4a76-8e0b-2f3a9f9d6c11", "type": "session.rated", "data": {}}'


def items(content: bytes) -> list[Item]:
    file = EventFile(io.BufferedReader(io.BytesIO(content)), "events", len(content))
    return list(file.items(LONGEST))


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 64, 1_000])
@pytest.mark.parametrize("indent", [None, 3])
def test_an_array_is_cut_into_its_items_wherever_its_pieces_end(
    monkeypatch: pytest.MonkeyPatch, piece: int, indent: int | None
) -> None:
    monkeypatch.setattr(event_files, "_PIECE", piece)
    content = json.dumps(VALUES, indent=indent, ensure_ascii=False).encode()
    read = items(b" \n" + content + b"\n")
    assert [json.loads(item.text) for item in read] == VALUES
    assert [item.number for item in read] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("content", [b"[]", b" [ ]\n", b"", b"\n\n"])
def test_a_file_may_hold_nothing(content: bytes) -> None:
    assert items(content) == []


@pytest.mark.parametrize("piece", [2, 10_000])
@pytest.mark.parametrize(
    ("content", "before"),
    [
        (b"[", 0),
        (b"[1", 1),
        (b"[1,", 1),
        (b"[1,]", 1),
        (b"[1 2]", 1),
        (b"[1,,2]", 1),
        (b'[1, {"a": }]', 1),
        (b"[1]]", 1),
        (b"[1] 2", 1),
        (b'[1, "\xff"]', 1),
        (b"[1, " + b"[" * 5_000, 1),
    ],
)
def test_a_broken_array_is_unreadable_from_where_it_is_broken(
    monkeypatch: pytest.MonkeyPatch, content: bytes, before: int, piece: int
) -> None:
    monkeypatch.setattr(event_files, "_PIECE", piece)
    file = EventFile(io.BufferedReader(io.BytesIO(content)), "events", len(content))
    read: list[Item] = []
    with pytest.raises(Unreadable, match="events is not an array of events: "):
        read.extend(file.items(LONGEST))
    assert len(read) <= before


def test_lines_have_their_numbers_and_blank_ones_do_not_count() -> None:
    assert items(b"a\r\n\n  \n b \nc") == [Item(1, b"a"), Item(4, b"b"), Item(5, b"c")]


@pytest.mark.parametrize("end", [b"", b"\n", b"\nb\n"])
def test_of_a_line_that_is_far_too_long_only_the_beginning_is_read(
    monkeypatch: pytest.MonkeyPatch, end: bytes
) -> None:
    monkeypatch.setattr(event_files, "_PIECE", 100)
    length = LONGEST + 100
    for longer in (0, 1, 5_000, 2 * length):
        read = items(b"a" * (length + longer) + end)
        assert read[0] == Item(1, b"a" * length)
        assert read[1:] == [Item(2, b"b")] * end.count(b"b")


def memory(path: Path, *, keep: bool) -> int:
    """Return the most bytes that were taken up while the file was read."""
    tracemalloc.start()
    with event_files.opened(path) as file:
        kept = deque(file.items(LONGEST), maxlen=None if keep else 0)
        _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert bool(kept) == keep
    return peak


@pytest.mark.parametrize(
    ("content", "most"),
    [
        (b"[" + EVENT + (b"," + EVENT) * 200_000 + b"]", 12_000_000),
        ((EVENT + b"\n") * 200_000, 2_000_000),
        (b"a" * 50_000_000, 5_000_000),
    ],
    ids=["array", "lines", "one line"],
)
def test_a_file_is_read_in_little_memory_whatever_its_size(
    tmp_path: Path, content: bytes, most: int
) -> None:
    path = tmp_path / "events.gz"
    path.write_bytes(gzip.compress(content, compresslevel=1))
    assert memory(path, keep=False) < most


def test_keeping_what_was_read_takes_more_memory(tmp_path: Path) -> None:
    """Negative control of the test above."""
    path = tmp_path / "events.gz"
    path.write_bytes(gzip.compress((EVENT + b"\n") * 200_000, compresslevel=1))
    assert memory(path, keep=True) > 12_000_000
