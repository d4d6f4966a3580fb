"""The dashboard where there is little to show, nothing, markup, or nobody who answers."""

import csv
import re
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from conftest import Api
from events import event
from playwright.sync_api import Page, expect

from browser.dashboard import (
    MARKUP,
    NONE,
    TOUR,
    Small,
    ask,
    at,
    behind,
    chart,
    count,
    figure,
    saved,
)


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
