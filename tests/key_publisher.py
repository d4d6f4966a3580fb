"""Somebody else who issues tokens: real keys, served over HTTP as a JSON Web Key Set."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class SigningKey:
    """A private key by a name, for one algorithm."""

    def __init__(self, key_id: str | None, algorithm: str = "ES256", *, bits: int = 2048) -> None:
        self.key_id = key_id
        self.algorithm = algorithm
        self.private: Private
        if algorithm.startswith(("RS", "PS")):
            self.private = rsa.generate_private_key(public_exponent=65_537, key_size=bits)
        elif algorithm == "EdDSA":
            self.private = ed25519.Ed25519PrivateKey.generate()
        else:
            self.private = ec.generate_private_key(ec.SECP256R1())

    def sign(self, claims: dict[str, Any], **changes: Any) -> str:
        """Return a token; its header names the key, unless changed."""
        header = {"kid": self.key_id} | changes.pop("headers", {})
        header = {name: value for name, value in header.items() if value is not None}
        algorithm = changes.pop("algorithm", self.algorithm)
        assert not changes
        return jwt.encode(claims, self.private, algorithm=algorithm, headers=header)

    def described(self, **changes: Any) -> dict[str, Any]:
        """The public half, as a key set has it."""
        algorithm: Any = get_default_algorithms()[self.algorithm]
        public = json.loads(algorithm.to_jwk(self.private.public_key()))
        public.pop("key_ops", None)
        whole = public | {"kid": self.key_id, "alg": self.algorithm, "use": "sig"} | changes
        return {name: value for name, value in whole.items() if value is not None}


class KeyPublisher:
    """Serves what it is told to, and counts how often it was asked."""

    def __init__(self) -> None:
        self.document: bytes = b""
        self.status = 200
        self.headers: dict[str, str] = {}
        self.wait_seconds = 0.0
        self.drips = False
        self.asked = 0
        self.url = ""

    def publish(self, *keys: SigningKey) -> None:
        self.describe(*(key.described() for key in keys))

    def describe(self, *described: dict[str, Any]) -> None:
        self.document = json.dumps({"keys": described}).encode()


@contextmanager
def key_publisher() -> Iterator[KeyPublisher]:
    publisher = KeyPublisher()
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            publisher.asked += 1
            ended.wait(publisher.wait_seconds)
            self.send_response(publisher.status)
            for name, value in publisher.headers.items():
                self.send_header(name, value)
            self.end_headers()
            while publisher.drips and not ended.is_set():
                self.wfile.write(b" ")
                time.sleep(0.05)
            self.wfile.write(publisher.document)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """Whoever asked has hung up."""

    with Server(("127.0.0.1", 0), Handler) as server:
        publisher.url = f"http://127.0.0.1:{server.server_address[1]}/keys"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield publisher
        finally:
            ended.set()
            server.shutdown()
            thread.join()
