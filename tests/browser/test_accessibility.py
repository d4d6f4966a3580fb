"""The dashboard for all eyes and hands, and without a network."""

import re
from typing import Any

import pytest
from conftest import Api
from playwright.sync_api import Page, Response, expect

from browser.dashboard import TOUR, ask, at, at_rest, behind, chart, count, loaded
from browser.visits import no_serious_violations, sign_in

PATHS = ["/", "/me", f"/flows/{TOUR.flow_id}", "/sign-in"]


def drawn(page: Page, api: Api, path: str) -> None:
    """Sign in, and open a page with its charts; there are none where one signs in."""
    sign_in(page, api.url, api.token("team_admin", TOUR.engineer_id))
    page.goto(api.url + path)
    if path != "/sign-in":
        loaded(page)
        expect(page.locator(".chart svg").first).to_be_visible()
        at_rest(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PATHS)
def test_no_one_is_shut_out(page: Page, demo: Api, path: str, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    drawn(page, demo, path)
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
    drawn(page, demo, path)
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
