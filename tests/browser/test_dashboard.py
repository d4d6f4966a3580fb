"""The dashboard in a real browser: it shows what the API says, to whoever may see it."""

import csv
import json
import logging
import math
import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from conftest import Api, Serve, Upshot
from events import event
from playwright.sync_api import Browser, Locator, Page, Response, Route, expect
from real_input import ACCOUNT, data_folder

from browser.visits import no_serious_violations, sign_in, wait_until
from ingest.demo import demo_tour
from ingest.refresh import refresh
from ingest.settings import Settings

TOUR = demo_tour()
MINUS = "\N{MINUS SIGN}"
OUTCOMES = ("resolved", "workaround", "escalated", "unresolved")
NONE = "\N{EN DASH}"
MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"
REAL_WINDOW = "from=2016-02-01&to=2017-01-31"
SOON = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _no_midnight() -> None:
    """Today is the same day for all of a test: for the page, and for what it is compared with."""
    now = datetime.now(UTC)
    for zone in ("UTC", "America/New_York"):
        if (now + SOON).astimezone(ZoneInfo(zone)).date() != now.astimezone(ZoneInfo(zone)).date():
            time.sleep(SOON.total_seconds())


# --- accounts ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(new_live_settings: Callable[[], Settings], serve_module: Serve, upshot: Upshot) -> Api:
    """The demo's account with the tour."""
    settings = new_live_settings()
    made = upshot("demo", database=settings.database_url, UPSHOT_DEMO_SESSIONS="1500")
    assert made.returncode == 0, made.stderr
    refresh(settings, str(settings.database_url))
    return Api(serve_module(settings), settings, TOUR.account_id)


@pytest.fixture(scope="module")
def real(new_live_settings: Callable[[], Settings], serve_module: Serve, upshot: Upshot) -> Api:
    """The real incident log."""
    settings = new_live_settings()
    file = data_folder({}) / "incidents.ndjson"
    loaded = upshot("load", "--account", str(ACCOUNT), str(file), database=settings.database_url)
    assert loaded.returncode == 0, loaded.stderr
    refresh(settings, str(settings.database_url))
    return Api(serve_module(settings), settings, ACCOUNT)


class Small(NamedTuple):
    """An account with one session of today, rated with markup that spreadsheets would run."""

    api: Api
    user_id: UUID
    flow_id: UUID
    session_id: UUID


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


# --- the figures as they are written -------------------------------------------------------------


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


# --- every page shows what the API says ----------------------------------------------------------


@pytest.mark.parametrize("window", ["period=7d", "period=30d", "period=90d"])
def test_the_team_page_shows_the_figures_of_the_demo(page: Page, demo: Api, window: str) -> None:
    at(page, demo, f"/?{window}")
    of_team(page, ask(demo, f"/analytics/team?{window}"))


def test_the_team_page_shows_the_figures_of_the_real_input(page: Page, real: Api) -> None:
    at(page, real, f"/?{REAL_WINDOW}")
    of_team(page, ask(real, f"/analytics/team?{REAL_WINDOW}"))


def of_team(page: Page, said: dict[str, Any]) -> None:
    summary = said["summary"]
    assert summary["total_sessions"] > 10
    shows(page, summary)
    expect(figure(page, "active_engineers")).to_have_text(count(summary["active_engineers"]))
    flows = [
        [row["name"], count(row["sessions"]), row["completion_rate"], row["avg_duration_minutes"]]
        for row in said["top_flows"]
    ]
    seen = rows(page, "#top-flows")
    assert [[row[0], row[1]] for row in seen] == [flow[:2] for flow in flows]
    assert [row[3] for row in seen] == [minutes(flow[3]) for flow in flows]
    for row, flow in zip(seen, flows, strict=True):
        assert row[2].startswith(percent(flow[2]))
    engineers = [[row["name"], count(row["sessions"])] for row in said["top_engineers"]]
    assert [row[:2] for row in rows(page, "#top-engineers")] == engineers
    days = [
        [
            day["date"],
            *(count(day[name]) for name in ("sessions", *OUTCOMES)),
            count(day["sessions"] - day["completed"]),
            count(day["completed"] - sum(day[name] for name in OUTCOMES)),
        ]
        for day in said["time_series"]
    ]
    seen_days = charted(page, "Outcomes per day")
    assert [[row[0].removesuffix(" (so far)"), *row[1:]] for row in seen_days] == days
    if not summary["total_ratings"]:
        expect(chart(page, "CSAT over time")).to_contain_text("No ratings in these days")
        return
    assert charted(page, "CSAT over time") == [
        [day["date"], tenths(day["avg_csat"]), count(day["ratings"])] for day in said["time_series"]
    ]
    distribution = summary["csat_distribution"]
    assert [row[:2] for row in charted(page, "Ratings by stars")] == [
        [str(stars), count(distribution[f"rating_{stars}"])] for stars in (5, 4, 3, 2, 1)
    ]


