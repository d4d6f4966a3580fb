"""The environment, read once. `.env.example` and the README list every variable."""

import os
import secrets
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, quote, unquote, urlsplit

from msgspec import Struct

T = TypeVar("T")

DEMO_PREFIX = "demo-"
"""How a secret begins that was generated."""
SHORTEST_SECRET = 32
FEWEST_CHARACTERS = 8
"""How many different ones a secret has: 32 hexadecimal digits by chance have about 14."""
WORDS_OF_EXAMPLES = (
    *("secret", "changeme", "changeit", "replaceme", "replacethis", "password", "passw0rd"),
    *("example", "placeholder", "insecure", "unsafe", "default", "letmein", "qwerty", "asdfgh"),
    *("jwtkey", "mykey", "testkey", "fortest", "fordev", "0123456789", "1234567890", "abcdefgh"),
    *("deadbeef", "notsafe", "yourkey", "verysecure", "upshot"),
)
"""What secrets in guides and templates are made of; next to never in one made by chance."""
MOST_DAYS = 36_500
"""That anything is kept, unless it is for ever."""
KNOWN_PASSWORDS = frozenset(
    [
        "postgres",
        "password",
        "changeme",
        "upshot",
        "admin",
        "root",
        "secret",
        "test",
        "demo",
        "123456",
        "postgresql",
    ]
)
"""What people try first; in small letters."""


IN_FILES = (
    "UPSHOT_JWT_SECRET_FILE",
    "UPSHOT_METRICS_TOKEN_FILE",
    "UPSHOT_DATABASE_URL_FILE",
    "UPSHOT_SYNC_URL_FILE",
)
"""Secrets that may be in a file instead: of the same name, without its end."""
PASSWORD_FILE = "UPSHOT_DATABASE_PASSWORD_FILE"  # noqa: S105 - it names a file
"""The database's alone: as a variable, libpq has PGPASSWORD."""
LOG_LEVELS = ("debug", "info", "warning", "error")


class SettingsError(Exception):
    """A variable that cannot be used; the message is one sentence for a person."""


