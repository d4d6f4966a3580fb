"""Who waits for a lock that somebody holds."""

from typing import Any

import psycopg


def waits_for_a_lock(
    database: psycopg.Connection[Any], application_name: str = "dbt", *, of: str | None = None
) -> bool:
    """Whether a program waits in this database for a lock: `of` a relation, advisory, or any."""
    found = database.execute(
        """
        select 1
        from pg_stat_activity
        where
            datname = current_database()
            and application_name = %(application_name)s
            and wait_event_type = 'Lock'
            and wait_event = coalesce(%(of)s, wait_event)
        """,
        {"application_name": application_name, "of": of},
    )
    return found.fetchone() is not None
