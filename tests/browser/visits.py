"""What tests do with pages: sign in, and look for who could not use them."""

import time

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SERIOUS = ("serious", "critical")


def sign_in(page: Page, url: str, token: str) -> None:
    """Have the pages of the API at that URL read with the token from now on."""
    page.goto(f"{url}/sign-in")
    status = page.evaluate(
        """async (token) => {
            const headers = { Authorization: `Bearer ${token}` };
            return (await fetch("/sign-in/token", { method: "POST", headers })).status;
        }""",
        token,
    )
    assert status == 204


def no_serious_violations(page: Page) -> None:
    """Have axe look at the page as it is now, shadow roots included."""
    found = Axe().run(page).response["violations"]
    serious = [
        (each["id"], [(node["target"], node["failureSummary"]) for node in each["nodes"]])
        for each in found
        if each["impact"] in SERIOUS
    ]
    assert serious == [], serious


def wait_until(page: Page, expression: str, arg: object = None) -> None:
    """Wait until it is true; Playwright's own way is an `eval`, which the pages do not allow."""
    deadline = time.monotonic() + 30
    while not page.evaluate(expression, arg):
        assert time.monotonic() < deadline, f"It did not come true: {expression}"
        page.wait_for_timeout(20)