def test_my_page_shows_my_figures(page: Page, demo: Api) -> None:
    of_me(page, demo, TOUR.engineer_id, "period=90d")


def test_my_page_shows_my_figures_of_the_real_input(page: Page, real: Api) -> None:
    [engineer, *_] = ask(real, f"/analytics/team?{REAL_WINDOW}")["top_engineers"]
    of_me(page, real, UUID(engineer["user_id"]), REAL_WINDOW)


def of_me(page: Page, api: Api, user_id: UUID, window: str) -> None:
    at(page, api, f"/me?{window}", "engineer", user_id)
    said = ask(api, f"/analytics/me?{window}", user_id, "engineer")
    assert said["summary"]["total_sessions"] > 10
    shows(page, said["summary"])
    assert [row[:2] for row in rows(page, "#top-flows")] == [
        [row["name"], count(row["sessions"])] for row in said["top_flows"]
    ]
    seen = charted(page, "Sessions per day")
    assert [[row[0].removesuffix(" (so far)"), *row[1:]] for row in seen] == [
        [day["date"], count(day["sessions"]), count(day["completed"])]
        for day in said["time_series"]
    ]
    outcomes = said["summary"]["outcome_breakdown"]
    assert [row[:2] for row in charted(page, "Outcomes")][:4] == [
        [name, count(outcomes[name])] for name in OUTCOMES
    ]


@pytest.mark.parametrize("who", ["team_admin", "engineer"])
def test_a_flow_s_page_shows_its_figures_and_comments(page: Page, demo: Api, who: str) -> None:
    user = TOUR.engineer_id if who == "engineer" else TOUR.admin_id
    at(page, demo, f"/flows/{TOUR.flow_id}?period=90d", who, user)
    said = ask(demo, f"/analytics/flows/{TOUR.flow_id}?period=90d", user, who)
    shows(page, said["summary"])
    expect(page.get_by_role("heading", level=1)).to_have_text(said["name"])
    of_steps(page, said)
    comments = ask(demo, f"/comments?flow_id={TOUR.flow_id}&limit=20", user, who)["comments"]
    assert page.locator(".said .text").all_inner_texts() == [row["comment"] for row in comments]
    names = [row["user_name"] or "Somebody" for row in comments]
    told = page.locator(".said .muted").all_inner_texts()
    assert [text.partition(",")[0] for text in told] == names


def test_a_flow_of_the_real_input_shows_its_figures(page: Page, real: Api) -> None:
    [flow, *_] = ask(real, f"/analytics/team?{REAL_WINDOW}")["top_flows"]
    at(page, real, f"/flows/{flow['tree_id']}?{REAL_WINDOW}")
    said = ask(real, f"/analytics/flows/{flow['tree_id']}?{REAL_WINDOW}")
    shows(page, said["summary"])
    of_steps(page, said)


