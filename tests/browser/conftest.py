"""A real browser, whose console is listened to, and accounts for the dashboard to show."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from conftest import Api, Serve, Upshot
from events import event
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from real_input import ACCOUNT, data_folder

from browser.chromium import FLAGS, installed_browser
from browser.dashboard import MARKUP, TOUR, Small
from ingest.refresh import refresh
from ingest.settings import Settings

SOON = timedelta(minutes=1)


# Not for the whole session: while Playwright runs, no test can run an event loop of its own.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The machine's Chromium, else the one that `playwright install chromium` brings."""
    # On a machine that is busy with other tests a second can be short.
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed_browser(), args=[*FLAGS])
        yield browser
        browser.close()


@pytest.fixture
def expected_errors() -> list[str]:
    """What the console may say in this test: a test adds a part of each error it provokes."""
    return []


@pytest.fixture
def context(browser: Browser, expected_errors: list[str]) -> Iterator[BrowserContext]:
    """A browser of this test's own. An error in the console of any page fails the test.

    Errors that nobody caught and what the Content-Security-Policy forbids are among them.
    """
    said: list[str] = []
    with browser.new_context() as context:
        context.on(
            "console",
            lambda message: (
                said.append(f"{message.text} ({message.location['url']})")
                if message.type == "error"
                else None
            ),
        )
        context.on("weberror", lambda problem: said.append(str(problem.error)))
        yield context
    unexpected = [line for line in said if not any(part in line for part in expected_errors)]
    assert unexpected == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A tab; `context.new_page()` opens others."""
    return context.new_page()


@pytest.fixture(autouse=True)
def _no_midnight() -> None:
    """Today is the same day for all of a test: for the page, and for what it is compared with."""
    now = datetime.now(UTC)
    for zone in ("UTC", "America/New_York"):
        if (now + SOON).astimezone(ZoneInfo(zone)).date() != now.astimezone(ZoneInfo(zone)).date():
            time.sleep(SOON.total_seconds())


@pytest.fixture(scope="package")
def demo(new_live_settings: Callable[[], Settings], serve_session: Serve, upshot: Upshot) -> Api:
    """The demo's account with the tour."""
    settings = new_live_settings()
    made = upshot("demo", database=settings.database_url, UPSHOT_DEMO_SESSIONS="1500")
    assert made.returncode == 0, made.stderr
    refresh(settings, str(settings.database_url))
    return Api(serve_session(settings), settings, TOUR.account_id)


@pytest.fixture(scope="package")
def real(new_live_settings: Callable[[], Settings], serve_session: Serve, upshot: Upshot) -> Api:
    """The real incident log."""
    settings = new_live_settings()
    file = data_folder({}) / "incidents.ndjson"
    loaded = upshot("load", "--account", str(ACCOUNT), str(file), database=settings.database_url)
    assert loaded.returncode == 0, loaded.stderr
    refresh(settings, str(settings.database_url))
    return Api(serve_session(settings), settings, ACCOUNT)


@pytest.fixture
def small(shared_live_api: Api) -> Small:
    api = shared_live_api.of(uuid4())
    found = Small(api, uuid4(), uuid4(), uuid4())
    steps = [{"step_id": "a", "title": MARKUP, "position": 0}]
    ids = {"session_id": found.session_id, "flow_id": found.flow_id, "user_id": found.user_id}
    events = [
        event("account.upserted", account_id=api.account_id, name=MARKUP, time_zone="UTC"),
        event("user.upserted", user_id=found.user_id, name=f"={MARKUP}", role="engineer"),
        event("flow.upserted", flow_id=found.flow_id, name=f"@{MARKUP}", steps=steps),
        event("session.started", **ids),
        event("step.visited", session_id=found.session_id, step_id="a"),
        event("session.completed", session_id=found.session_id, outcome="resolved"),
        event("session.rated", session_id=found.session_id, rating=5, comment=f"={MARKUP}"),
    ]
    now = datetime.now(UTC) - timedelta(minutes=1)
    for place, each in enumerate(events):
        each["occurred_at"] = (now + timedelta(seconds=place)).isoformat()
    assert api.post_events(events).status_code == 200
    return found
