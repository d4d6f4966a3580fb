"""What the assets and sensors need, and how they run."""

from typing import NamedTuple

import dagster as dg
from dagster_dbt import DbtCliResource

from orchestration.connection import connected
from orchestration.dbt_project import DBT_EXECUTABLE, dbt_project
from orchestration.settings import read_settings

# Counted no further than anybody asks: the sensor looks twice a minute.
WAITING = """
select
    coalesce(extract(epoch from now() - min(received_at)), 0)::float,
    (select count(*) from (select from raw.changes limit %(most)s) as counted)
from raw.changes
"""
DEAD_ROWS = """
select n_dead_tup from pg_stat_all_tables where relid = 'raw.changes'::regclass
"""
# Without the lock that cutting the table short takes: the log grows again.
VACUUM = "vacuum (truncate off) raw.changes"


class Waiting(NamedTuple):
    seconds: float
    """For how long the oldest change has been waiting; 0 when there is none."""
    changes: int


class ChangeLog(dg.ConfigurableResource["ChangeLog"]):
    """What was written and is in no stored mart yet: raw.changes of the warehouse."""

    def waiting(self, most: int) -> Waiting:
        """Return what waits for a refresh; of the changes, `most` are counted."""
        with connected() as connection:
            row = connection.execute(WAITING, {"most": most}).fetchone()
        return Waiting(*row) if row else Waiting(0, 0)

    def dead_rows(self) -> int:
        """Return about how many rows were taken out and are still in the way of every read."""
        with connected() as connection:
            row = connection.execute(DEAD_ROWS).fetchone()
        return row[0] if row else 0

    def vacuum(self) -> None:
        """Clear them away, but for those that a reader may still see."""
        with connected("upshot_owner") as connection:
            connection.execute(VACUUM)


@dg.definitions
def resources() -> dg.Definitions:
    # A setting that cannot be used is told of as the definitions are loaded, not when it is needed.
    read_settings()
    return dg.Definitions(
        resources={
            "dbt": DbtCliResource(
                project_dir=dbt_project,
                dbt_executable=str(DBT_EXECUTABLE),
                # Its file would go with the folder that it lies in; what dbt
                # says is in the run's own log.
                global_config_flags=["--log-level-file", "none"],
            ),
            "change_log": ChangeLog(),
        },
        # A run is one call of dbt: a process for each step only costs time.
        executor=dg.in_process_executor,
    )