def of_steps(page: Page, said: dict[str, Any]) -> None:
    steps = [step for step in said["steps"] if step["is_current"] or step["visits"]]
    seen = rows(page, "#steps")
    assert [row[1] for row in seen] == [count(step["visits"]) for step in steps]
    for place, (row, step) in enumerate(zip(seen, steps, strict=True)):
        assert row[0].startswith(f"{place + 1}. {step['title']}")
        assert row[2].startswith(percent(step["drop_off"]))
        assert row[3].split() == ["▲", count(step["helpful_yes"]), "▼", count(step["helpful_no"])]
        assert row[4].startswith(percent(step["helpful_rate"]))
    path = charted(page, "The path through the steps")
    assert [row[1:5] for row in path] == [
        [
            count(step["visits"]),
            count(step["visits"] - step["completions"] - step["drop_offs"]),
            count(step["completions"]),
            count(step["drop_offs"]),
        ]
        for step in steps
    ]


def test_each_figure_shows_its_change_to_the_window_before(page: Page, demo: Api) -> None:
    at(page, demo, "/?period=30d")
    previous = ask(demo, "/analytics/team?period=30d&previous=true")["previous"]
    change = previous["change"]
    size = int(change["total_sessions"])
    sign = "+" if size > 0 else MINUS if size < 0 else "\N{PLUS-MINUS SIGN}"
    wanted = f"{sign}{count(abs(size))} from"
    expect(page.locator("#tile-total_sessions .change")).to_contain_text(wanted)


def test_each_figure_says_what_it_means(page: Page, demo: Api) -> None:
    at(page, demo, "/")
    meanings = {each["name"]: each["description"] for each in ask(demo, "/figures")["figures"]}
    for name in ("total_sessions", "completion_rate", "avg_csat", "active_engineers"):
        page.locator(f"#tile-{name} .help").click()
        expect(page.locator(f"#meaning-{name}")).to_have_text(meanings[name])
        expect(page.locator(f"#meaning-{name}")).to_be_visible()
        page.keyboard.press("Escape")


def test_it_says_of_when_and_where_the_figures_are(page: Page, demo: Api) -> None:
    at(page, demo, "/?period=7d")
    freshness = page.locator(".freshness")
    expect(freshness).to_contain_text("America/New York")
    expect(freshness).to_contain_text("today is not over")
    moment = datetime.fromisoformat(str(freshness.locator("time").get_attribute("datetime")))
    assert abs(datetime.now(UTC) - moment) < timedelta(minutes=5)
    expect(chart(page, "Outcomes per day").get_by_text("today so far")).to_be_visible()


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Kiritimati"])
def test_days_are_the_accounts_wherever_one_looks_from(
    browser: Browser, demo: Api, zone: str
) -> None:
    series = ask(demo, "/analytics/team?period=7d")["time_series"]
    # A day without a rating is none of that chart's.
    rated = [each for each in series if each["ratings"]]
    first = {"Outcomes per day": series[0]["date"], "CSAT over time": rated[0]["date"]}
    with browser.new_context(timezone_id=zone) as context:
        page = context.new_page()
        at(page, demo, "/?period=7d")
        for title, date in first.items():
            day = datetime.fromisoformat(date)
            drawn = chart(page, title).locator("svg").first
            expect(drawn).to_contain_text(f"{day:%b %-d}")
            expect(drawn).not_to_contain_text(f"{day - timedelta(days=1):%b %-d}")


# --- the address holds what is shown -------------------------------------------------------------


def test_a_view_can_be_shared_and_gone_back_to(page: Page, demo: Api, browser: Browser) -> None:
    at(page, demo, "/")
    page.get_by_role("button", name="90 days").click()
    page.get_by_label("Engineer", exact=True).select_option(str(TOUR.engineer_id))
    expect(page).to_have_url(re.compile(f"period=90d.*engineer_id={TOUR.engineer_id}"))
    said = ask(demo, f"/analytics/team?period=90d&engineer_id={TOUR.engineer_id}")["summary"]
    shows(page, said)
    with browser.new_context() as other:
        shared = other.new_page()
        at(shared, demo, page.url.removeprefix(demo.url))
        shows(shared, said)
        expect(shared.get_by_label("Engineer", exact=True)).to_have_value(str(TOUR.engineer_id))
    page.go_back()
    shows(page, ask(demo, "/analytics/team?period=90d")["summary"])
    page.go_back()
    shows(page, ask(demo, "/analytics/team?period=30d")["summary"])
    expect(page.get_by_role("button", name="30 days")).to_have_attribute("aria-pressed", "true")


