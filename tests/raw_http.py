"""HTTP as bytes on a socket: what no HTTP library would send, and what comes back."""

import json
import socket
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httptools

Headers = Mapping[str, str | bytes]

PATIENCE = 60
"""How many seconds an answer may take."""


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Asked(NamedTuple):
    """A complete request in what was sent."""

    method: str
    target: bytes
    body: bytes


class Reading:
    """What a server reads in some bytes: whole requests, perhaps a part of one, or no HTTP."""

    def __init__(self, message: bytes) -> None:
        self.asked: list[Asked] = []
        self.is_cut = False
        self.is_broken = False
        self._target = self._body = b""
        self._parser = httptools.HttpRequestParser(self)
        try:
            self._parser.feed_data(message)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.is_broken = True

    def on_message_begin(self) -> None:
        self.is_cut = True
        self._target = self._body = b""

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_headers_complete(self) -> None:
        # Too long an address is no HTTP to the server.
        httptools.parse_url(self._target)

    def on_body(self, part: bytes) -> None:
        self._body += part

    def on_message_complete(self) -> None:
        self.is_cut = False
        method = self._parser.get_method().decode("latin-1")
        self.asked.append(Asked(method, self._target, self._body))


class Client:
    """One connection at a time to a server, kept alive as long as both want to."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._address = (address.hostname, address.port or 80)
        self._socket: socket.socket | None = None
        self._buffer = b""

    def exchange(self, message: bytes, reading: Reading | None = None) -> list[Answer]:
        """Send the bytes; return the answers to all whole requests in it.

        A client that sent a part of a request hangs up. Of bytes that are no HTTP the server
        may answer less, and has to close the connection.

        Raises:
            TimeoutError: an answer does not come, or the connection is not closed.
        """
        reading = reading or Reading(message)
        connection = self._socket or self._connect()
        answers: list[Answer] = []
        try:
            connection.sendall(message)
            answers.extend(self._read(connection, asked.method) for asked in reading.asked)
            if reading.is_broken:
                answers.append(self._read(connection, ""))
                assert self._receive(connection) == b"", "the connection stays open"
        except (ConnectionError, EOFError):
            self.hang_up()
            # It may be closed because of what is no HTTP, and for no other reason.
            assert reading.is_broken, "the connection was closed"
        if reading.is_cut or reading.is_broken or _is_last(answers):
            self.hang_up()
        return answers

    def first_answer(self, message: bytes) -> Answer:
        """Send the bytes, which may be a part of a request, and wait for one answer."""
        connection = self._socket or self._connect()
        connection.sendall(message)
        answer = self._read(connection, "")
        self.hang_up()
        return answer

    def hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, self._buffer = None, b""

    def _connect(self) -> socket.socket:
        self._socket = socket.create_connection(self._address, timeout=PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _read(self, connection: socket.socket, method: str) -> Answer:
        while b"\r\n\r\n" not in self._buffer:
            self._more(connection)
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        status_line, *fields = head.decode("latin-1").split("\r\n")
        status = int(status_line.split(" ")[1])
        if 100 <= status < 200:
            return self._read(connection, method)
        pairs = (field.partition(":") for field in fields)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        if method == "HEAD" or status == 204:
            return Answer(status, headers, b"")
        if "content-length" in headers:
            length = int(headers["content-length"])
            while len(self._buffer) < length:
                self._more(connection)
            body, self._buffer = self._buffer[:length], self._buffer[length:]
        elif headers.get("transfer-encoding") == "chunked":
            body = b"".join(iter(lambda: self._chunk(connection), b""))
        else:
            while more := self._receive(connection):
                self._buffer += more
            body, self._buffer = self._buffer, b""
        return Answer(status, headers, body)

    def _chunk(self, connection: socket.socket) -> bytes:
        """Return the next chunk of a body that is made while it is sent; the last is empty."""
        while b"\r\n" not in self._buffer:
            self._more(connection)
        size, _, self._buffer = self._buffer.partition(b"\r\n")
        length = int(size, 16)
        while len(self._buffer) < length + 2:
            self._more(connection)
        chunk, self._buffer = self._buffer[:length], self._buffer[length + 2 :]
        return chunk

    def _more(self, connection: socket.socket) -> None:
        more = self._receive(connection)
        if not more:
            raise EOFError
        self._buffer += more

    def _receive(self, connection: socket.socket) -> bytes:
        return connection.recv(65_536)


def _is_last(answers: list[Answer]) -> bool:
    return any(answer.headers.get("connection") == "close" for answer in answers)


def request(
    method: str,
    target: str | bytes,
    body: bytes = b"",
    *,
    headers: Headers | None = None,
    version: bytes = b"1.1",
) -> bytes:
    """Return a request as bytes, with a true Content-Length unless the headers tell another."""
    fields: Headers = {"Host": "api", "Content-Length": str(len(body))}
    lines = [
        name.encode() + b": " + (value if isinstance(value, bytes) else value.encode("latin-1"))
        for name, value in {**fields, **(headers or {})}.items()
    ]
    target = target if isinstance(target, bytes) else target.encode()
    line = method.encode() + b" " + target + b" HTTP/" + version
    return b"\r\n".join([line, *lines, b"", body])
