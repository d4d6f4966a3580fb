"""What Citus asks of a statement over tables that are distributed by account, read off its SQL.

Each rule returns what breaks it, in words. They hold on one PostgreSQL, too: a statement that keeps
them names its account wherever it looks, and does the same on every node that it runs on.
"""

import re
from collections.abc import Callable, Iterator

import sqlglot
from sqlglot import exp

SCHEMAS = ("raw", "staging", "live", "marts")
OF_NO_ACCOUNT = frozenset(
    {
        "raw.quotas",
        "live.models",
        "live.figures",
        "live.served",
        "live.checks",
        "live.candidates",
        "live.refreshes",
    }
)
"""Tables that are asked alone: they stay on the coordinator."""
IMMUTABLE = (exp.Greatest, exp.Least, exp.Coalesce)
OWN_IMMUTABLE = frozenset({"union_of"})
"""Functions that give the same on every node, at any time: PostgreSQL's, and those of raw."""

Rule = Callable[[exp.Expr], Iterator[str]]


def parsed(sql: str) -> list[exp.Expr]:
    """Return the statements of a script; a parameter `%(name)s` stands as `:name`.

    >>> [statement.key for statement in parsed("select 1; select %(account_id)s")]
    ['select', 'select']
    """
    text = sql.replace("%(", ":").replace(")s", "")
    # It would take what it does not know for a command, and leave it alone.
    text = re.sub(r"(?i)\bon commit drop\b", "", text)
    return [each for each in sqlglot.parse(text, dialect="postgres") if each is not None]


def broken(sql: str) -> list[str]:
    """Return what is wrong with a script by any of the rules."""
    return [
        problem
        for statement in parsed(sql)
        if not isinstance(statement, exp.Command)
        for rule in RULES
        for problem in rule(statement)
    ]


# --- the rules -----------------------------------------------------------------------------------


def every_join_is_by_account(statement: exp.Expr) -> Iterator[str]:
    """Rows that meet lie on one node: an account is named, or is the same on both sides."""
    names_account = any(each.name == "account_id" for each in statement.find_all(exp.Placeholder))
    for select in statement.find_all(exp.Select):
        sources = [*_sources(select)]
        for table in sources:
            if not _is_distributed(table):
                continue
            # To list the accounts themselves asks every node, and joins nothing.
            lists_accounts = {each.alias_or_name for each in select.expressions} == {"account_id"}
            if len(sources) == 1 and (lists_accounts or not names_account):
                continue
            if not _is_tied(table, select, alone=len(sources) == 1):
                yield f"{_name(table)} is read without its account_id"


def no_row_is_locked_across_nodes(statement: exp.Expr) -> Iterator[str]:
    for lock in statement.find_all(exp.Lock):
        if lock.args.get("wait") is False:
            yield "skip locked is refused across nodes"
        elif not _is_of_one_account(statement):
            yield "for update needs account_id = constant"


def no_part_is_taken_beside_a_row(statement: exp.Expr) -> Iterator[str]:
    """Limit and offset within what looks at the row beside it: only where it names the account."""
    for lateral in statement.find_all(exp.Lateral):
        for select in lateral.find_all(exp.Select):
            if select.args.get("limit") is None and select.args.get("offset") is None:
                continue
            for table in select.find_all(exp.Table):
                if _is_distributed(table) and not _is_of_one_account(select):
                    yield f"{_name(table)} is read in part beside a row"


def nothing_on_the_nodes_is_looked_up_for_a_row_of_the_coordinator(
    statement: exp.Expr,
) -> Iterator[str]:
    """A temporary table lies there alone: what is asked for each of its rows cannot be sent off."""
    expressions = {each.alias for each in statement.find_all(exp.CTE)}
    for select in statement.find_all(exp.Select):
        sources = [*_sources(select)]
        where = select.args.get("where")
        outer = {source.alias_or_name for source in sources}
        tables = [table for source in sources for table in source.find_all(exp.Table)]
        if where is None or not any(_is_temporary(each, expressions) for each in tables):
            continue
        for inner in where.find_all(exp.Select):
            if any(column.table in outer for column in inner.find_all(exp.Column)):
                for table in inner.find_all(exp.Table):
                    if _is_distributed(table):
                        yield f"{_name(table)} is looked up for a row of the coordinator"


def sets_are_grouped_for_one_account(statement: exp.Expr) -> Iterator[str]:
    for group in statement.find_all(exp.Group):
        of_sets = any(group.find_all(exp.GroupingSets, exp.Cube, exp.Rollup))
        if of_sets and not _is_of_one_account(statement):
            yield "grouping sets need account_id = constant"