class Settings(Struct, frozen=True, kw_only=True):
    home: Path
    production: bool
    port: int
    dagster_port: int
    database_url: str | None
    jwt_secret: str | None
    """None where tokens are signed with the keys at `jwks_url`."""
    jwks_url: str | None
    jwt_issuer: str
    jwt_audience: str
    public_url: str
    open_docs: bool
    cors_origins: tuple[str, ...]
    pool_size: int
    refresh_seconds: int
    demo_sessions: int
    max_body_bytes: int
    max_batch_items: int
    max_item_bytes: int
    quota_events: int
    quota_seconds: int
    stop_notice_seconds: int
    stream_seconds: int
    database_volumes: tuple[Path, ...]
    min_free_bytes: int
    sync_url: str | None
    """Where `upshot sync` copies from."""
    sync_mapping: Path | None
    metrics_token: str | None
    log_level: str
    log_format: str
    slow_request_ms: int
    retention_days: int | None
    """For how many days accounts keep sessions that have set nothing; None is for ever."""

    @property
    def embedded_data(self) -> Path:
        """Where the embedded PostgreSQL keeps its files and its socket."""
        return self.home / "postgres"


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read every UPSHOT_ variable.

    Raises:
        SettingsError: one of them has no usable value.

    """
    environ = _with_files(environ)
    home = Path(environ.get("UPSHOT_HOME") or ".upshot").expanduser().absolute()
    mode = environ.get("UPSHOT_ENV") or "demo"
    if mode not in {"demo", "production"}:
        raise SettingsError(f"UPSHOT_ENV is {mode!r}: it has to be demo or production.")
    port = _number(environ, "UPSHOT_PORT", 8000, highest=65_535)
    dagster_port = _number(environ, "UPSHOT_DAGSTER_PORT", 3000, highest=65_535)
    if port == dagster_port:
        raise SettingsError("UPSHOT_PORT and UPSHOT_DAGSTER_PORT have to be two ports.")
    max_batch_items = _number(environ, "UPSHOT_MAX_BATCH_ITEMS", 500)
    quota_events = _number(environ, "UPSHOT_QUOTA_EVENTS", 60_000)
    if quota_events < max_batch_items:
        raise SettingsError("UPSHOT_QUOTA_EVENTS has to allow a batch of UPSHOT_MAX_BATCH_ITEMS.")
    production = mode == "production"
    jwks_url = _read(environ, "UPSHOT_JWKS_URL", None, _key_address)
    if jwks_url is not None and environ.get("UPSHOT_JWT_SECRET"):
        raise SettingsError(
            "UPSHOT_JWKS_URL and UPSHOT_JWT_SECRET exclude each other: unset one of them."
        )
    return Settings(
        home=home,
        production=production,
        port=port,
        dagster_port=dagster_port,
        database_url=_read_database_url(environ, production=production),
        jwt_secret=None if jwks_url else _secret(environ, home, production=production),
        jwks_url=jwks_url,
        jwt_issuer=environ.get("UPSHOT_JWT_ISSUER") or "upshot",
        jwt_audience=environ.get("UPSHOT_JWT_AUDIENCE") or "upshot",
        public_url=_read(environ, "UPSHOT_PUBLIC_URL", f"http://127.0.0.1:{port}", _web_address),
        open_docs=_read(environ, "UPSHOT_OPEN_DOCS", not production, _yes_or_no),
        cors_origins=_read(environ, "UPSHOT_CORS_ORIGINS", (), _origins),
        pool_size=_number(environ, "UPSHOT_POOL_SIZE", 10, highest=1_000),
        refresh_seconds=_number(environ, "UPSHOT_REFRESH_SECONDS", 15, highest=86_400),
        demo_sessions=_number(environ, "UPSHOT_DEMO_SESSIONS", 20_000, highest=1_000_000),
        max_body_bytes=_number(environ, "UPSHOT_MAX_BODY_BYTES", 1_000_000),
        max_batch_items=max_batch_items,
        max_item_bytes=_number(environ, "UPSHOT_MAX_ITEM_BYTES", 32_768),
        quota_events=quota_events,
        quota_seconds=_number(environ, "UPSHOT_QUOTA_SECONDS", 60, highest=86_400),
        stop_notice_seconds=_number(environ, "UPSHOT_STOP_NOTICE_SECONDS", 1, highest=600),
        stream_seconds=_number(environ, "UPSHOT_STREAM_SECONDS", 300, highest=86_400),
        database_volumes=_read(environ, "UPSHOT_DATABASE_VOLUMES", (), _folders),
        min_free_bytes=_number(environ, "UPSHOT_MIN_FREE_BYTES", 500_000_000, highest=10**15),
        sync_url=_read(environ, "UPSHOT_SYNC_URL", None, _database_url),
        sync_mapping=_read(environ, "UPSHOT_SYNC_MAPPING", None, Path),
        metrics_token=_metrics_token(environ, production=production),
        log_level=_read(environ, "UPSHOT_LOG_LEVEL", "info", _one_of(*LOG_LEVELS)),
        log_format=_read(
            environ, "UPSHOT_LOG_FORMAT", "json" if production else "text", _one_of("json", "text")
        ),
        slow_request_ms=_number(environ, "UPSHOT_SLOW_REQUEST_MS", 1_000),
        retention_days=_read(environ, "UPSHOT_RETENTION_DAYS", None, _days),
    )


def _with_files(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with what is in files: what lies there is in no list of processes."""
    read = dict(environ)
    for name in IN_FILES:
        content, secret = _content(environ, name), name.removesuffix("_FILE")
        if content is None:
            continue
        if environ.get(secret):
            raise SettingsError(f"{name} and {secret} exclude each other: unset one of them.")
        read[secret] = content
    return read


def _content(environ: Mapping[str, str], name: str) -> str | None:
    path = environ.get(name)
    if not path:
        return None
    try:
        return Path(path).read_text().strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SettingsError(f"{name} cannot be read ({path}): {reason}.") from None


def _read(environ: Mapping[str, str], name: str, default: T, parse: Callable[[str], T]) -> T:
    text = environ.get(name, "")
    if not text:
        return default
    try:
        return parse(text)
    except ValueError as error:
        # The value is not repeated: it may hold a password.
        raise SettingsError(f"{name} cannot be used: {error}.") from None


def _number(
    environ: Mapping[str, str], name: str, default: int, *, highest: int = 1_000_000_000
) -> int:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= highest):
            raise ValueError(f"it has to be a whole number from 1 to {highest}")
        return int(text)

    return _read(environ, name, default, parse)


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_DAYS):
        raise ValueError(f"it has to be a whole number from 1 to {MOST_DAYS}")
    return int(text)


def _database_url(text: str) -> str:
    if not text.startswith(("postgresql://", "postgres://")):
        raise ValueError("it has to begin with postgresql://")
    return text


def _read_database_url(environ: Mapping[str, str], *, production: bool) -> str | None:
    url = _read(environ, "UPSHOT_DATABASE_URL", None, _database_url)
    password = _content(environ, PASSWORD_FILE)
    if password is not None:
        if url is None:
            raise SettingsError(f"{PASSWORD_FILE} is for the database of UPSHOT_DATABASE_URL.")
        url = f"{url}{'&' if urlsplit(url).query else '?'}password={quote(password, safe='')}"
    if production and url is not None and _is_open_to_all(url, environ):
        raise SettingsError(
            "The database's password has to be one of your own when UPSHOT_ENV is production."
        )
    return url


