"""A page that stays open looks again, and reads no more than it has to."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from conftest import Api
from playwright.sync_api import Page, expect

from browser.dashboard import TOUR, at
from browser.visits import wait_until


def look_again(page: Page) -> None:
    """Come back to the tab: the page looks at once, and says when it has."""
    moment = page.locator(".freshness time")
    before = str(moment.get_attribute("datetime"))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(moment).not_to_have_attribute("datetime", before)


class Lines(logging.Handler):
    """What the audit was told."""

    def __init__(self) -> None:
        super().__init__()
        self.what: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.what.append(json.loads(record.getMessage())["what"])


@pytest.fixture
def audited() -> Iterator[list[str]]:
    handler, logger = Lines(), logging.getLogger("upshot.audit")
    logger.addHandler(handler)
    yield handler.what
    logger.removeHandler(handler)


def test_a_page_that_stays_open_reads_once_what_stays_true(
    page: Page, demo: Api, audited: list[str]
) -> None:
    """But for the window before, which ends a minute later each minute."""
    minutes = set()
    at(page, demo, f"/flows/{TOUR.flow_id}?period=30d")
    for _ in range(8):
        look_again(page)
        minutes.add(datetime.now(UTC).minute)
    assert audited.count("comments") == 1
    assert 1 <= audited.count("flow_comments") <= len(minutes) + 1 < 8


def test_the_moment_of_the_figures_goes_on_while_they_stay_true(page: Page, demo: Api) -> None:
    at(page, demo, "/?from=2026-01-01&to=2026-01-07")
    moment = page.locator(".freshness time")
    before = str(moment.get_attribute("datetime"))
    page.wait_for_timeout(1_500)
    look_again(page)
    after = datetime.fromisoformat(str(moment.get_attribute("datetime")))
    assert timedelta(seconds=1) < after - datetime.fromisoformat(before) < timedelta(minutes=1)
    assert abs(datetime.now(UTC) - after) < timedelta(seconds=30)


COUNTED_LOOKS = """
    const { fetch } = window;
    window.looks = window.underWay = 0;
    window.fetch = async (address, options) => {
        window.looks += String(address).includes("/analytics/me");
        window.underWay += 1;
        try {
            const answer = await fetch(address, options);
            await answer.clone().text();
            return answer;
        } finally {
            window.underWay -= 1;
        }
    };
"""


def go_by(page: Page, rounds: int) -> int:
    """Let the page's time go by, as fast as it is answered; return how often it has looked."""
    before: int = page.evaluate("window.looks")
    for _ in range(rounds):
        page.clock.run_for(10_000)
        wait_until(page, "window.underWay === 0")
    after: int = page.evaluate("window.looks")
    return after - before


def test_a_page_that_is_left_alone_looks_less_often(page: Page, demo: Api) -> None:
    page.add_init_script(COUNTED_LOOKS)
    page.clock.install()
    at(page, demo, "/me?period=7d", user=TOUR.admin_id)
    # From now on no time goes by but what is told to.
    page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))
    wait_until(page, "window.underWay === 0")
    assert go_by(page, 1) == 1
    go_by(page, 31)
    assert 2 <= go_by(page, 18) <= 4
    page.mouse.move(100, 100)
    assert go_by(page, 1) == 1
