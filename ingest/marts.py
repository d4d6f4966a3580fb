"""The marts as endpoints: what is served, and its rows."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from ingest.auth import Identity, only
from ingest.catalog import Mart
from ingest.etags import etag_headers, not_modified
from ingest.mart_answers import Asked, MartAnswers, MartMeta
from ingest.mart_formats import MEDIA_TYPES, chosen_format
from ingest.mart_query import read_query
from ingest.mart_streams import Streamed
from ingest.openapi import problems
from ingest.problems import invalid
from ingest.schema import Out
from ingest.served import Served

MART_HEADERS = (
    "Upshot-As-Of",
    "Upshot-Data-Through",
    "Upshot-Pending",
    "Upshot-Time-Zone",
    "Upshot-Warnings",
    "Upshot-Next-Cursor",
    "Upshot-Total",
)
"""What says of other formats what JSON says in `meta`."""
ApiRequest = Request[Identity, None, Any]


class MartListed(Out, frozen=True):
    name: str
    description: str
    grain: str | None
    """The sentence of the description that says what a row is."""
    columns_count: int
    href: str
    """Where its rows are."""
    schema_href: str
    """Where its columns are described."""


class MartRefused(Out, frozen=True):
    name: str
    reason: str


class MartList(Out, frozen=True):
    marts: list[MartListed]
    refused: list[MartRefused]
    """What asks to be served and is not."""


class MartColumn(Out, frozen=True):
    name: str
    type: str
    description: str
    unit: str | None
    nullable: bool
    filters: list[str]
    """The parameters that filter by it."""


class MartSchema(Out, frozen=True):
    name: str
    description: str
    key: list[str]
    """The columns that tell the account's rows apart, by which they are ordered."""
    columns: list[MartColumn]


class MartController(Controller):
    path = "/marts"
    tags = ("Marts",)
    guards = (only("team_admin", "super_admin", "service"),)

    @get(operation_id="listMarts", summary="What is served", responses=problems())
    async def list_marts(self, served: NamedDependency[Served]) -> MartList:
        """Every mart that is served, and those that ask to be and are not, with the reason."""
        catalog = await served.catalog()
        return MartList(
            marts=[_listed(mart) for mart in catalog.marts.values()],
            refused=[MartRefused(name=each.name, reason=each.reason) for each in catalog.refused],
        )

    @get(
        "/{name:str}/schema",
        operation_id="describeMart",
        summary="The columns of a mart",
        responses=problems(404),
    )
    async def describe(self, served: NamedDependency[Served], name: FromPath[str]) -> MartSchema:
        """What its columns mean, and how to filter by them."""
        mart, _ = await served.find(name)
        return _described(mart)

    # The document has its parameters, and those of each mart; see mart_document.py.
    @get("/{name:str}", include_in_schema=False)
    async def rows(
        self,
        request: ApiRequest,
        served: NamedDependency[Served],
        mart_answers: NamedDependency[MartAnswers],
        name: FromPath[str],
    ) -> Response[Any]:
        """Rows of a mart, as a page or a stream."""
        asked = await _asked(request, served, name)
        if asked.query.limit is None:
            media_type = MEDIA_TYPES[asked.format]
            return Streamed(lambda: mart_answers.stream(asked), media_type, _headers)
        answer = await mart_answers.page(asked)
        if answer.body is None or answer.meta is None:
            return not_modified(answer.etag or "")
        headers = etag_headers(answer.etag) if answer.etag else {}
        if asked.format != "json":
            headers |= _headers(answer.meta)
        if answer.meta.next_cursor is not None:
            headers["Link"] = f'<{_next(request, answer.meta.next_cursor)}>; rel="next"'
        return Response(answer.body, media_type=MEDIA_TYPES[asked.format], headers=headers)


async def _asked(request: ApiRequest, served: Served, name: str) -> Asked:
    mart, catalog = await served.find(name)
    who, parameters = request.user, request.query_params
    query = read_query(mart, who.account_id, parameters)
    form = chosen_format(parameters.get("format"), request.headers.get("accept"))
    if query.limit is None and form == "json":
        raise invalid("/limit", "All rows come as ndjson, csv, parquet or arrow; JSON has pages.")
    return Asked(
        account_id=who.account_id,
        role=who.role,
        query=query,
        catalog=catalog,
        format=form,
        if_none_match=request.headers.get("if-none-match"),
    )


def _headers(meta: MartMeta) -> dict[str, str]:
    """Return what JSON says in `meta`."""
    said: Sequence[object] = (
        meta.as_of.isoformat(),
        meta.data_through and meta.data_through.isoformat(),
        meta.pending,
        meta.time_zone,
        " ".join(meta.warnings) or None,
        meta.next_cursor,
        meta.total,
    )
    pairs = zip(MART_HEADERS, said, strict=True)
    return {name: str(value) for name, value in pairs if value is not None}


def _next(request: ApiRequest, cursor: str) -> str:
    given = request.query_params.multi_items()
    parameters = [(name, value) for name, value in given if name != "cursor"]
    return f"{request.url.path}?{urlencode([*parameters, ('cursor', cursor)])}"


def _address(mart: Mart) -> str:
    return f"/api/v1/marts/{mart.name}"


def _listed(mart: Mart) -> MartListed:
    return MartListed(
        name=mart.name,
        description=mart.description,
        grain=mart.grain,
        columns_count=len(mart.columns),
        href=_address(mart),
        schema_href=f"{_address(mart)}/schema",
    )


def _described(mart: Mart) -> MartSchema:
    return MartSchema(
        name=mart.name,
        description=mart.description,
        key=list(mart.key),
        columns=[
            MartColumn(
                name=column.name,
                type=column.type.name,
                description=column.description,
                unit=column.unit,
                nullable=column.is_nullable,
                filters=mart.filters_of(column),
            )
            for column in mart.columns
        ],
    )
