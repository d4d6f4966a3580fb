"""The dashboard's pages and scripts: the same for everybody, so nobody needs a token for them."""

from typing import Any

from litestar import Controller, Request, Response, get
from litestar.datastructures import State
from litestar.params import FromPath

from ingest.assets import Asset, dashboard_assets
from ingest.chart_library import NAME, ChartLibrary
from ingest.etags import is_known
from ingest.problems import NotFound
from ingest.sign_in import is_demo

# Scripts, styles and figures come from here and nowhere else, and nothing is run that stands in a
# page: so a text that looks like markup stays a text, even where somebody forgot that it may.
CONTENT_SECURITY_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
PAGE_HEADERS = {
    "Content-Security-Policy": "; ".join(map(" ".join, CONTENT_SECURITY_POLICY.items())),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
KEPT_FOR_GOOD = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
}
FOR_OTHER_ORIGINS = {
    # Modules of another origin are loaded as any cross-origin request is; there is no secret here.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "public, max-age=600",
    "X-Content-Type-Options": "nosniff",
}

AnyRequest = Request[Any, Any, Any]


class PageController(Controller):
    include_in_schema = False

    @get("/")
    async def team(self, request: AnyRequest) -> Response[bytes]:
        return _page(request, "team")

    @get("/me")
    async def me(self, request: AnyRequest) -> Response[bytes]:
        return _page(request, "me")

    @get("/flows/{flow_id:str}")
    async def flow(self, request: AnyRequest, flow_id: FromPath[str]) -> Response[bytes]:
        del flow_id  # the page reads it from its address
        return _page(request, "flow")

    @get("/sign-in")
    async def sign_in(self, request: AnyRequest, state: State) -> Response[bytes]:
        page = dashboard_assets().files["pages/sign-in.html"]
        demo = str(is_demo(state.settings)).lower().encode()
        content = page.content.replace(b"{demo}", demo)
        return _answer(request, Asset.of("sign-in.html", content), PAGE_HEADERS)

    @get("/example")
    async def example(self, request: AnyRequest) -> Response[bytes]:
        """The widgets on a page of somebody's own."""
        return _page(request, "example")

    @get("/favicon.ico")
    async def icon(self, request: AnyRequest) -> Response[bytes]:
        return _answer(request, dashboard_assets().files["styles/icon.svg"], FOR_OTHER_ORIGINS)

    @get("/assets/{version:str}/{name:path}")
    async def asset(
        self, request: AnyRequest, state: State, version: FromPath[str], name: FromPath[str]
    ) -> Response[bytes]:
        """A file of a version; another version's name gets what is here, for a short time."""
        name = name.lstrip("/")
        assets = dashboard_assets()
        charts: ChartLibrary = state.chart_library
        if name not in {NAME, *assets.files} or name.endswith(".html"):
            raise NotFound("There is no such file.")
        headers = KEPT_FOR_GOOD if version == assets.version else FOR_OTHER_ORIGINS
        asset = await charts.asset() if name == NAME else assets.files[name]
        return _answer(request, asset, headers)

    @get(["/client.js", "/client.d.ts", "/api.d.ts", "/widgets.js", "/widgets.d.ts"])
    async def public(self, request: AnyRequest) -> Response[bytes]:
        """What other applications load: the client and the widgets."""
        asset = dashboard_assets().files[f"public{request.url.path}"]
        return _answer(request, asset, FOR_OTHER_ORIGINS)


def _page(request: AnyRequest, name: str) -> Response[bytes]:
    return _answer(request, dashboard_assets().files[f"pages/{name}.html"], PAGE_HEADERS)


def _answer(request: AnyRequest, asset: Asset, headers: dict[str, str]) -> Response[bytes]:
    headers = headers | {"ETag": asset.etag, "Vary": "Accept-Encoding"}
    if is_known(request.headers.get("if-none-match"), asset.etag):
        return Response(b"", status_code=304, headers=headers)
    content = asset.content
    if asset.gzipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
        content, headers = asset.gzipped, headers | {"Content-Encoding": "gzip"}
    return Response(content, media_type=asset.media_type, headers=headers)
