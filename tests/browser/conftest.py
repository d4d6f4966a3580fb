"""A real browser, whose console is listened to."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

FLAGS = (
    # Nothing but what the tests ask for, neither asked for by the browser nor of it.
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--no-first-run", "--disable-quic"),
    # The tests may run as root, in a container.
    "--no-sandbox",
)
INSTALLED = ("chromium", "chromium-browser", "google-chrome")


def installed_browser() -> str | None:
    """Return where the machine's Chromium is; without, Playwright has its own."""
    return next(filter(None, map(shutil.which, INSTALLED)), None)


# Not for the whole session: while Playwright runs, no test can run an event loop of its own.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The machine's Chromium, else the one that `playwright install chromium` brings."""
    # On a machine that is busy with other tests a second can be short.
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed_browser(), args=[*FLAGS])
        yield browser
        browser.close()


@pytest.fixture
def expected_errors() -> list[str]:
    """What the console may say in this test: a test adds a part of each error it provokes."""
    return []


@pytest.fixture
def context(browser: Browser, expected_errors: list[str]) -> Iterator[BrowserContext]:
    """A browser of this test's own. An error in the console of any page fails the test.

    Errors that nobody caught and what the Content-Security-Policy forbids are among them.
    """
    said: list[str] = []
    with browser.new_context() as context:
        context.on(
            "console",
            lambda message: (
                said.append(f"{message.text} ({message.location['url']})")
                if message.type == "error"
                else None
            ),
        )
        context.on("weberror", lambda problem: said.append(str(problem.error)))
        yield context
    unexpected = [line for line in said if not any(part in line for part in expected_errors)]
    assert unexpected == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A tab; `context.new_page()` opens others."""
    return context.new_page()