def test_any_days_can_be_chosen(page: Page, demo: Api) -> None:
    at(page, demo, "/")
    today = datetime.now(UTC).date()
    first, last = (today - timedelta(days=n) for n in (20, 10))
    page.get_by_label("From", exact=True).fill(first.isoformat())
    page.get_by_label("to", exact=True).fill(last.isoformat())
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page).to_have_url(re.compile(f"from={first}&to={last}"))
    shows(page, ask(demo, f"/analytics/team?from={first}&to={last}")["summary"])
    page.reload()
    loaded(page)
    expect(page.get_by_label("From", exact=True)).to_have_value(first.isoformat())


def test_other_pages_keep_the_days(page: Page, demo: Api) -> None:
    at(page, demo, "/?period=7d")
    page.locator("#top-flows tbody a").first.click()
    loaded(page)
    expect(page).to_have_url(re.compile("/flows/.*period=7d"))


# --- what is behind a figure ---------------------------------------------------------------------


def behind(page: Page) -> Locator:
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("status")).to_be_visible()
    return dialog


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


# --- files ---------------------------------------------------------------------------------------


def saved(page: Page, button: Locator) -> Path:
    with page.expect_download() as download:
        button.click()
    path = download.value.path()
    return path.rename(path.with_name(f"{uuid4()}-{download.value.suggested_filename}"))


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


# --- who looks -----------------------------------------------------------------------------------


def test_an_engineer_is_sent_to_their_own_page_and_told_why(page: Page, demo: Api) -> None:
    at(page, demo, "/?period=7d", "engineer", TOUR.engineer_id)
    expect(page).to_have_url(re.compile("/me[?]period=7d"))
    expect(page.get_by_role("note")).to_contain_text("for team admins")
    own = ask(demo, "/analytics/me?period=7d", TOUR.engineer_id, "engineer")
    shows(page, own["summary"])
    expect(page.get_by_role("link", name="Team")).to_have_count(0)


@pytest.mark.parametrize(
    ("button", "path"), [("A team lead", "/"), ("An engineer", "/me")], ids=["lead", "engineer"]
)
def test_the_demo_signs_in_with_one_click(
    page: Page, demo: Api, expected_errors: list[str], button: str, path: str
) -> None:
    expected_errors.append("401")
    page.goto(demo.url + "/?period=7d")
    expect(page).to_have_url(re.compile("/sign-in[?]then="))
    page.goto(demo.url + "/sign-in")
    page.get_by_role("button", name=button).click()
    page.wait_for_url(demo.url + path)
    loaded(page)
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(demo.url + "/sign-in")
    page.goto(demo.url + "/me")
    page.wait_for_url("**/sign-in?then=%2Fme")


def test_whoever_has_signed_in_is_where_they_wanted_to_be(
    page: Page, demo: Api, expected_errors: list[str]
) -> None:
    expected_errors.append("401")
    wanted = f"/flows/{TOUR.flow_id}?period=7d"
    page.goto(demo.url + wanted)
    page.get_by_role("button", name="An engineer").click()
    page.wait_for_url(demo.url + wanted)
    loaded(page)


def test_nobody_is_led_to_another_site(page: Page, demo: Api) -> None:
    for then in ("https://evil.example/", "//evil.example", "javascript:alert(1)"):
        page.goto(f"{demo.url}/sign-in?then={then}")
        page.get_by_role("button", name="An engineer").click()
        page.wait_for_url(demo.url + "/me")


def test_a_token_in_the_fragment_signs_in_and_goes_out_of_the_address(
    page: Page, demo: Api, expected_errors: list[str]
) -> None:
    # Who was there before? Nobody.
    expected_errors.append("401")
    token = demo.token("team_admin")
    page.goto(f"{demo.url}/?period=7d#token={token}")
    loaded(page)
    expect(page).to_have_url(f"{demo.url}/?period=7d")
    page.reload()
    loaded(page)
    kept = page.evaluate(
        "() => document.cookie + JSON.stringify([{...localStorage}, {...sessionStorage}])"
    )
    assert token not in kept
    page.goto(f"{demo.url}/sign-in#token={token}")
    page.wait_for_url(f"{demo.url}/")


