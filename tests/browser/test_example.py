"""The example page, on the demo and in production."""

import re
from typing import Any

import pytest
from conftest import Api, Serve, with_changes
from events import event
from playwright.sync_api import Page, expect

from browser.visits import no_serious_violations
from ingest.demo import demo_tour

TOUR = demo_tour()


@pytest.fixture
def one_flow(shared_live_api: Api) -> Api:
    """An API whose demo account has one flow, in which its engineer had a session today."""
    api = shared_live_api.of(TOUR.account_id)
    steps = [
        {"step_id": "check-cable", "title": "Check the <b>cable</b>", "position": 0},
        {"step_id": "restart", "title": "Restart it", "position": 1},
    ]
    who = event("user.upserted", user_id=TOUR.engineer_id, name="Dana", role="engineer")
    flow = event("flow.upserted", flow_id=TOUR.flow_id, name="Router & co", steps=steps)
    assert api.post_events([who, flow]).status_code == 200
    answer = api("POST", "/sessions", {"flow_id": str(TOUR.flow_id)}, user_id=TOUR.engineer_id)
    assert answer.status_code == 201
    return api


def own_figures(api: Api) -> Any:
    answer = api("GET", "/analytics/me", user_id=TOUR.engineer_id)
    return answer.json()["summary"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_engineer_of_the_demo_walks_through_a_session(
    page: Page, one_flow: Api, scheme: Any
) -> None:
    before = own_figures(one_flow)
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{one_flow.url}/example")
    page.get_by_role("button", name="Start a session").click()
    expect(page.get_by_role("heading", name="Router & co")).to_be_visible()
    expect(page.locator("#steps li").first).to_contain_text("Check the <b>cable</b>")
    expect(page.locator("upshot-rating")).to_be_hidden()
    page.get_by_role("button", name="It helped", exact=True).first.click()
    heard = page.locator("#heard li")
    expect(heard).to_have_text([re.compile("upshot-voted"), re.compile("upshot-delivered")])
    page.get_by_role("button", name="complete the session").click()
    page.get_by_role("radio", name="5 of 5 stars").check()
    page.get_by_label("as five variables say").check()
    no_serious_violations(page)
    page.get_by_role("button", name="Send").click()
    expect(heard).to_have_count(4)
    expect(heard.last).to_contain_text("upshot-delivered")
    after = own_figures(one_flow)
    assert after["total_sessions"] == before["total_sessions"] + 1
    assert after["completed_sessions"] == before["completed_sessions"] + 1
    assert after["csat_distribution"]["rating_5"] == before["csat_distribution"]["rating_5"] + 1
    page.reload()
    expect(page.get_by_role("button", name="It helped", exact=True).first).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(page.locator("upshot-rating")).to_be_hidden()


def test_in_production_it_says_what_to_do(
    page: Page, shared_live_api: Api, serve: Serve, expected_errors: list[str]
) -> None:
    expected_errors.append("404 (Not Found)")
    url = serve(with_changes(shared_live_api.settings, production=True))
    page.goto(f"{url}/example")
    expect(page.get_by_text("make up")).to_be_visible()
    expect(page.get_by_role("button", name="Start a session")).to_be_hidden()
    no_serious_violations(page)


def test_the_guide_and_the_page_show_the_same_theme(page: Page, one_flow: Api) -> None:
    """What the page shows as text is what its style has."""
    page.goto(f"{one_flow.url}/example")
    shown = page.locator("pre", has_text="--upshot-accent").inner_text()
    style = page.evaluate(
        "(async () => (await fetch([...document.styleSheets].at(-1).href)).text())()"
    )
    assert shown.strip() in style