def _is_open_to_all(url: str, environ: Mapping[str, str]) -> bool:
    """Say whether its password is one that everybody knows, or none where one is asked for."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False  # nobody can use it
    said = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    password = said.get("password") or unquote(parts.password or "") or environ.get("PGPASSWORD")
    if password:
        user = said.get("user") or unquote(parts.username or "") or environ.get("PGUSER")
        return password.lower() in KNOWN_PASSWORDS or password == user
    host = said.get("host") or unquote(parts.hostname or "") or environ.get("PGHOST", "")
    is_local = host.startswith("/") or not host
    is_known_otherwise = (
        any(name in said for name in ("passfile", "sslcert", "service"))
        or any(environ.get(name) for name in ("PGPASSFILE", "PGSSLCERT", "PGSERVICE"))
        or Path("~/.pgpass").expanduser().exists()
    )
    return not (is_local or is_known_otherwise)


def _folders(text: str) -> tuple[Path, ...]:
    folders = tuple(map(Path, text.split(os.pathsep)))
    if not all(folder.is_dir() for folder in folders):
        raise ValueError(f"it has to name folders, with {os.pathsep} between them")
    return folders


def _yes_or_no(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError("it has to be true or false")
    return text == "true"


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"it has to be one of {', '.join(words)}")
        return text

    return parse


def _key_address(text: str) -> str:
    parts = urlsplit(text)
    is_near = parts.scheme == "http" and _is_loopback(parts.hostname)
    # Whoever can change what comes over a wire in clear text makes the keys.
    if not (parts.hostname and (parts.scheme == "https" or is_near)):
        raise ValueError("it has to begin with https://; http:// is for this machine alone")
    if parts.username is not None or parts.fragment or not text.isascii() or not text.isprintable():
        raise ValueError("it has to be an address without a user and without a fragment")
    _ = parts.port  # raises ValueError if it is no port
    return text


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


def _web_address(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("it has to begin with http:// or https://")
    return text.rstrip("/")


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(origin.strip() for origin in text.split(","))
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or origin != f"{parts.scheme}://{parts.netloc}":
            raise ValueError("it has to name origins, such as https://app.example, with commas")
    return origins


def _secret(environ: Mapping[str, str], home: Path, *, production: bool) -> str:
    """Return the configured secret, else the demo's own, made at first use and kept."""
    secret = environ.get("UPSHOT_JWT_SECRET", "")
    if production and (not secret or secret.startswith(DEMO_PREFIX)):
        raise SettingsError(
            "UPSHOT_JWT_SECRET has to be set to a secret of your own when UPSHOT_ENV is production,"
            " or UPSHOT_JWKS_URL to where your keys are."
        )
    if secret and len(secret.encode()) < SHORTEST_SECRET:
        raise SettingsError(f"UPSHOT_JWT_SECRET is shorter than {SHORTEST_SECRET} bytes.")
    if production and is_guessable(secret):
        raise SettingsError(
            "UPSHOT_JWT_SECRET can be guessed: make one with `openssl rand -base64 48`."
        )
    return secret or _demo_secret(home / "jwt_secret")


def _metrics_token(environ: Mapping[str, str], *, production: bool) -> str | None:
    token = environ.get("UPSHOT_METRICS_TOKEN", "")
    if not token:
        return None
    if not token.isascii() or not token.isprintable() or " " in token:
        raise SettingsError("UPSHOT_METRICS_TOKEN has to be ASCII without spaces.")
    if production and (len(token) < SHORTEST_SECRET or is_guessable(token)):
        raise SettingsError(
            "UPSHOT_METRICS_TOKEN can be guessed: make one with `openssl rand -base64 48`."
        )
    return token


def is_guessable(secret: str) -> bool:
    """Whether a secret is one of examples, or a few characters over and over.

    >>> is_guessable("your-256-bit-secret-goes-in-here"), is_guessable("abc123" * 8)
    (True, True)
    >>> is_guessable("0f3a9c51d2e84b7760a1f5c3be92d84e")
    False
    """
    letters = "".join(filter(str.isalnum, secret.lower()))
    return (
        len(set(secret)) < FEWEST_CHARACTERS
        or any(secret[length:] == secret[:-length] for length in range(1, SHORTEST_SECRET // 2 + 1))
        or any(word in letters for word in WORDS_OF_EXAMPLES)
    )


def _demo_secret(path: Path) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Whoever creates the file first decides; everybody else reads it.
        made = path.with_name(f"jwt_secret.{os.getpid()}")
        made.touch(mode=0o600)
        made.write_text(DEMO_PREFIX + secrets.token_urlsafe(32))
        try:
            os.link(made, path)
        except FileExistsError:
            pass
        finally:
            made.unlink()
        return path.read_text()
    except OSError as error:
        raise SettingsError(f"UPSHOT_HOME cannot be used: {error.strerror}: {path}.") from None