def test_a_link_for_somebody_else_asks_first(page: Page, demo: Api) -> None:
    name = ask(demo, "/me", TOUR.engineer_id, "engineer")["user_name"]
    at(page, demo, "/?period=7d", user=TOUR.admin_id)
    admin = ask(demo, "/me", TOUR.admin_id)["user_name"]
    link = f"{demo.url}/me?period=7d#token={demo.token('engineer', TOUR.engineer_id)}"
    page.goto(link)
    question = page.get_by_role("dialog")
    expect(question).to_contain_text(re.compile(f"signed in as {admin}[.] Continue as {name}[?]"))
    expect(question.get_by_role("button", name=f"Stay {admin}")).to_be_focused()
    expect(page).not_to_have_url(re.compile("token"))
    no_serious_violations(page)
    page.keyboard.press("Enter")
    loaded(page)
    expect(page.locator(".who")).to_have_text(admin)
    for key in ("Escape", "Tab"):
        page.goto("about:blank")
        page.goto(link)
        expect(question).to_be_visible()
        page.keyboard.press(key)
        if key == "Tab":
            page.keyboard.press("Enter")
        loaded(page)
        expect(page.locator(".who")).to_have_text(name if key == "Tab" else admin)
    # A new token of the same person is none to ask about, and a bad one signs nobody out.
    page.goto("about:blank")
    page.goto(link)
    loaded(page)
    expect(question).to_have_count(0)


def test_an_old_link_signs_nobody_out(page: Page, demo: Api, expected_errors: list[str]) -> None:
    expected_errors.append("401")
    at(page, demo, "/me?period=7d", user=TOUR.admin_id)
    admin = ask(demo, "/me", TOUR.admin_id)["user_name"]
    page.goto("about:blank")
    page.goto(f"{demo.url}/me#token=eyJ.nonsense.x")
    loaded(page)
    expect(page.locator(".who")).to_have_text(admin)


# --- looking again -------------------------------------------------------------------------------


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


# --- small, empty, broken ------------------------------------------------------------------------


def test_a_share_of_few_is_shown_with_what_it_may_be(page: Page, small: Small) -> None:
    at(page, small.api, "/?period=7d")
    tile = page.locator("#tile-completion_rate")
    expect(tile).to_contain_text("100 %")
    expect(tile).to_contain_text(f"only of 1 session · likely 20.7{NONE}100 %")
    expect(tile).to_have_class(re.compile("is-few"))
    for table in ("#top-flows", "#top-engineers"):
        expect(page.locator(f"{table} .share")).to_contain_text("only 1")


def test_small_samples_look_small_in_charts_too(page: Page, small: Small) -> None:
    at(page, small.api, f"/flows/{small.flow_id}?period=7d")
    likely = f"100 % of 1, likely 20.7{NONE}100 %"
    stars = chart(page, "Ratings by stars")
    expect(stars.locator("svg")).to_contain_text("1 of only 1")
    stars.locator("svg .mark-rect path").first.hover()
    expect(page.locator("#vg-tooltip-element")).to_contain_text(likely)
    for title in ("Ratings by stars", "The path through the steps"):
        card = chart(page, title)
        card.get_by_role("button", name="Show the numbers").click()
        share = card.locator("tbody .share").first
        expect(share).to_contain_text(f"only 1 · 20.7{NONE}100 %" if "star" in title else "only 1")
        expect(share).to_have_class(re.compile("is-few"))
        file = saved(page, card.get_by_role("button", name="as CSV"))
        with file.open(newline="") as text:
            first = next(csv.DictReader(text))
        name = "share" if "star" in title else "drop_off"
        assert {f"{name}_low", f"{name}_high"} < first.keys()
        assert first[f"{name}_of"] == "1"


