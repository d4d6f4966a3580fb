"""What the assets and sensors need, and how they run."""

import dagster as dg
import psycopg
from dagster_dbt import DbtCliResource

from orchestration.dbt_project import DBT_EXECUTABLE, dbt_project, warehouse_credentials

OLDEST_CHANGE = "select extract(epoch from now() - min(received_at))::float from raw.changes"


class ChangeLog(dg.ConfigurableResource["ChangeLog"]):
    """What was written and is in no stored mart yet: raw.changes of the warehouse."""

    def waiting_seconds(self) -> float:
        """Return for how long its oldest change has been waiting; 0 when it is empty."""
        warehouse = warehouse_credentials(dbt_project).to_dict(omit_none=True)
        with psycopg.connect(
            host=warehouse["host"],
            port=warehouse["port"],
            user=warehouse["user"],
            password=warehouse["password"] or None,
            dbname=warehouse["database"],
            application_name="upshot sensor",
            autocommit=True,
        ) as connection:
            connection.execute("select set_config('role', %s, false)", (warehouse["role"],))
            row = connection.execute(OLDEST_CHANGE).fetchone()
        return (row[0] if row else None) or 0.0


@dg.definitions
def resources() -> dg.Definitions:
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
