"""The dashboard's files: the same for everybody, and safe whatever they show."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx
import pytest
from conftest import Api, Serve, with_changes

from ingest.assets import DASHBOARD
from ingest.settings import Settings

PAGES = ["/", "/me", "/flows/6f1c8a52-0d6e-4c0b-9a55-8f3f2a7f1d01", "/sign-in", "/example"]
PUBLIC = ["/client.js", "/client.d.ts", "/api.d.ts", "/widgets.js", "/widgets.d.ts"]


@pytest.fixture(scope="module")
def site(shared_api: Api) -> httpx.Client:
    # The charts' library is made at first use, which takes seconds.
    return httpx.Client(base_url=shared_api.url, timeout=60)


class Inline(HTMLParser):
    """Collects what of a page would be run, and what it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.run: list[str] = []
        self.loaded: list[str] = []
        self._is_in = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_in = tag
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.run.append(name)
            if name == "src" or (name == "href" and tag == "link"):
                self.loaded.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        del tag  # what is run or styled has nothing in it but text
        self._is_in = ""

    def handle_data(self, data: str) -> None:
        if self._is_in in {"script", "style"} and data.strip():
            self.run.append(data)


def read(page: str) -> Inline:
    found = Inline()
    found.feed(page)
    return found


@pytest.mark.parametrize("path", PAGES)
def test_a_page_runs_nothing_that_stands_in_it(site: httpx.Client, path: str) -> None:
    answer = site.get(path)
    assert (200, "text/html; charset=utf-8") == (
        answer.status_code,
        answer.headers["content-type"],
    )
    policy = dict(
        each.strip().split(" ", 1) for each in answer.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert read(answer.text).run == []


def test_what_stands_in_a_page_would_be_found() -> None:
    assert read("<p onclick='x()' style='y'><script>z()</script>").run == [
        "onclick",
        "style",
        "z()",
    ]


@pytest.mark.parametrize("path", PAGES)
def test_all_that_a_page_loads_is_there_and_comes_from_here(site: httpx.Client, path: str) -> None:
    loaded = read(site.get(path).text).loaded
    assert loaded
    for address in loaded:
        assert address.startswith("/")
        answer = site.get(address)
        assert answer.status_code == 200, address
        assert address in {*PUBLIC, "/favicon.ico"} or answer.headers["cache-control"].endswith(
            "immutable"
        )


@pytest.mark.parametrize("path", PAGES[:3])
def test_a_page_has_all_its_modules_fetched_at_once(site: httpx.Client, path: str) -> None:
    """None is found only when the one that imports it has come."""
    scripts = [each for each in read(site.get(path).text).loaded if each.endswith(".js")]
    assert len(scripts) == len({*scripts}) > 10
    for address in scripts[:-1]:
        text = site.get(address).text
        for imported in re.findall(
            r'from "(\.[^"]+)"', re.sub(r"/\*\*.*?\*/", "", text, flags=re.DOTALL)
        ):
            assert urljoin(address, imported) in scripts, (address, imported)
    assert scripts[-1].endswith("/vega.js")


def test_no_script_and_no_style_names_another_site() -> None:
    names = {".js", ".css", ".html", ".json"}
    for path in DASHBOARD.rglob("*"):
        if path.suffix in names and path.stem != "example":
            text = path.read_text()
            addresses = set(re.findall(r"https?://[^\s\"'`)]+", text))
            known = {
                "https://vega.github.io/schema/vega-lite/v6.json",
                "http://www.w3.org/2000/svg",
            }
            assert addresses <= known, (path, addresses)


def test_the_library_of_the_charts_is_one_script(site: httpx.Client) -> None:
    page = site.get("/").text
    address = next(each for each in read(page).loaded if each.endswith("/vega.js"))
    answer = site.get(address)
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["content-encoding"] == "gzip"
    assert "vegaEmbed" in answer.text[-200:]


def test_a_file_of_another_version_is_kept_for_a_short_time_only(site: httpx.Client) -> None:
    answer = site.get("/assets/other/scripts/team.js")
    assert answer.status_code == 200
    assert "immutable" not in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    [
        "/assets/x/scripts/nothing.js",
        "/assets/x/pages/team.html",
        "/assets/x/../settings.py",
        "/assets/x/%2e%2e/settings.py",
        "/assets/x/scripts/../../settings.py",
        "/assets/x//etc/passwd",
    ],
)
def test_nothing_else_is_given_out(site: httpx.Client, path: str) -> None:
    answer = site.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("path", ["/", *PUBLIC])
def test_who_has_a_file_gets_no_second_copy(site: httpx.Client, path: str) -> None:
    etag = site.get(path).headers["etag"]
    again = site.get(path, headers={"If-None-Match": etag})
    assert (304, b"") == (again.status_code, again.content)


@pytest.mark.parametrize("path", PUBLIC)
def test_other_sites_may_load_the_client_and_the_widgets(site: httpx.Client, path: str) -> None:
    answer = site.get(path, headers={"Origin": "https://app.example"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


def test_they_may_where_some_origins_are_named_too(
    serve: Serve, new_database: Callable[[], str], base_settings: Settings
) -> None:
    settings = with_changes(
        base_settings, database_url=new_database(), cors_origins=("https://app.example",)
    )
    answer = httpx.get(serve(settings) + "/widgets.js", headers={"Origin": "https://b.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