def test_intervals_of_the_page_are_those_of_the_api(page: Page, demo: Api) -> None:
    at(page, demo, "/")
    rows = ask(demo, "/analytics/team?period=90d&top=1000")
    rates = [*rows["top_flows"], *rows["top_engineers"]]
    shares = [[round(row["completion_rate"] * row["sessions"]), row["sessions"]] for row in rates]
    found = page.evaluate(
        """async (shares) => {
            const script = document.querySelector("script[type=module]").src;
            const { likely } = await import(script.replace("team.js", "tiles.js"));
            return shares.map((share) => likely(...share));
        }""",
        shares,
    )
    for row, interval in zip(rates, found, strict=True):
        said = row["completion_rate_interval"]
        assert {name: pytest.approx(said[name], abs=0.0006) for name in said} == interval


def test_texts_are_texts_whatever_they_look_like(page: Page, small: Small) -> None:
    page.on("dialog", lambda dialog: pytest.fail(f"it was run: {dialog.message}"))
    for path in ("/", "/me", f"/flows/{small.flow_id}"):
        at(page, small.api, f"{path}?period=7d&behind=", user=small.user_id)
        expect(behind(page)).to_contain_text(MARKUP)
        page.keyboard.press("Escape")
        expect(page.locator(".account")).to_have_text(MARKUP)
        assert page.locator("img, main script").count() == 0
    expect(page.locator(".said .text")).to_have_text(f"={MARKUP}")
    expect(page.locator("#steps tbody th")).to_contain_text(MARKUP)
    page.goto(small.api.url + f"/flows/{small.flow_id}?period=7d")
    drawn = chart(page, "The path through the steps").locator("svg")
    expect(drawn.first).to_contain_text("<img")


def test_a_spreadsheet_runs_nothing(page: Page, small: Small) -> None:
    at(page, small.api, f"/flows/{small.flow_id}?period=7d")
    file = saved(page, page.locator("#comments").get_by_role("button", name="CSV"))
    with file.open(newline="") as text:
        [row] = csv.DictReader(text)
    assert row["comment"] == f"'={MARKUP}"
    assert row["user_name"] == f"'={MARKUP}"


def test_a_rating_shows_by_itself(page: Page, demo: Api) -> None:
    at(page, demo, "/me?period=90d", "engineer", TOUR.engineer_id)
    before = ask(demo, "/analytics/me?period=90d", TOUR.engineer_id, "engineer")["summary"]
    sample = page.locator("#tile-avg_csat .sample")
    expect(sample).to_contain_text(f"of {count(before['total_ratings'])} ratings")
    rated = demo(
        "POST", f"/sessions/{TOUR.session_id}/rate", {"rating": 5}, user_id=TOUR.engineer_id
    )
    assert rated.status_code == 201
    expect(sample).to_contain_text(f"of {count(before['total_ratings'] + 1)} ratings")


def test_new_figures_leave_what_is_being_written(page: Page, small: Small) -> None:
    at(page, small.api, f"/flows/{small.flow_id}?period=7d")
    page.locator("#q").press_sequentially("half a wo")
    ids = {"session_id": uuid4(), "flow_id": small.flow_id, "user_id": small.user_id}
    started = event("session.started", **ids) | {"occurred_at": datetime.now(UTC).isoformat()}
    assert small.api.post_events([started]).status_code == 200
    page.wait_for_timeout(12_000)
    expect(page.locator("#q")).to_have_value("half a wo")
    expect(figure(page, "total_sessions")).to_have_text("1")
    page.locator("h1").click()
    expect(figure(page, "total_sessions")).to_have_text("2")


@pytest.mark.parametrize("path", ["/", "/me"])
def test_an_empty_account_is_told_what_to_do(page: Page, shared_live_api: Api, path: str) -> None:
    at(page, shared_live_api.of(uuid4()), path)
    expect(figure(page, "total_sessions")).to_have_text("0")
    expect(figure(page, "completion_rate")).to_have_text(NONE)
    expect(page.locator(".chart .empty").first).to_contain_text("Choose more days")
    expect(page.locator(".freshness")).to_contain_text("Nothing has been received")


