"""Who looks at the dashboard: they sign in, and see what is theirs to see."""

import re

import pytest
from conftest import Api
from playwright.sync_api import Page, expect

from browser.dashboard import TOUR, ask, at, loaded, shows
from browser.visits import no_serious_violations


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
