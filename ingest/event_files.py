"""Files of events: NDJSON or a JSON array, gzipped or not, read piece by piece."""

import codecs
import gzip
import json
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple, cast

STDIN = Path("-")
GZIP_MAGIC = b"\x1f\x8b"
BLANK = b" \t\r\n"

_PIECE = 1 << 20
_LONGEST = 1 << 24
"""An item of an array longer than this many characters is not looked for any further."""


class Unreadable(Exception):
    """A file that cannot be read; the message is one sentence."""


class Item(NamedTuple):
    """An item of a file, with its number there, from 1: its line, or its place in the array."""

    number: int
    text: bytes


class EventFile:
    """An open file of events, and how far it has been read."""

    def __init__(self, file: BufferedReader, name: str, size: int) -> None:
        self.name = name
        self.size = size
        """Its bytes as they are stored; 0 of a stream."""
        self._file = file

    @property
    def position(self) -> int:
        """How many of its bytes have been read; 0 of a stream."""
        return self._file.tell() if self.size else 0

    def items(self, longest: int) -> Iterator[Item]:
        """Yield its items; of one much longer than that many bytes, only the beginning.

        Raises:
            Unreadable: it is neither NDJSON nor an array; what came before has been yielded.

        """
        try:
            file = self._file
            if file.peek(2)[:2] == GZIP_MAGIC:
                file = BufferedReader(gzip.GzipFile(fileobj=file))
            if file.peek(1).lstrip(BLANK)[:1] == b"[":
                texts = _items_of_array(file)
            else:
                texts = _lines(file, longest + _PIECE)
            for number, text in enumerate(texts, 1):
                if item := text.strip(BLANK):
                    yield Item(number, item)
        except (OSError, EOFError, zlib.error) as error:
            raise Unreadable(f"{self.name} cannot be read: {error}.") from None
        except UnicodeDecodeError as error:
            raise Unreadable(
                f"{self.name} is not an array of events: it is not UTF-8: {error.reason}."
            ) from None
        except RecursionError:
            raise Unreadable(
                f"{self.name} is not an array of events: it is nested too deeply."
            ) from None
        except json.JSONDecodeError as error:
            raise Unreadable(
                f"{self.name} is not an array of events: {error.msg} after {error.pos} characters."
            ) from None


@contextmanager
def opened(path: Path) -> Iterator[EventFile]:
    """Open a file, or standard input.

    Raises:
        Unreadable: it cannot be opened.

    """
    if path == STDIN:
        yield EventFile(cast("BufferedReader", sys.stdin.buffer), "standard input", 0)
        return
    try:
        file, size = path.open("rb"), path.stat().st_size
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}.") from None
    with file:
        yield EventFile(file, str(path), size)


def _lines(file: BufferedReader, longest: int) -> Iterator[bytes]:
    """Yield the lines; of a longer one the beginning, which is too much already."""
    while line := file.readline(longest):
        yield line
        while len(line) == longest and not line.endswith(b"\n"):
            line = file.readline(longest)


def _items_of_array(file: BufferedReader) -> Iterator[bytes]:
    """Yield the items of a JSON array, the text of each, and hold no more than a few."""
    array = _Text(file)
    array.pass_over("[")
    if array.next_character() != "]":
        yield array.pass_item()
        while array.next_character() == ",":
            array.pass_over(",")
            yield array.pass_item()
    array.pass_over("]")
    if array.next_character():
        raise array.error("more than the array")


class _Text:
    """What is left of a JSON text, of which there is a piece at a time."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        # What numbers are is of no interest here, and to find out may take long.
        self._json = json.JSONDecoder(parse_int=len, parse_float=len)
        self._text, self._at, self._before, self._ended = "", 0, 0, False

    def error(self, message: str) -> json.JSONDecodeError:
        error = json.JSONDecodeError(message, "", 0)
        error.pos = self._before + self._at
        return error

    def next_character(self) -> str:
        """Return the next character that is not blank; nothing at the end."""
        while True:
            rest = self._text[self._at : self._at + 1]
            if rest and rest not in " \t\r\n":
                return rest
            if rest:
                self._at += 1
            elif not self._read():
                return ""

    def pass_over(self, character: str) -> None:
        if self.next_character() != character:
            raise self.error(f"no {character}")
        self._at += 1

    def pass_item(self) -> bytes:
        self.next_character()
        while True:
            try:
                _, end = self._json.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                # Broken, or not all of it is here.
                if len(self._text) - self._at > _LONGEST or not self._read():
                    self._at = error.pos
                    raise self.error(error.msg) from None
                continue
            # A number may go on.
            if end == len(self._text) and self._read():
                continue
            item = self._text[self._at : end].encode()
            self._at = end
            return item

    def _read(self) -> bool:
        """Read another piece; say whether there was one."""
        if self._ended:
            return False
        piece = self._file.read(_PIECE)
        self._ended = not piece
        self._before += self._at
        self._text = self._text[self._at :] + self._decoder.decode(piece, final=not piece)
        self._at = 0
        return not self._ended