def an_upsert_takes_what_is_offered(statement: exp.Expr) -> Iterator[str]:
    """It is done on the node of the row: nothing in it may be known elsewhere only."""
    for insert in statement.find_all(exp.Insert):
        conflict = insert.args.get("conflict")
        if conflict is None or not _is_distributed(insert.this):
            continue
        yield from (f"an upsert {problem}" for problem in _not_of_the_row(conflict))


def an_update_computes_nothing(statement: exp.Expr) -> Iterator[str]:
    for update in statement.find_all(exp.Update):
        if _is_distributed(update.this):
            yield from (f"an update {problem}" for problem in _not_of_the_row(update))


def a_returned_column_names_its_table(statement: exp.Expr) -> Iterator[str]:
    for insert in statement.find_all(exp.Insert):
        returning = insert.args.get("returning")
        # Without an alias the bare name will do.
        if returning is None or not _table_of(insert).alias:
            continue
        for column in returning.find_all(exp.Column):
            if not column.table:
                yield f"returning {column.name} lacks the table's alias"


RULES: tuple[Rule, ...] = (
    every_join_is_by_account,
    no_row_is_locked_across_nodes,
    no_part_is_taken_beside_a_row,
    nothing_on_the_nodes_is_looked_up_for_a_row_of_the_coordinator,
    sets_are_grouped_for_one_account,
    an_upsert_takes_what_is_offered,
    an_update_computes_nothing,
    a_returned_column_names_its_table,
)


# --- what they look at ---------------------------------------------------------------------------


def _sources(select: exp.Select) -> Iterator[exp.Expr]:
    from_ = select.args.get("from_") or select.args.get("from")
    if from_ is not None:
        yield from_.this
    for join in select.args.get("joins") or ():
        yield join.this
    yield from select.args.get("laterals") or ()


def _table_of(insert: exp.Insert) -> exp.Table:
    target = insert.this
    table = target.this if isinstance(target, exp.Schema) else target
    assert isinstance(table, exp.Table)
    return table


def _name(table: exp.Expr) -> str:
    assert isinstance(table, exp.Table)
    return f"{table.db}.{table.name}"


def _is_distributed(source: exp.Expr) -> bool:
    table = source.this if isinstance(source, exp.Schema) else source
    return (
        isinstance(table, exp.Table) and table.db in SCHEMAS and _name(table) not in OF_NO_ACCOUNT
    )


def _is_temporary(table: exp.Table, expressions: set[str]) -> bool:
    named = table.db == "pg_temp" or (not table.db and table.name not in expressions)
    return named and isinstance(table.this, exp.Identifier)


def _is_tied(table: exp.Expr, select: exp.Select, *, alone: bool) -> bool:
    """Whether the select says which account's rows of the table it reads."""
    conditions = []
    where = select.args.get("where")
    if where is not None:
        conditions.append(where.this)
    for join in select.args.get("joins") or ():
        if any(column.name == "account_id" for column in join.args.get("using") or ()):
            return True
        if join.args.get("on") is not None:
            conditions.append(join.args["on"])
        # What stands beside it row by row may say so itself.
        if isinstance(join.this, exp.Lateral):
            conditions.extend(each.this for each in join.this.find_all(exp.Where))
    names = {table.alias_or_name, "" if alone else table.alias_or_name}
    return any(
        isinstance(side, exp.Column) and side.name == "account_id" and side.table in names
        for condition in conditions
        for part in (condition.flatten() if isinstance(condition, exp.And) else [condition])
        if isinstance(part, exp.EQ | exp.In)
        for side in (part.this, part.args.get("expression"))
    )


def _is_of_one_account(statement: exp.Expr) -> bool:
    """Whether it names the account that it is about. The rule on joins sees to the rest."""
    return any(
        isinstance(equal.this, exp.Column)
        and equal.this.name == "account_id"
        and isinstance(equal.expression, exp.Placeholder)
        for equal in statement.find_all(exp.EQ)
    )


def _not_of_the_row(clause: exp.Expr) -> Iterator[str]:
    """Yield what in the clause is more than the row, what is offered and parameters."""
    assigned = [each.expression for each in clause.expressions if isinstance(each, exp.EQ)]
    for value in assigned:
        if any(value.find_all(exp.Subquery, exp.Select)):
            yield "has a query of its own"
        for function in value.find_all(exp.Func):
            if function.name in OWN_IMMUTABLE or isinstance(function, IMMUTABLE):
                continue
            if not isinstance(function, exp.Connector | exp.Cast):
                yield f"calls {function.sql('postgres')}"
