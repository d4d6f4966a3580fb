"""Figures as answers have them: encoded once, and compressed once for who takes that."""

import zlib
from struct import pack

from ingest.figures import Figures

LEVEL = 4
FEWEST_BYTES = 1_000
"""Of an answer that is worth compressing."""
_HEADER = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
"""Of a gzip file (RFC 1952), of no time and no system."""
_SMALL_WINDOW = 9
"""All that a short end needs: a larger one takes longer to prepare than the end to compress."""


class Encoded:
    """The fields of a JSON object that stay the same, to which each answer adds its last ones."""

    def __init__(self, encoded: bytes, defined: Figures, tag: str | None) -> None:
        """Take an object.

        Args:
            encoded: it, with at least one field.
            defined: what the figures in it are.
            tag: by which it is asked for again, if it can be.
        """
        self.defined = defined
        self.tag = tag
        self._start = encoded[:-1] + b","
        self._compressed: tuple[bytes, int] | None = None

    def __len__(self) -> int:
        return len(self._start)

    def with_end(self, end: bytes) -> bytes:
        """Return the object with the fields of another one after its own."""
        return self._start + end[1:]

    def compressed_with_end(self, end: bytes) -> bytes:
        """Return the same in gzip.

        What stays the same is compressed once. It ends with a whole byte and with nothing that is
        referred to, so any other end may follow it.
        """
        if self._compressed is None:
            start = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
            blocks = start.compress(self._start) + start.flush(zlib.Z_FULL_FLUSH)
            self._compressed = blocks, zlib.crc32(self._start)
        blocks, checksum = self._compressed
        rest = zlib.compressobj(LEVEL, zlib.DEFLATED, -_SMALL_WINDOW)
        last = rest.compress(end[1:]) + rest.flush()
        length = len(self._start) + len(end) - 1
        checks = pack("<LL", zlib.crc32(end[1:], checksum), length & 0xFFFFFFFF)
        return _HEADER + blocks + last + checks
