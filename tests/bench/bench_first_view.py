"""How soon a page of the dashboard is there for somebody who has never been, and what it takes.

    UPSHOT_BENCH_SESSIONS=1000000 .venv/bin/python tests/bench/bench_first_view.py

Each view has a browser's context of its own, without any cache, on the largest account. Beside it
stands the page that signs in, which has no figures: what browser, network and server take anyway.
"""

import os
import statistics
import time
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import uuid4

from apis import serve
from browser.chromium import FLAGS, installed_browser
from built import Built, built, sizes
from history import LARGEST
from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.table import Table

from ingest.auth import Identity, issue_token
from ingest.settings import read_settings

SIZES = sizes("1000000")
VIEWS = int(os.environ.get("UPSHOT_BENCH_VIEWS", "15"))
PAGES = {"team 30d": "/?period=30d", "team 90d": "/?period=90d", "signing in": "/sign-in"}
CHARTS = 3
"""On the team's page."""
MOST_SECONDS = 60
"""For a page."""


class View(NamedTuple):
    """Milliseconds since the address was asked for, and bytes that came over the wire."""

    figures: float
    charts: float
    bytes: int
    requests: int


def main() -> None:
    console = Console()
    for sessions in SIZES:
        with built(sessions, console) as history:
            measure(history, console)


def measure(history: Built, console: Console) -> None:
    home = str(history.folder / "home")
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=installed_browser(), args=[*FLAGS]) as browser,
        serve("create_app", url=history.url, home=home) as (port, _),
    ):
        settings = read_settings({"UPSHOT_HOME": home})
        who = Identity(user_id=uuid4(), account_id=LARGEST.account_id, role="team_admin")
        token = issue_token(settings, who, timedelta(hours=1))
        views = {
            name: [view(browser, f"http://127.0.0.1:{port}", path, token) for _ in range(VIEWS)]
            for name, path in PAGES.items()
        }
    show(views, history.sessions, console)


def view(browser: Browser, url: str, path: str, token: str) -> View:
    with browser.new_context() as context:
        page = context.new_page()
        wire = context.new_cdp_session(page)
        wire.send("Network.enable")
        lengths: list[float] = []
        wire.on("Network.loadingFinished", lambda each: lengths.append(each["encodedDataLength"]))
        if path == "/sign-in":
            page.goto(url + path)
            loaded = page.evaluate("() => performance.timing.loadEventEnd - performance.timeOrigin")
            return View(loaded, loaded, int(sum(lengths)), len(lengths))
        # The cookie is there as it is for whoever has signed in; the browser has nothing else.
        context.add_cookies([{"name": "upshot_token", "value": token, "url": f"{url}/api/v1"}])
        page.goto(url + path)
        until = time.monotonic() + MOST_SECONDS
        while len(marks(page, "chart")) < CHARTS:
            assert time.monotonic() < until, f"{path} has not all of its charts"
            page.wait_for_timeout(20)
        [figures, *_] = marks(page, "figures")
        return View(figures, marks(page, "chart")[CHARTS - 1], int(sum(lengths)), len(lengths))


def marks(page: Any, name: str) -> list[float]:
    found: list[float] = page.evaluate(
        "(name) => performance.getEntriesByName(name).map((each) => each.startTime)", name
    )
    return found


def show(views: dict[str, list[View]], sessions: int, console: Console) -> None:
    table = Table(
        title=f"first views at {sessions:,} sessions, medians (and worst) of {VIEWS}",
        title_justify="left",
    )
    for column in ("page", "figures ms", "charts ms", "/ signing in", "kB", "requests"):
        table.add_column(column, justify="left" if column == "page" else "right")
    floor = statistics.median(each.figures for each in views["signing in"])
    for name, seen in views.items():
        figures = statistics.median(each.figures for each in seen)
        charts = statistics.median(each.charts for each in seen)
        table.add_row(
            name,
            f"{figures:,.0f} ({max(each.figures for each in seen):,.0f})",
            f"{charts:,.0f} ({max(each.charts for each in seen):,.0f})",
            f"{figures / floor:.1f}",
            f"{statistics.median(each.bytes for each in seen) / 1000:,.0f}",
            f"{statistics.median(each.requests for each in seen):.0f}",
        )
    console.print(table)


if __name__ == "__main__":
    main()
