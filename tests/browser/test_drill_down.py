"""Each figure of the dashboard leads to the sessions behind it."""

import math
import re
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import pytest
from conftest import Api
from playwright.sync_api import Page, expect

from browser.dashboard import (
    OUTCOMES,
    TOUR,
    Small,
    ask,
    at,
    at_rest,
    behind,
    chart,
    click_in,
    count,
    rows,
)


def test_a_figure_leads_to_its_sessions(page: Page, demo: Api) -> None:
    at(page, demo, "/?period=7d")
    total = ask(demo, "/analytics/team?period=7d")["summary"]["total_sessions"]
    page.locator("#pick-total_sessions").click()
    dialog = behind(page)
    expect(dialog.get_by_role("status")).to_contain_text(f"{count(total)} sessions")
    listed = ask(demo, "/sessions?period=7d")["sessions"]
    assert len(listed) == min(50, total)
    expect(dialog.locator("tbody tr")).to_have_count(len(listed))
    page.reload()
    expect(behind(page).get_by_role("status")).to_contain_text(f"{count(total)} sessions")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page).not_to_have_url(re.compile("behind"))


def test_my_own_figure_leads_to_my_own_sessions(page: Page, demo: Api) -> None:
    """Of an admin, who may see those of all, too."""
    at(page, demo, "/me?period=30d", user=TOUR.engineer_id)
    own = ask(demo, "/analytics/me?period=30d", TOUR.engineer_id)["summary"]["total_sessions"]
    assert 0 < own < ask(demo, "/analytics/team?period=30d")["summary"]["total_sessions"]
    page.locator("#pick-total_sessions").click()
    expect(behind(page).get_by_role("status")).to_contain_text(re.compile(f"^{count(own)} session"))


def test_a_day_leads_to_its_sessions(page: Page, demo: Api) -> None:
    at(page, demo, "/?period=7d")
    series = ask(demo, "/analytics/team?period=7d")["time_series"]
    # Of the fewest sessions: nothing is drawn at its top, and what is drawn leads to an outcome's.
    day = min((each for each in series if each["sessions"]), key=itemgetter("sessions"))
    area = chart(page, "Outcomes per day").locator("svg .background").first
    click_in(area, (series.index(day) + 0.5) / len(series), 0.05)
    status = behind(page).get_by_role("status")
    expect(status).to_contain_text(re.compile(f"^{count(day['sessions'])} session"))
    expect(page).to_have_url(re.compile(f"behind=day%3A{day['date']}$"))


def test_a_bar_of_ratings_leads_to_the_sessions_that_were_rated_so(page: Page, demo: Api) -> None:
    at(page, demo, f"/flows/{TOUR.flow_id}?period=90d")
    bar = chart(page, "Ratings by stars").locator("svg .mark-rect path").first
    bar.click()
    flow = ask(demo, f"/analytics/flows/{TOUR.flow_id}?period=90d")["summary"]
    status = behind(page).get_by_role("status")
    wanted = count(flow["csat_distribution"]["rating_5"])
    expect(status).to_contain_text(re.compile(f"^{wanted} session"))


def counted(page: Page, number: int) -> None:
    """The list has as many sessions as the bar that led to it; go back."""
    status = behind(page).get_by_role("status")
    expect(status).to_contain_text(re.compile(f"^{count(number)} session"))
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


@pytest.mark.parametrize("fate", ["went on", "completed here", "left here"])
def test_each_bar_of_the_path_leads_to_its_sessions(page: Page, demo: Api, fate: str) -> None:
    at(page, demo, f"/flows/{TOUR.flow_id}?period=90d")
    steps = ask(demo, f"/analytics/flows/{TOUR.flow_id}?period=90d")["steps"]
    said = [step for step in steps if step["is_current"] or step["visits"]]
    path = chart(page, "The path through the steps")
    numbers: dict[str, Callable[[Any], int]] = {
        "completed here": lambda step: step["completions"],
        "left here": lambda step: step["drop_offs"],
        "went on": lambda step: step["visits"] - step["completions"] - step["drop_offs"],
    }
    place, step = max(enumerate(said), key=lambda each: numbers[fate](each[1]))
    name = f"name: {place + 1}. {step['title']}; fate: {fate}"
    path.locator(f'svg [aria-label*="{name}"]').click()
    assert numbers[fate](step) > 0
    expect(page.get_by_role("dialog")).to_contain_text(step["title"])
    counted(page, numbers[fate](step))
    # And without a mouse.
    path.get_by_role("button", name="Show the numbers").click()
    cell = {"went on": 1, "completed here": 2, "left here": 3}[fate]
    path.locator("tbody tr").nth(place).locator("td").nth(cell).get_by_role("button").click()
    counted(page, numbers[fate](step))


@pytest.mark.parametrize(
    ("figure", "way", "found"),
    [("helpful_yes", "up", "found helpful"), ("helpful_no", "down", "found not helpful")],
)
def test_each_thumb_leads_to_the_sessions_with_that_vote(
    page: Page, demo: Api, figure: str, way: str, found: str
) -> None:
    at(page, demo, f"/flows/{TOUR.flow_id}?period=90d")
    steps = ask(demo, f"/analytics/flows/{TOUR.flow_id}?period=90d")["steps"]
    said = [step for step in steps if step["is_current"] or step["visits"]]
    place, step = max(enumerate(said), key=lambda each: each[1][figure])
    # In the demo nobody votes in another's session: there are as many as votes.
    number = step[figure]
    assert number > 0
    row = page.locator("#steps tbody tr").nth(place)
    thumb = row.get_by_role("button", name=f"{count(number)} {way}", exact=True)
    thumb.click()
    title = behind(page).get_by_role("heading", level=2)
    expect(title).to_have_text(f"Sessions in which “{step['title']}” was {found}")
    counted(page, number)
    # And without a mouse.
    thumb.press("Enter")
    counted(page, number)


