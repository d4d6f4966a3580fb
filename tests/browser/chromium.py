"""Where the browser is, and how it is started."""

import shutil

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
