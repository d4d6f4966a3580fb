"""In production nothing is open that need not be, and no secret is taken that others know."""

import secrets
from pathlib import Path

import httpx
import pytest
from conftest import Api, Serve, with_changes

from ingest.settings import Settings, SettingsError, is_guessable, read_settings
from ingest.store.operations import libpq_variables, without_password

SECRET = "kd93mVx0QpL7tYw2RzB5nHc8JfGuAe4S"
DOCUMENTS = ("/schema", "/schema/openapi.json", "/schema/openapi.yaml", "/schema/swagger")


def production(home: Path, **variables: str) -> Settings:
    named = {f"UPSHOT_{name.upper()}": value for name, value in variables.items()}
    return read_settings({"UPSHOT_ENV": "production", "UPSHOT_HOME": str(home)} | named)


@pytest.mark.parametrize(
    ("said", "is_open"),
    [({}, False), ({"open_docs": "true"}, True), ({"open_docs": "false"}, False)],
)
def test_the_document_is_closed_in_production_unless_said_otherwise(
    serve: Serve, shared_api: Api, tmp_path: Path, said: dict[str, str], is_open: bool
) -> None:
    settings = production(tmp_path, jwt_secret=SECRET, **said)
    url = serve(with_changes(settings, database_url=shared_api.settings.database_url))
    for path in DOCUMENTS:
        answer = httpx.get(url + path)
        assert (answer.status_code == 200) == is_open, path
        if not is_open:
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    for path in ("/health/live", "/health/ready", "/problems/not_found"):
        assert httpx.get(url + path).status_code == 200


def test_the_document_is_open_in_the_demo(shared_api: Api) -> None:
    for path in DOCUMENTS:
        assert httpx.get(shared_api.url + path).status_code == 200


def test_keys_at_an_address_need_no_secret(tmp_path: Path) -> None:
    settings = production(tmp_path, jwks_url="https://login.example/keys")
    assert (settings.jwt_secret, settings.jwks_url) == (None, "https://login.example/keys")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "secret",
    [
        "a" * 64,
        "01" * 32,
        "Ab3$" * 12,
        "correct-horse-b." * 3,
        "your-256-bit-secret-your-256-bit-secret",
        "a-string-secret-at-least-256-bits-long",
        "ChangeMe-ChangeMe-9f8a7b6c5d4e3f2a1b0c",
        "P-a-s-s-w-o-r-d 9f8a7b6c5d4e3f2a1b0c9d8e",
        "0123456789abcdef0123456789abcdeX",
    ],
)
def test_a_secret_that_can_be_guessed_is_refused(tmp_path: Path, secret: str) -> None:
    with pytest.raises(SettingsError, match="can be guessed"):
        production(tmp_path, jwt_secret=secret)


def test_a_secret_made_by_chance_is_taken(tmp_path: Path) -> None:
    assert production(tmp_path, jwt_secret=SECRET).jwt_secret == SECRET
    for _ in range(5_000):
        assert not is_guessable(secrets.token_hex(32))
        assert not is_guessable(secrets.token_urlsafe(32))


def in_file(folder: Path, secret: str) -> str:
    path = folder / "secret"
    path.write_text(f"{secret}\n")
    return str(path)


def test_a_secret_in_a_file_is_the_secret(tmp_path: Path) -> None:
    settings = production(tmp_path, jwt_secret_file=in_file(tmp_path, SECRET))
    assert settings.jwt_secret == SECRET
    token = production(tmp_path, jwt_secret=SECRET, metrics_token_file=str(tmp_path / "secret"))
    assert token.metrics_token == SECRET


def test_a_secret_in_a_file_is_held_to_the_same(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can be guessed"):
        production(tmp_path, jwt_secret_file=in_file(tmp_path, "a" * 64))
    with pytest.raises(SettingsError, match="has to be set"):
        production(tmp_path, jwt_secret_file=in_file(tmp_path, ""))
    with pytest.raises(SettingsError, match=r"_FILE cannot be read .*No such file"):
        production(tmp_path, jwt_secret_file=str(tmp_path / "absent"))
    with pytest.raises(SettingsError, match="exclude each other"):
        production(tmp_path, jwt_secret=SECRET, jwt_secret_file=in_file(tmp_path, SECRET))


def test_an_empty_file_leaves_the_tokens_to_the_keys(tmp_path: Path) -> None:
    file = in_file(tmp_path, "")
    assert (
        production(tmp_path, jwks_url="https://login.example/keys", jwt_secret_file=file).jwt_secret
        is None
    )


@pytest.mark.parametrize("url", ["postgresql://ann@db/x", "postgresql://ann@db/x?sslmode=require"])
def test_the_databases_password_may_be_in_a_file(tmp_path: Path, url: str) -> None:
    password = "at & / ? % of our own"
    file = in_file(tmp_path, password)
    settings = production(
        tmp_path, jwt_secret=SECRET, database_url=url, database_password_file=file
    )
    variables = libpq_variables(settings.database_url or "")
    assert (variables["PGPASSWORD"], variables["PGHOST"]) == (password, "db")
    assert "own" not in without_password(settings.database_url or "")
    with pytest.raises(SettingsError, match="one of your own"):
        production(
            tmp_path,
            jwt_secret=SECRET,
            database_url=url,
            database_password_file=in_file(tmp_path, "changeme"),
        )
    with pytest.raises(SettingsError, match="UPSHOT_DATABASE_URL"):
        production(tmp_path, jwt_secret=SECRET, database_password_file=file)
