"""Take the README's pictures of the dashboard anew, on the demo: `make screenshots`."""

import asyncio
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn
from playwright.sync_api import Browser, expect, sync_playwright

from browser.chromium import FLAGS, installed_browser
from browser.visits import sign_in
from ingest.app import create_app
from ingest.auth import Identity, Role, issue_token
from ingest.console import Console
from ingest.dbt_runs import run_dbt
from ingest.demo import demo_tour
from ingest.demo_making import make_demo
from ingest.embedded import database_url
from ingest.settings import Settings, read_settings
from ingest.store.migrate import migrate

FOLDER = Path(__file__).parents[2] / "docs" / "images"
SESSIONS = 12_000
TOUR = demo_tour()


class Picture(NamedTuple):
    name: str
    path: str
    role: Role = "team_admin"
    scheme: Any = "light"
    width: int = 1280
    height: int = 1000


PICTURES = [
    Picture("team", "/?period=30d"),
    Picture("flow", f"/flows/{TOUR.flow_id}?period=30d"),
    Picture("my-work", "/me?period=30d", role="engineer", scheme="dark", height=900),
    Picture("behind", "/?period=30d&behind=outcome:escalated", height=760),
    Picture("phone", "/?period=30d", width=390, height=844),
    Picture("widgets", "/example", role="engineer", height=900),
]


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="upshot-pictures-") as home,
        serving(read_settings({"UPSHOT_HOME": home})) as (url, settings),
        sync_playwright() as playwright,
    ):
        expect.set_options(timeout=30_000)
        browser = playwright.chromium.launch(executable_path=installed_browser(), args=[*FLAGS])
        for picture in PICTURES:
            take(browser, url, settings, picture)
        browser.close()


@contextmanager
def serving(settings: Settings) -> Iterator[tuple[str, Settings]]:
    """Serve the demo, refreshed."""
    warnings.simplefilter("ignore")
    with database_url(settings) as url:
        migrate(url)
        make_demo(settings, url, Console(), sessions=SESSIONS)
        run_dbt(settings, url, ["run"])
        server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_level="warning"))
        thread = threading.Thread(target=asyncio.run, args=[server.serve()])
        thread.start()
        while not server.started:
            thread.join(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}", settings
        finally:
            server.should_exit = True
            thread.join()


def take(browser: Browser, url: str, settings: Settings, picture: Picture) -> None:
    user_id = TOUR.engineer_id if picture.role == "engineer" else TOUR.admin_id
    who = Identity(user_id=user_id, account_id=TOUR.account_id, role=picture.role)
    with browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme=picture.scheme,
        reduced_motion="reduce",
    ) as context:
        page = context.new_page()
        sign_in(page, url, issue_token(settings, who, timedelta(hours=1)))
        page.goto(url + picture.path)
        if picture.path == "/example":
            page.get_by_role("button", name="Start a session").click()
            page.locator("upshot-thumbs").first.get_by_role("button").first.click()
            page.get_by_role("button", name="It is solved").click()
            page.locator("upshot-rating").scroll_into_view_if_needed()
        else:
            expect(page.locator("#content")).to_have_attribute("aria-busy", "false")
            expect(page.locator(".chart svg").first).to_be_visible()
        page.wait_for_timeout(1_500)
        page.screenshot(path=FOLDER / f"{picture.name}.png")


if __name__ == "__main__":
    main()
