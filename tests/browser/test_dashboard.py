"""The dashboard in a real browser: pages show what the API says, for the days of the address."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from conftest import Api
from playwright.sync_api import Browser, Page, expect

from browser.dashboard import (
    MINUS,
    OUTCOMES,
    REAL_WINDOW,
    TOUR,
    ask,
    at,
    chart,
    charted,
    count,
    figure,
    loaded,
    minutes,
    percent,
    rows,
    shows,
    tenths,
)

# --- every page shows what the API says ---------------------------------------------------------


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


# --- the address holds what is shown ------------------------------------------------------------


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
