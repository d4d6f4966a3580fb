"""The keys that tokens are checked with: a secret that we share, or public keys of somebody else.

A key is for one algorithm, which is never the token's choice: so no token is checked with a public
key as if that were a secret, and none without a signature.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Protocol, Self

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ingest.problems import Unauthorized

SHARED = "HS256"
PUBLIC = frozenset(
    {
        *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
        *("ES256", "ES384", "ES512", "EdDSA"),
    }
)
"""The algorithms of public keys that are taken."""
MOST_KEYS = 100
SHORTEST_RSA_BITS = 2048


@dataclass(frozen=True, eq=False)
class Key:
    """Told apart from all others, even if they look the same."""

    algorithm: str
    material: Any


class Keys(Protocol):
    async def of(self, token: str, /) -> Key:
        """Return the key that the token has to be signed with.

        Raises:
            Unauthorized: there is none.
            Unavailable: nobody can say at the moment.
        """


class SharedSecret:
    """One key for all tokens."""

    def __init__(self, secret: str) -> None:
        self.key = Key(SHARED, secret)

    async def of(self, _: str, /) -> Key:
        """Return it, whatever the token says of itself."""
        return self.key


class Header(msgspec.Struct, frozen=True):
    """What a token says of its key. It is not checked yet."""

    algorithm: str
    key_id: str | None

    @classmethod
    def of(cls, token: str) -> Self:
        """Read the header of a token that a public key may have signed.

        Raises:
            Unauthorized: it is none.
        """
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise Unauthorized("The token is not valid.") from None
        if header.get("alg") not in PUBLIC:
            raise Unauthorized("The token's algorithm is not one that is taken here.")
        return cls(header["alg"], header.get("kid"))


class NoKeySet(Exception):
    """A document is no JSON Web Key Set; the message says why."""


class _Document(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


class KeySet:
    """The public keys of a JSON Web Key Set (RFC 7517) that can be used here; others are left out:
    those for encrypting, of other kinds or too short, and private ones, which are no secret now.
    """

    def __init__(self, document: bytes) -> None:
        """Read a document.

        Raises:
            NoKeySet: it is none, or has too many keys.
        """
        try:
            described = msgspec.json.decode(document, type=_Document).keys
        except (msgspec.DecodeError, RecursionError):
            raise NoKeySet("it is not a JSON Web Key Set") from None
        if len(described) > MOST_KEYS:
            raise NoKeySet(f"it has more than {MOST_KEYS} keys")
        usable = [
            ((each.get("kid"), key.algorithm), key) for each in described if (key := _usable(each))
        ]
        # Of two keys by one name nobody can say which one is meant.
        times = Counter(name for name, _ in usable)
        self._keys = {name: key for name, key in usable if times[name] == 1}
        self._only = usable[0][1] if len(usable) == 1 else None

    def find(self, header: Header) -> Key | None:
        """Return the key that a token names; the only one, if it names none."""
        if header.key_id is not None:
            return self._keys.get((header.key_id, header.algorithm))
        if self._only is not None and self._only.algorithm == header.algorithm:
            return self._only
        return None

    def knows(self, key_id: str) -> bool:
        """Whether a key has this name, though it may be for another algorithm."""
        return any(name == key_id for name, _ in self._keys)


def _usable(described: dict[str, Any]) -> Key | None:
    """Return the key for the algorithm that it names, else the usual one of its kind."""
    operations = described.get("key_ops", ["verify"])
    if (
        described.get("kty") not in {"RSA", "EC", "OKP"}
        or described.get("use", "sig") != "sig"
        or not isinstance(operations, list)
        or "verify" not in operations
        or not isinstance(described.get("kid"), str | None)
        or not isinstance(described.get("alg"), str | None)
        or "d" in described
    ):
        return None
    try:
        key = jwt.PyJWK(described)
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
        return None
    if key.algorithm_name not in PUBLIC:
        return None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < SHORTEST_RSA_BITS:
        return None
    return Key(key.algorithm_name, key)
