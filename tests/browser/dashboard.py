"""The dashboard's pages as tests read them: where a figure stands, and how it is written."""

import re
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from conftest import Api
from playwright.sync_api import Locator, Page, expect

from browser.visits import sign_in, wait_until
from ingest.demo import demo_tour

TOUR = demo_tour()
MINUS = "\N{MINUS SIGN}"
OUTCOMES = ("resolved", "workaround", "escalated", "unresolved")
NONE = "\N{EN DASH}"
MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"
REAL_WINDOW = "from=2016-02-01&to=2017-01-31"


class Small(NamedTuple):
    """An account with one session of today, rated with markup that spreadsheets would run."""

    api: Api
    user_id: UUID
    flow_id: UUID
    session_id: UUID


def count(number: int | None) -> str:
    return NONE if number is None else f"{number:,}"


def tenths(number: float | None) -> str:
    return NONE if number is None else f"{number:,.1f}"


def percent(share: float | None) -> str:
    return NONE if share is None else f"{re.sub('[.]0$', '', f'{share * 100:.1f}')} %"


def minutes(number: float | None) -> str:
    return NONE if number is None else f"{tenths(number)} min"


def figure(page: Page, name: str) -> Locator:
    return page.locator(f"#tile-{name} .figure")


def rows(page: Page, table: str) -> list[list[str]]:
    """The cells of a table as they are seen."""
    # At one moment: the page may draw itself anew.
    found: list[list[str]] = page.locator(f"{table} tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.innerText))"
    )
    return found


def at(page: Page, api: Api, path: str, role: str = "team_admin", user: UUID | None = None) -> None:
    """Sign in, and open a page with its figures and charts."""
    sign_in(page, api.url, api.token(role, user))
    page.goto(api.url + path)
    loaded(page)
    # A chart that is being drawn moves what is below it away from under the mouse.
    at_rest(page)


def loaded(page: Page) -> None:
    expect(page.locator("#content")).to_have_attribute("aria-busy", "false")


def ask(api: Api, path: str, user: UUID | None = None, role: str = "team_admin") -> dict[str, Any]:
    answer = api("GET", path, role=role, user_id=user)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def shows(page: Page, summary: dict[str, Any]) -> None:
    expect(figure(page, "total_sessions")).to_have_text(count(summary["total_sessions"]))
    rate = summary["completion_rate"] if summary["total_sessions"] else None
    expect(figure(page, "completion_rate")).to_have_text(percent(rate))
    median = minutes(summary["p50_duration_minutes"])
    expect(figure(page, "p50_duration_minutes")).to_have_text(median)
    csat = summary["avg_csat"]
    expect(figure(page, "avg_csat")).to_have_text(NONE if csat is None else f"{tenths(csat)} of 5")


def chart(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title, exact=True).first


def at_rest(page: Page) -> None:
    """Wait until all charts take clicks, but for those that have nothing to draw."""
    at_rest = """() => {
        const drawings = [...document.querySelectorAll(".drawing")];
        return drawings.every(
            (each) => each.ariaBusy === "false" && each.querySelector("svg, .empty")
        );
    }"""
    wait_until(page, at_rest)


def click_in(area: Locator, right: float, down: float) -> None:
    """Click in a part of a drawing, at these shares of its size, wherever it is on the page."""
    position = area.evaluate(
        """(area, [right, down]) => {
            const drawing = area.ownerSVGElement.getBoundingClientRect();
            const { x, y, width, height } = area.getBoundingClientRect();
            return { x: x - drawing.x + width * right, y: y - drawing.y + height * down };
        }""",
        [right, down],
    )
    area.locator("xpath=ancestor::*[name() = 'svg']").click(position=position)


def charted(page: Page, title: str) -> list[list[str]]:
    """The numbers of a chart, in its table."""
    card = chart(page, title)
    expect(card.locator("svg").first).to_be_visible()
    at_rest(page)
    card.get_by_role("button", name="Show the numbers").click()
    expect(card.locator("tbody tr").first).to_be_visible()
    found = rows(page, f"section[aria-label='{title}']")
    card.get_by_role("button", name="Show the numbers").click()
    return found


def behind(page: Page) -> Locator:
    """The list of the sessions behind a figure, once it says how many there are."""
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("status")).to_be_visible()
    return dialog


def saved(page: Page, button: Locator) -> Path:
    """Where the file is that a click has saved, under the name that the page gave it."""
    with page.expect_download() as download:
        button.click()
    path = download.value.path()
    return path.rename(path.with_name(f"{uuid4()}-{download.value.suggested_filename}"))