def test_a_share_of_votes_leads_to_the_sessions_that_found_it_helpful(
    page: Page, demo: Api
) -> None:
    at(page, demo, f"/flows/{TOUR.flow_id}?period=90d")
    steps = ask(demo, f"/analytics/flows/{TOUR.flow_id}?period=90d")["steps"]
    said = [step for step in steps if step["is_current"] or step["visits"]]
    place, step = max(enumerate(said), key=lambda each: each[1]["helpful_yes"])
    helpful = page.locator("#steps tbody tr").nth(place).locator(".share").last
    helpful.get_by_role("button").click()
    counted(page, step["helpful_yes"])
    path = chart(page, "The path through the steps")
    at_rest(page)
    name = f"name: {place + 1}. {step['title']}"
    path.locator(f'svg .mark-symbol [aria-label*="{name}"]').click()
    expect(page).to_have_url(re.compile("was_helpful"))
    counted(page, step["helpful_yes"])


def test_a_figure_of_none_leads_nowhere(page: Page, small: Small) -> None:
    at(page, small.api, f"/flows/{small.flow_id}?period=7d")
    thumbs = page.locator("#steps .thumbs")
    expect(thumbs.get_by_label("0 down").first).to_be_visible()
    expect(thumbs.get_by_role("button")).to_have_count(0)
    expect(page.locator("#steps .share")).to_contain_text("0 %")
    expect(page.locator("#steps .share button")).to_have_count(0)


def test_each_part_of_the_donut_leads_to_its_sessions(page: Page, demo: Api) -> None:
    at(page, demo, "/me?period=90d", "engineer", TOUR.engineer_id)
    summary = ask(demo, "/analytics/me?period=90d", TOUR.engineer_id, "engineer")["summary"]
    open_sessions = summary["total_sessions"] - summary["completed_sessions"]
    assert open_sessions > 0
    wanted = [summary["outcome_breakdown"][name] for name in OUTCOMES] + [open_sessions]
    arcs = chart(page, "Outcomes").locator("svg .mark-arc")
    before = 0
    for number in wanted:
        # The middle of its part of the ring, clockwise from the top.
        angle = 2 * math.pi * (before + number / 2) / summary["total_sessions"]
        x, y = 0.4 * math.sin(angle), -0.4 * math.cos(angle)
        if number:
            click_in(arcs, 0.5 + x, 0.5 + y)
            counted(page, number)
        before += number


def test_an_area_leads_to_that_outcome_of_that_day(page: Page, demo: Api) -> None:
    at(page, demo, "/?period=7d")
    card = chart(page, "Outcomes per day")
    area = card.locator("svg .background").first
    label = card.locator("svg .role-axis-label text", has_text=re.compile("^[0-9]+$"))
    places: list[float] = label.evaluate_all(
        "(labels) => labels.map((each) => each.getBoundingClientRect().y)"
    )
    whole: float = area.evaluate("(area) => area.getBoundingClientRect().height")
    height = (places[0] - places[-1]) / int(label.last.text_content() or "") / whole
    series = ask(demo, "/analytics/team?period=7d")["time_series"]

    def ends(day: dict[str, Any]) -> list[int]:
        counts = [*(day[name] for name in OUTCOMES), day["sessions"] - day["completed"]]
        return [number for number in counts if number]

    # Those of a weekend are few. The first and the last day are where the areas begin and end.
    day = max(series[1:-1], key=lambda each: len(ends(each)))
    assert len(ends(day)) > 1
    below = 0
    for number in ends(day):
        up = (below + number / 2) * height
        click_in(area, (series.index(day) + 0.5) / len(series), 1 - up)
        expect(page).to_have_url(re.compile(f"day%3A{day['date']}"))
        counted(page, number)
        below += number


def test_shares_in_tables_lead_to_what_they_count(page: Page, demo: Api) -> None:
    at(page, demo, "/?period=90d")
    said = ask(demo, "/analytics/team?period=90d")
    [engineer, *_] = said["top_engineers"]
    page.locator("#top-engineers .share button").first.click()
    counted(page, round(engineer["completion_rate"] * engineer["sessions"]))
    page.locator("#pick-avg_csat").click()
    counted(page, said["summary"]["total_ratings"])
    page.locator("#top-flows .sample-below button").first.click()
    counted(page, said["top_flows"][0]["ratings"])


def test_a_row_leads_to_its_sessions(page: Page, demo: Api) -> None:
    at(page, demo, "/?period=7d")
    [engineer, *_] = ask(demo, "/analytics/team?period=7d")["top_engineers"]
    page.locator("#top-engineers tbody button").first.click()
    dialog = behind(page)
    wanted = re.compile(f"^{count(engineer['sessions'])} session")
    expect(dialog.get_by_role("status")).to_contain_text(wanted)
    expect(dialog.locator("tbody tr")).to_have_count(min(50, engineer["sessions"]))
    names = {row[2] for row in rows(page, "dialog")}
    assert names == {engineer["name"]}


def test_more_of_them_come_when_asked_for(page: Page, demo: Api) -> None:
    at(page, demo, "/?period=90d&behind=")
    dialog = behind(page)
    expect(dialog.locator("tbody tr")).to_have_count(50)
    dialog.get_by_role("button", name="Show more").click()
    expect(dialog.locator("tbody tr")).to_have_count(100)
