"""What the planner makes of a read: it looks at what is pending, and at no more."""

from typing import Any, LiteralString

import psycopg
from live_warehouse import Warehouse

# Statistics of a log in which each account's zone changed, and then another log: so the planner
# expects that all sessions of many accounts are pending, of which there are none.
EXPECTED_MANY: LiteralString = """
insert into raw.accounts
select md5('large ' || a)::uuid, 'Large ' || a, 'UTC', gen_random_uuid(), now(), now()
from generate_series(1, 20) as accounts (a);

insert into raw.sessions (
    account_id, session_id, flow_id, user_id, started_at,
    started_event_id, started_occurred_at, started_received_at
)
select
    md5('large ' || n % 20 + 1)::uuid, md5('session ' || n)::uuid, md5('flow')::uuid,
    md5('user')::uuid, now(), gen_random_uuid(), now(), now()
from generate_series(1, 20000) as sessions (n);

delete from raw.changes;
insert into raw.changes (account_id, session_id, received_at)
select account_id, null, now() from raw.accounts;
analyze raw.accounts, raw.sessions, raw.changes;

delete from raw.changes;
insert into raw.changes (account_id, session_id, received_at)
select account_id, session_id, now() from raw.sessions order by session_id limit 1000;
"""


def scans_of(table: str, plan: dict[str, Any]) -> list[dict[str, Any]]:
    """All nodes of a plan that read a table, if they are come to."""
    found = [plan] if plan.get("Relation Name") == table else []
    return found + [scan for part in plan.get("Plans", ()) for scan in scans_of(table, part)]


def test_sessions_are_not_looked_through_for_those_of_a_zone_that_never_changed(
    warehouse: Warehouse,
) -> None:
    with psycopg.connect(warehouse.url, autocommit=True) as connection:
        connection.execute(EXPECTED_MANY)
        row = connection.execute(
            "explain (analyze, format json) select * from live.pending_sessions"
        ).fetchone()
    assert row is not None
    ((plan,),) = row
    assert plan["Plan"]["Actual Rows"] == 1000
    scans = scans_of("sessions", plan["Plan"])
    assert scans
    assert [scan["Actual Loops"] for scan in scans] == [0] * len(scans)
