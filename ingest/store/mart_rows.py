"""The rows of a served mart: names come from the catalog, values are bound."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import errors, sql

from ingest.catalog import Mart
from ingest.mart_query import Filter, MartQuery, Term
from ingest.problems import Unavailable
from ingest.store.database import Connection
from ingest.store.statements import SQL

ROWS_AT_ONCE = 5_000
"""How many rows of a stream are in memory at a time."""

Row = tuple[Any, ...]


class Page(Struct, frozen=True):
    """Some rows, in order."""

    rows: Sequence[Row]
    """Of the columns that were asked for."""
    next_after: Row | None
    """The place after which there are more rows; None where there are no more."""


def lock_statement(mart: Mart) -> sql.Composed:
    """Return the statement that keeps a mart in place, with all that it reads.

    To be run before the snapshot is taken; see lock_stored.sql.
    """
    return sql.SQL("lock table {} in access share mode").format(_relation(mart))


async def read_page(connection: Connection, account_id: UUID, query: MartQuery) -> Page:
    """Read the rows of a page.

    Raises:
        Unavailable: it took too long, or the mart is being replaced.
    """
    shown, limit = len(query.columns), query.limit or 0
    async with _prepared(connection, query), connection.cursor(binary=True) as cursor:
        # One more than asked for, to know whether there is one.
        statement, values = rows_statement(account_id, query, most=limit + 1)
        await cursor.execute(statement, values, prepare=False)
        rows = await cursor.fetchall()
    if len(rows) <= limit:
        return Page([row[:shown] for row in rows], None)
    return Page([row[:shown] for row in rows[:limit]], rows[limit - 1][shown:])


async def read_total(connection: Connection, account_id: UUID, query: MartQuery) -> int:
    """Return how many rows the filters let through, on all pages together.

    Raises:
        Unavailable: as `read_page` does.
    """
    values: dict[str, Any] = {"account_id": account_id}
    statement = sql.SQL("select count(*) from {} where {}").format(
        _relation(query.mart), _all_of(_conditions(query, values))
    )
    async with _prepared(connection, query):
        row = await (await connection.execute(statement, values, prepare=False)).fetchone()
    return int(row[0]) if row else 0


async def read_in_batches(
    connection: Connection, account_id: UUID, query: MartQuery
) -> AsyncGenerator[Sequence[Row], None]:
    """Read all rows, some at a time.

    Raises:
        Unavailable: the mart is being replaced.
    """
    statement, values = rows_statement(account_id, query, most=None)
    async with (
        _prepared(connection, query),
        connection.cursor("mart_rows", binary=True) as cursor,
    ):
        await cursor.execute(statement, values)
        while rows := await cursor.fetchmany(ROWS_AT_ONCE):
            shown = len(query.columns)
            yield [row[:shown] for row in rows]


def rows_statement(
    account_id: UUID, query: MartQuery, *, most: int | None
) -> tuple[sql.Composed, dict[str, Any]]:
    """Return the statement and its values; it gives the columns, then those of the order."""
    values: dict[str, Any] = {"account_id": account_id}
    conditions = _conditions(query, values)
    if query.after is not None:
        conditions.append(_after(query, query.after, values))
    limited: sql.Composable = sql.SQL("")
    if most is not None:
        values["most"] = most
        limited = sql.SQL(" limit {}").format(sql.Placeholder("most"))
    ordered: sql.Composable = sql.SQL("")
    if query.order:
        ordered = sql.SQL(" order by {}").format(
            sql.SQL(", ").join(_direction(query, term) for term in query.order)
        )
    selected = [*query.columns, *(term.column for term in query.order)]
    statement = sql.SQL("select {} from {} where {}{}{}").format(
        sql.SQL(", ").join(map(sql.Identifier, selected)),
        _relation(query.mart),
        _all_of(conditions),
        ordered,
        limited,
    )
    return statement, values


@asynccontextmanager
async def _prepared(connection: Connection, query: MartQuery) -> AsyncIterator[None]:
    """Plan for what is asked; a look-up's settings are for plans that are made once."""
    try:
        await connection.execute(SQL["plan_for_rows"])
        if query.window is not None:
            day_from, day_to = query.window
            days = {"day_from": day_from, "day_to": day_to}
            await connection.execute(SQL["set_window"], days)
        yield
    except errors.QueryCanceled:
        raise Unavailable("This takes too long: filter it, or stream all of it.") from None
    except (errors.UndefinedColumn, errors.UndefinedTable, errors.UndefinedFunction) as error:
        raise Unavailable("The mart is being replaced by another version of it.") from error


