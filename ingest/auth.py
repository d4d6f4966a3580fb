"""Who is asking: bearer tokens (JWT) and what their role allows.

The tenant comes from the token, never from the body; only a super_admin may act in another
account, with `?account_id=`.
"""

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, get_args
from uuid import UUID

import jwt
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct

from ingest.keys import SHARED, Key, Keys
from ingest.problems import Forbidden, Unauthorized, invalid
from ingest.settings import Settings, SettingsError

Role = Literal["engineer", "team_admin", "super_admin", "service"]
ROLES: tuple[Role, ...] = get_args(Role)
ADMINS: frozenset[Role] = frozenset({"team_admin", "super_admin"})

LEEWAY = timedelta(seconds=30)
READING = {"GET", "HEAD", "OPTIONS"}
COOKIE = "upshot_token"
"""What pages read with; see ingest/sign_in.py."""

Connection = ASGIConnection[Any, Any, Any, Any]


class Identity(Struct, frozen=True, kw_only=True):
    """Who is asking, and for which account."""

    user_id: UUID
    account_id: UUID
    role: Role


def issue_token(settings: Settings, identity: Identity, lifetime: timedelta) -> str:
    """Return a signed bearer token for the identity.

    Raises:
        SettingsError: somebody else issues the tokens.
    """
    if settings.jwt_secret is None:
        raise SettingsError(
            "No token can be issued here: UPSHOT_JWKS_URL is set,"
            " and tokens come from whoever publishes the keys there."
        )
    now = datetime.now(UTC)
    claims = {
        "sub": str(identity.user_id),
        "account_id": str(identity.account_id),
        "role": identity.role,
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
        "iat": now,
        "exp": now + lifetime,
    }
    return jwt.encode(claims, settings.jwt_secret, algorithm=SHARED)


def read_token(settings: Settings, key: Key, token: str) -> Identity:
    """Verify a token with its key and say whose it is.

    Raises:
        Unauthorized: the token is not one of ours, or no longer.
    """
    identity, expires_at = _verify(token, key, settings.jwt_issuer, settings.jwt_audience)
    if time.time() > expires_at + LEEWAY.total_seconds():
        raise Unauthorized("The token has expired.")
    return identity


# A signature that was right stays right, and checking it is a quarter of what a small request
# costs: only the time is looked at again. That its key is still one of ours is known before.
@lru_cache(maxsize=10_000)
def _verify(token: str, key: Key, issuer: str, audience: str) -> tuple[Identity, float]:
    try:
        claims = jwt.decode(
            token,
            key.material,
            algorithms=[key.algorithm],
            issuer=issuer,
            audience=audience,
            leeway=LEEWAY,
            options={"require": ["sub", "account_id", "role", "iss", "aud", "exp", "iat"]},
        )
        if claims["role"] not in ROLES:
            raise Unauthorized("The token's role is unknown.")
        identity = Identity(
            user_id=UUID(claims["sub"]),
            account_id=UUID(claims["account_id"]),
            role=claims["role"],
        )
        return identity, float(claims["exp"])
    except jwt.ExpiredSignatureError:
        raise Unauthorized("The token has expired.") from None
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, OverflowError):
        raise Unauthorized("The token is not valid.") from None


class TokenAuth:
    """Puts the Identity of the bearer token on the request; it guards whatever it wraps."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") != "OPTIONS":
            scope["auth"] = None
            # Known before it may be refused, so that the refusal can be told of.
            scope["user"] = await _identify(scope)
            scope["user"] = _acting(scope, scope["user"])
        await self._app(scope, receive, send)


async def _identify(scope: Scope) -> Identity:
    """Return who asks; of the scope itself, for a connection with all its headers costs more."""
    header = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    scheme, _, token = header.decode("latin-1").partition(" ")
    if not header and (kept := _kept_token(scope)):
        scheme, token = "bearer", kept
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("A bearer token is needed: Authorization: Bearer <token>.")
    state = scope["litestar_app"].state
    keys: Keys = state.token_keys
    key = await keys.of(token.strip())
    return read_token(state.settings, key, token.strip())


def _kept_token(scope: Scope) -> str | None:
    """Return the token of the cookie, where a page of ours reads.

    Browsers send a cookie whoever asked for the request: so it never writes, and what another
    site's page asks for, it does not answer.
    """
    headers = dict(scope["headers"])
    if b"cookie" not in headers or scope.get("method") not in READING:
        return None
    if headers.get(b"sec-fetch-site", b"none") not in {b"none", b"same-origin"}:
        return None
    return ASGIConnection[Any, Any, Any, Any](scope).cookies.get(COOKIE)


def _acting(scope: Scope, identity: Identity) -> Identity:
    """Return who asks in the account that the request names, if it names one."""
    acting_for = _named_account(scope) if scope["query_string"] else None
    if acting_for is not None and acting_for != identity.account_id:
        if identity.role != "super_admin":
            raise Forbidden("Only a super_admin may name another account.")
        return Identity(user_id=identity.user_id, account_id=acting_for, role=identity.role)
    return identity


def _named_account(scope: Scope) -> UUID | None:
    text = ASGIConnection[Any, Any, Any, Any](scope).query_params.get("account_id")
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise invalid("/account_id", "The account id has to be a UUID.") from None


def only(*roles: Role) -> Any:
    """Return a guard that lets these roles in."""

    # The framework runs what is not async in a thread, which costs as much as all the rest.
    async def guard(connection: Connection, _: BaseRouteHandler) -> None:
        if connection.user.role not in roles:
            raise Forbidden(f"This is for {' and '.join(sorted(roles))}.")

    return guard
