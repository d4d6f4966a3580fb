"""How a browser comes to its token: pages keep none, a cookie that no script can read does.

Where another application signs people in, it sets that cookie itself, or leads here with the token
in the address's fragment, which the page hands in. The demo gives a token to whoever is on the
machine that it runs on.
"""

from datetime import timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from litestar import Controller, Request, Response, delete, post
from litestar.datastructures import Cookie, State
from litestar.middleware import DefineMiddleware
from litestar.params import JSONBody

from ingest.auth import COOKIE, Identity, TokenAuth, issue_token
from ingest.body import JSON
from ingest.demo import demo_tour
from ingest.problems import Forbidden, NotFound
from ingest.schema import In, Out
from ingest.settings import Settings

LOOPBACK = ("127.0.0.1", "localhost", "::1")
AnyRequest = Request[Any, Any, Any]
DEMO_TOKEN_LASTS = timedelta(hours=12)


class DemoRole(In, frozen=True):
    role: Literal["engineer", "team_admin"]


class DemoToken(Out, frozen=True):
    token: str


class SignInController(Controller):
    path = "/sign-in"
    include_in_schema = False
    return_dto = None

    @post("/token", middleware=[DefineMiddleware(TokenAuth)], status_code=204)
    async def sign_in(self, request: Request[Identity, Any, Any]) -> Response[None]:
        """Put the request's bearer token into the cookie, until the browser is closed."""
        _, _, token = request.headers["authorization"].partition(" ")
        return Response(None, cookies=[_cookie(request, token.strip())])

    @delete("/token")
    async def sign_out(self, request: AnyRequest) -> Response[None]:
        cookie = _cookie(request, "")
        cookie.max_age = 0
        return Response(None, cookies=[cookie])

    @post("/demo", dto=JSON[DemoRole], status_code=201)
    async def demo(
        self, request: AnyRequest, state: State, data: JSONBody[DemoRole]
    ) -> Response[DemoToken]:
        """Return a token of the demo's account, to somebody at the demo's machine."""
        settings: Settings = state.settings
        if not is_demo(settings):
            raise NotFound("There is nothing at this address.")
        if not _is_at_home(request, settings):
            raise Forbidden(f"The demo signs in at {settings.public_url}/sign-in and nowhere else.")
        tour = demo_tour()
        who = Identity(
            user_id=tour.engineer_id if data.role == "engineer" else tour.admin_id,
            account_id=tour.account_id,
            role=data.role,
        )
        token = issue_token(settings, who, DEMO_TOKEN_LASTS)
        return Response(DemoToken(token=token), headers={"Cache-Control": "no-store"})


def is_demo(settings: Settings) -> bool:
    return not settings.production and settings.jwt_secret is not None


def _is_at_home(request: AnyRequest, settings: Settings) -> bool:
    """Say whether the page that asks is one of ours, and not one whose name leads here, too."""
    asked = urlsplit(f"//{request.headers.get('host', '')}").hostname
    return asked in {*LOOPBACK, urlsplit(settings.public_url).hostname}


def _cookie(request: AnyRequest, token: str) -> Cookie:
    settings: Settings = request.app.state.settings
    return Cookie(
        key=COOKIE,
        value=token,
        path="/api/v1",
        httponly=True,
        samesite="strict",
        secure=settings.public_url.startswith("https:"),
    )
