"""Browsers read with a cookie, which no script sees, no other site uses, and nothing writes by."""

from collections.abc import Callable
from uuid import UUID, uuid4

import httpx
import pytest
from conftest import Api, Serve, with_changes

from ingest.demo import demo_tour
from ingest.settings import Settings

COOKIE = "upshot_token"


@pytest.fixture
def browser(api: Api) -> httpx.Client:
    """A browser at the API's own pages, not signed in."""
    return httpx.Client(base_url=api.url, headers={"Sec-Fetch-Site": "same-origin"})


def sign_in(browser: httpx.Client, token: str) -> httpx.Response:
    return browser.post("/sign-in/token", headers={"Authorization": f"Bearer {token}"})


def test_a_page_reads_with_the_cookie_until_it_signs_out(browser: httpx.Client, api: Api) -> None:
    user_id = uuid4()
    assert browser.get("/api/v1/me").status_code == 401
    assert sign_in(browser, api.token("team_admin", user_id)).status_code == 204
    me = browser.get("/api/v1/me")
    assert me.status_code == 200
    assert (str(user_id), "team_admin") == (me.json()["user_id"], me.json()["role"])
    assert me.headers["cache-control"] == "private, no-cache"
    assert "Cookie" in me.headers["vary"]
    assert browser.delete("/sign-in/token").status_code == 204
    assert browser.get("/api/v1/me").status_code == 401


def test_no_script_reads_the_cookie_and_no_other_site_sends_it(
    browser: httpx.Client, api: Api
) -> None:
    said = sign_in(browser, api.token()).headers["set-cookie"].lower()
    assert "httponly" in said
    assert "samesite=strict" in said
    assert "path=/api/v1" in said
    assert "max-age" not in said
    assert "expires" not in said


def test_behind_tls_the_cookie_stays_there(
    serve: Serve, new_database: Callable[[], str], base_settings: Settings
) -> None:
    settings = with_changes(
        base_settings, database_url=new_database(), public_url="https://upshot.example"
    )
    url = serve(settings)
    token = Api(url, settings).token()
    with httpx.Client(base_url=url) as browser:
        assert "secure" in sign_in(browser, token).headers["set-cookie"].lower()


@pytest.mark.parametrize("token", ["x", "x.y.z"])
def test_only_a_good_token_becomes_a_cookie(browser: httpx.Client, token: str) -> None:
    answer = sign_in(browser, token)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


def test_the_cookie_itself_makes_no_cookie(browser: httpx.Client, api: Api) -> None:
    browser.cookies.set(COOKIE, api.token())
    answer = browser.post("/sign-in/token")
    assert answer.status_code == 401


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_site_asks_for_is_not_answered(
    browser: httpx.Client, api: Api, site: str
) -> None:
    browser.cookies.set(COOKIE, api.token())
    assert browser.get("/api/v1/me").status_code == 200
    assert browser.get("/api/v1/me", headers={"Sec-Fetch-Site": site}).status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/sessions"),
        ("POST", "/events"),
        ("PUT", "/flows/6f1c8a52-0d6e-4c0b-9a55-8f3f2a7f1d01"),
        ("DELETE", "/sessions/6f1c8a52-0d6e-4c0b-9a55-8f3f2a7f1d02"),
    ],
)
def test_nothing_is_written_by_the_cookie(
    browser: httpx.Client, api: Api, method: str, path: str
) -> None:
    browser.cookies.set(COOKIE, api.token("team_admin"))
    answer = browser.request(method, f"/api/v1{path}", json={"flow_id": str(uuid4())})
    assert answer.status_code == 401


def test_a_header_comes_before_the_cookie(browser: httpx.Client, api: Api) -> None:
    browser.cookies.set(COOKIE, api.token())
    answer = browser.get("/api/v1/me", headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 401


# --- the demo ------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["engineer", "team_admin"])
def test_the_demo_signs_in_by_role(browser: httpx.Client, role: str) -> None:
    answer = browser.post("/sign-in/demo", json={"role": role})
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    sign_in(browser, answer.json()["token"])
    me = browser.get("/api/v1/me").json()
    assert (str(demo_tour().account_id), role) == (me["account_id"], me["role"])


@pytest.mark.parametrize("role", ["super_admin", "service", "", None])
def test_the_demo_gives_out_no_other_role(browser: httpx.Client, role: str | None) -> None:
    answer = browser.post("/sign-in/demo", json={"role": role})
    assert answer.status_code == 422


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example"])
def test_the_demo_signs_nobody_in_under_another_name(browser: httpx.Client, host: str) -> None:
    """A page of another site may have its name lead to this machine."""
    answer = browser.post("/sign-in/demo", json={"role": "engineer"}, headers={"Host": host})
    assert (403, "forbidden") == (answer.status_code, answer.json()["code"])


def test_the_demo_takes_no_form(browser: httpx.Client) -> None:
    """Another site's page can send forms, which browsers do not ask about first."""
    answer = browser.post("/sign-in/demo", data={"role": "engineer"})
    assert answer.status_code == 415


def test_production_gives_out_no_token(
    serve: Serve, new_database: Callable[[], str], base_settings: Settings
) -> None:
    settings = with_changes(base_settings, database_url=new_database(), production=True)
    with httpx.Client(base_url=serve(settings)) as browser:
        answer = browser.post("/sign-in/demo", json={"role": "engineer"})
        assert (404, "not_found") == (answer.status_code, answer.json()["code"])
        assert 'data-demo="false"' in browser.get("/sign-in").text


# --- who is asking -------------------------------------------------------------------------------


def test_whoever_asks_is_told_who_they_are(api: Api) -> None:
    user_id = uuid4()
    unknown = api("GET", "/me", user_id=user_id).json()
    assert unknown == who(api, user_id, None, None, "UTC")
    api(
        "PUT",
        f"/accounts/{api.account_id}",
        {"name": "Acme", "time_zone": "Asia/Tokyo"},
        role="team_admin",
    )
    api("PUT", f"/users/{user_id}", {"name": "Dana", "role": "engineer"}, role="team_admin")
    assert api("GET", "/me", user_id=user_id).json() == who(
        api, user_id, "Dana", "Acme", "Asia/Tokyo"
    )


def who(
    api: Api, user_id: UUID, name: str | None, account: str | None, zone: str
) -> dict[str, object]:
    return {
        "user_id": str(user_id),
        "user_name": name,
        "role": "engineer",
        "account_id": str(api.account_id),
        "account_name": account,
        "time_zone": zone,
    }


def test_every_figure_says_what_it_means(shared_live_api: Api) -> None:
    figures = shared_live_api("GET", "/figures").json()["figures"]
    meanings = {each["name"]: each["description"] for each in figures}
    assert all(meanings.values())
    assert {"total_sessions", "completion_rate", "p50_duration_minutes", "avg_csat"} <= {*meanings}
    assert {"drop_off", "helpful_rate", "share", "active_engineers"} <= {*meanings}
    document = httpx.get(f"{shared_live_api.url}/schema/openapi.json").json()
    summary = document["components"]["schemas"]["Summary"]["properties"]
    assert summary["completion_rate"]["description"] == meanings["completion_rate"]
