"""The files that browsers load, read and compressed once.

The pages name the others by a version in their address, which is another one whenever any of them
is: those are kept for good. What other applications load has an address that stays.
"""

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from posixpath import dirname, join, normpath

from msgspec import Struct

from ingest.one_script import one_script

DASHBOARD = Path(__file__).parent / "dashboard"
"""Its folders: pages, scripts, charts and styles for itself; what is public, for everybody."""
WORTH_COMPRESSING = 1_000
VERSION = b"{version}"
"""What stands in the pages where the version belongs."""

PAGES = {"team": "Team", "me": "My work", "flow": "Flow"}
"""Those with figures, which are one page but for their script, with their titles."""
_IMPORT = re.compile(r'^(?:import|export|\}) .*?from "(\.[^"]+\.js)";$', re.MULTILINE)

_TYPES = {
    ".js": "text/javascript",
    ".ts": "text/plain",
    ".css": "text/css",
    ".html": "text/html",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}


class Asset(Struct, frozen=True):
    content: bytes
    gzipped: bytes | None
    """Nothing where it is not worth it."""
    media_type: str
    etag: str

    @classmethod
    def of(cls, name: str, content: bytes) -> "Asset":
        suffix = Path(name).suffix
        return cls(
            content=content,
            gzipped=(
                gzip.compress(content, 9, mtime=0) if len(content) >= WORTH_COMPRESSING else None
            ),
            media_type=_TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "text/plain",
            etag=f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        )


class Assets(Struct, frozen=True):
    """By their paths below the dashboard's folder, with slashes."""

    version: str
    files: dict[str, Asset]


@cache
def dashboard_assets() -> Assets:
    """Return what the installation has."""
    contents = {
        path.relative_to(DASHBOARD).as_posix(): path.read_bytes()
        for path in sorted(DASHBOARD.rglob("*"))
        if path.is_file()
    }
    public = {
        name.removeprefix("public/"): content.decode()
        for name, content in contents.items()
        if name.startswith("public/")
    }
    contents["public/widgets.js"] = one_script("widgets.js", public).encode()
    page = contents.pop("pages/figures.html").decode()
    for name, title in PAGES.items():
        contents[f"pages/{name}.html"] = _page(page, name, title, contents)
    # The charts' library is made elsewhere, and belongs to them.
    digest = hashlib.sha256(version("vl-convert-python").encode())
    for name, content in contents.items():
        digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    name_of_all = digest.hexdigest()[:12]
    return Assets(
        name_of_all,
        {
            name: Asset.of(
                name,
                content.replace(VERSION, name_of_all.encode())
                if name.endswith(".html")
                else content,
            )
            for name, content in contents.items()
        },
    )


def _page(page: str, name: str, title: str, contents: Mapping[str, bytes]) -> bytes:
    """Return a page that has all of its modules fetched at once, and not one after another."""
    modules = _modules(f"scripts/{name}.js", contents)[1:]
    links = (
        f'<link rel="modulepreload" href="/assets/{VERSION.decode()}/{each}">' for each in modules
    )
    filled = {"{name}": name, "{title}": title, "{modules}": "\n    ".join(links)}
    for place, text in filled.items():
        page = page.replace(place, text)
    return page.encode()


def _modules(name: str, contents: Mapping[str, bytes]) -> list[str]:
    """Return a module and those that it imports, and those that they import."""
    found = [name]
    for module in found:
        for path in _IMPORT.findall(contents[module].decode()):
            imported = normpath(join(dirname(module), path))
            if imported not in found:
                found.append(imported)
    return found
