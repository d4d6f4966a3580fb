"""Whether a job still runs."""

import dagster as dg

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def has_unfinished_run(instance: dg.DagsterInstance, job: str) -> bool:
    return instance.get_runs_count(dg.RunsFilter(job_name=job, statuses=UNFINISHED)) > 0
