"""Tables and charts of the dashboard as files."""

import csv
import xml.etree.ElementTree as ET
from io import StringIO

import pytest
from conftest import Api
from playwright.sync_api import Page, Route, expect

from browser.dashboard import (
    TOUR,
    ask,
    at,
    behind,
    chart,
    count,
    saved,
)


def test_every_table_can_be_saved_as_csv(page: Page, demo: Api) -> None:
    at(page, demo, "/?period=7d&behind=")
    total = ask(demo, "/analytics/team?period=7d")["summary"]["total_sessions"]
    file = saved(page, behind(page).get_by_role("button", name="CSV of all"))
    with file.open(newline="") as text:
        sessions = list(csv.DictReader(text))
    assert len({row["session_id"] for row in sessions}) == len(sessions) == total
    page.keyboard.press("Escape")
    for table, part in (("top-flows", "top_flows"), ("top-engineers", "top_engineers")):
        file = saved(page, page.locator(f"#{table}").get_by_role("button", name="CSV"))
        with file.open(newline="") as text:
            found = [row["sessions"] for row in csv.DictReader(text)]
        said = ask(demo, "/analytics/team?period=7d")[part]
        assert found == [str(row["sessions"]) for row in said]


def test_a_long_list_is_saved_page_by_page_and_can_be_stopped(page: Page, demo: Api) -> None:
    total = ask(demo, "/sessions?period=90d&total=true")["total"]
    assert total > 500
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/api/v1/sessions?*limit=500*", hold)
    at(page, demo, "/?period=90d&behind=")
    dialog = behind(page)
    with page.expect_request("**/api/v1/sessions?*limit=500*"):
        dialog.get_by_role("button", name="CSV of all").click()
    expect(dialog.locator(".saving")).to_contain_text("Reading")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog.locator(".saving")).to_contain_text("Cancelled.")
    for route in held:
        route.continue_()
    page.unroute("**/api/v1/sessions?*limit=500*", hold)
    file = saved(page, dialog.get_by_role("button", name="CSV of all"))
    expect(dialog.locator(".saving")).to_contain_text(f"{count(total)} saved.")
    with file.open(newline="") as text:
        assert len({row["session_id"] for row in csv.DictReader(text)}) == total


@pytest.mark.parametrize(
    ("path", "titles"),
    [
        ("/", ["Outcomes per day", "CSAT over time", "Ratings by stars"]),
        ("/me", ["Sessions per day", "Outcomes"]),
        (f"/flows/{TOUR.flow_id}", ["The path through the steps", "Outcomes per day"]),
    ],
)
def test_every_chart_can_be_saved(page: Page, demo: Api, path: str, titles: list[str]) -> None:
    user = TOUR.engineer_id
    at(page, demo, f"{path}?period=90d", "team_admin", user)
    for title in titles:
        card = chart(page, title)
        expect(card.locator("svg").first).to_be_visible()
        png = saved(page, card.get_by_role("button", name="as PNG")).read_bytes()
        assert png.startswith(b"\x89PNG")
        assert len(png) > 5_000
        svg = ET.fromstring(saved(page, card.get_by_role("button", name="as SVG")).read_text())
        assert svg.tag.endswith("svg")
        text = saved(page, card.get_by_role("button", name="as CSV")).read_text()
        assert len(list(csv.reader(StringIO(text)))) > 2