def test_an_unknown_flow_is_told(page: Page, demo: Api, expected_errors: list[str]) -> None:
    expected_errors.append("404")
    at(page, demo, f"/flows/{uuid4()}")
    expect(page.get_by_role("alert")).to_contain_text("There is no such flow")


def test_days_that_mean_nothing_are_told(page: Page, demo: Api, expected_errors: list[str]) -> None:
    expected_errors.append("422")
    at(page, demo, "/?from=2026-03-02&to=2026-03-01")
    expect(page.get_by_role("alert")).to_contain_text("ends before it begins")


def test_figures_stay_while_the_service_is_away(
    page: Page, demo: Api, expected_errors: list[str]
) -> None:
    expected_errors += ["net::ERR_", "Failed to fetch"]
    at(page, demo, "/me?period=7d", "engineer", TOUR.engineer_id)
    seen = figure(page, "total_sessions").inner_text()
    page.context.set_offline(True)
    expect(page.locator(".freshness")).to_contain_text("the last known", timeout=90_000)
    expect(figure(page, "total_sessions")).to_have_text(seen)
    page.context.set_offline(False)
    expect(page.locator(".freshness")).to_contain_text("as of", timeout=90_000)


# --- for all eyes and hands ----------------------------------------------------------------------

PATHS = ["/", "/me", f"/flows/{TOUR.flow_id}", "/sign-in"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PATHS)
def test_no_one_is_shut_out(page: Page, demo: Api, path: str, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    sign_in(page, demo.url, demo.token("team_admin", TOUR.engineer_id))
    page.goto(demo.url + path)
    if path != "/sign-in":
        loaded(page)
        expect(page.locator(".chart svg").first).to_be_visible()
        at_rest(page)
    no_serious_violations(page)
    if path != "/sign-in":
        page.locator("#pick-total_sessions").click()
        behind(page)
        # What is loading is paler.
        loaded(page)
        no_serious_violations(page)


@pytest.mark.parametrize("path", PATHS)
def test_a_phone_shows_all_of_it(page: Page, demo: Api, path: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    sign_in(page, demo.url, demo.token("team_admin", TOUR.engineer_id))
    page.goto(demo.url + path)
    if path != "/sign-in":
        loaded(page)
        expect(page.locator(".chart svg").first).to_be_visible()
        at_rest(page)
    width = page.evaluate("() => document.documentElement.scrollWidth")
    assert width <= 360
    no_serious_violations(page)


def test_light_and_dark_can_be_chosen_and_stay(page: Page, demo: Api) -> None:
    at(page, demo, "/")
    colour = "() => getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.get_by_role("button", name="Light or dark").click()
    expect(page.locator("body")).not_to_have_css("background-color", light)
    dark = page.evaluate(colour)
    page.reload()
    loaded(page)
    expect(page.locator("body")).to_have_css("background-color", dark)
    with page.expect_download() as download:
        chart(page, "Outcomes per day").get_by_role("button", name="as SVG").click()
    assert "light-dark" not in download.value.path().read_text()


def test_a_keyboard_reaches_the_sessions_of_a_day(page: Page, demo: Api) -> None:
    at(page, demo, "/?period=7d")
    chart(page, "Outcomes per day").get_by_role("button", name="Show the numbers").focus()
    page.keyboard.press("Enter")
    first = page.locator("section[aria-label='Outcomes per day'] tbody button").first
    first.focus()
    page.keyboard.press("Enter")
    day = ask(demo, "/analytics/team?period=7d")["time_series"][0]
    expect(behind(page).get_by_role("status")).to_contain_text(
        re.compile(f"^{count(day['sessions'])} session")
    )
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("Tab")


def test_nothing_comes_from_another_site(page: Page, demo: Api) -> None:
    asked: list[str] = []
    page.on("response", lambda answer: asked.append(of(answer)))
    at(page, demo, "/")
    expect(page.locator(".chart svg").first).to_be_visible()
    assert {*asked} == {demo.url}


def of(answer: Response) -> str:
    return "/".join(answer.url.split("/")[:3])
