"""Pages of the origins that are named may call the API from a browser, and no others."""

from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from conftest import Api, Serve, with_changes

from ingest.marts import MART_HEADERS
from ingest.settings import Settings, SettingsError, read_settings

OURS = "https://app.example"


@pytest.fixture
def open_api(serve: Serve, database_url: str, base_settings: Settings) -> Api:
    settings = with_changes(base_settings, database_url=database_url, cors_origins=(OURS,))
    return Api(serve(settings), settings)


def ask_first(api: Api, origin: str) -> httpx.Response:
    """Ask as a browser does before it sends a rating."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return httpx.options(f"{api.url}/api/v1/sessions/{uuid4()}/rate", headers=headers)


def test_a_page_of_a_named_origin_may_send_and_read_the_answer(open_api: Api) -> None:
    asked = ask_first(open_api, OURS)
    assert asked.is_success
    assert asked.headers["access-control-allow-origin"] == OURS
    assert "authorization" in asked.headers["access-control-allow-headers"].lower()
    sent = open_api("POST", f"/sessions/{uuid4()}/rate", {"rating": 5}, headers={"Origin": OURS})
    assert sent.status_code == 404
    assert sent.headers["access-control-allow-origin"] == OURS
    readable = {each.strip() for each in sent.headers["access-control-expose-headers"].split(",")}
    assert {"Retry-After", "RateLimit", "ETag", "X-Request-Id", *MART_HEADERS} <= readable


def test_a_page_of_another_origin_may_not(open_api: Api) -> None:
    asked = ask_first(open_api, "https://elsewhere.example")
    assert "access-control-allow-origin" not in asked.headers


def test_without_a_named_origin_none_may(api: Api) -> None:
    assert "access-control-allow-origin" not in ask_first(api, OURS).headers


@pytest.mark.parametrize("origins", ["*", "app.example", "https://app.example/", "https://a,"])
def test_an_origin_is_a_scheme_and_a_host(tmp_path: Path, origins: str) -> None:
    with pytest.raises(SettingsError, match="UPSHOT_CORS_ORIGINS"):
        read_settings({"UPSHOT_HOME": str(tmp_path), "UPSHOT_CORS_ORIGINS": origins})