def _relation(mart: Mart) -> sql.Identifier:
    return sql.Identifier(mart.schema, mart.identifier)


def _all_of(conditions: Sequence[sql.Composable]) -> sql.Composed:
    return sql.SQL(" and ").join(conditions)


def _conditions(query: MartQuery, values: dict[str, Any]) -> list[sql.Composable]:
    return [
        sql.SQL("account_id = {}").format(sql.Placeholder("account_id")),
        *(_condition(query, each, values) for each in query.filters),
    ]


def _condition(query: MartQuery, asked: Filter, values: dict[str, Any]) -> sql.Composed:
    column = query.mart.by_name[asked.column]
    name = f"value_{len(values)}"
    values[name] = list(asked.values) if asked.operator == "any" else asked.values[0]
    form = {"any": "{} = any({}::{}[])", "from": "{} >= {}::{}", "to": "{} <= {}::{}"}
    return sql.SQL(form[asked.operator]).format(
        sql.Identifier(column.name),
        sql.Placeholder(name),
        sql.SQL(column.type.compared_as),
    )


def _direction(query: MartQuery, term: Term) -> sql.Composed:
    # Only where it matters: an index that is read backwards has nulls first.
    nulls = " nulls last" if query.mart.by_name[term.column].is_nullable else ""
    return sql.SQL("{}{}{}").format(
        sql.Identifier(term.column),
        sql.SQL(" desc" if term.descending else ""),
        sql.SQL(nulls),
    )


def _after(query: MartQuery, place: Row, values: dict[str, Any]) -> sql.Composable:
    """Return the condition on rows that come after a place in the order."""
    terms = query.order
    columns = [query.mart.by_name[term.column] for term in terms]
    bound: list[sql.Composable] = []
    for column, value in zip(columns, place, strict=True):
        name = f"value_{len(values)}"
        values[name] = value
        bound.append(
            sql.SQL("{}::{}").format(sql.Placeholder(name), sql.SQL(column.type.compared_as))
        )
    names = [sql.Identifier(column.name) for column in columns]
    if not terms:
        return sql.SQL("false")
    if len({term.descending for term in terms}) == 1 and not any(
        column.is_nullable for column in columns
    ):
        # One comparison of rows, which an index can answer.
        return sql.SQL("({}) {} ({})").format(
            sql.SQL(", ").join(names),
            sql.SQL("<" if terms[0].descending else ">"),
            sql.SQL(", ").join(bound),
        )
    alternatives = []
    for place_of_last, (term, value) in enumerate(zip(terms, place, strict=True)):
        if value is None:
            # Nulls are last: nothing comes after, in this column.
            continue
        same = [
            sql.SQL("{} is null").format(names[index])
            if place[index] is None
            else sql.SQL("{} = {}").format(names[index], bound[index])
            for index in range(place_of_last)
        ]
        later: sql.Composable = sql.SQL("{} {} {}").format(
            names[place_of_last],
            sql.SQL("<" if term.descending else ">"),
            bound[place_of_last],
        )
        if columns[place_of_last].is_nullable:
            later = sql.SQL("({} or {} is null)").format(later, names[place_of_last])
        alternatives.append(_all_of([*same, later]))
    if not alternatives:
        return sql.SQL("false")
    return sql.SQL("({})").format(sql.SQL(" or ").join(alternatives))
