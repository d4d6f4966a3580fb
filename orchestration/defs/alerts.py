"""What tells people that something failed."""

from collections.abc import Sequence

import dagster as dg
from dagster._core.storage.tags import WILL_RETRY_TAG

from orchestration.alerts import Alert, deliver, is_configured
from orchestration.settings import read_settings

MOST_NAMED = 20


@dg.run_failure_sensor(
    description=(
        "Tell of runs that failed and do not start again by themselves, by webhook or mail, where"
        " `UPSHOT_ALERT_…` says so."
    ),
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def failed_run_sensor(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
    if context.dagster_run.tags.get(WILL_RETRY_TAG) == "true":
        return dg.SkipReason("Dagster starts it again.")
    return tell(context)


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    description=(
        "Tell of checks that failed in runs that succeeded. A failed dbt test fails its run, and is"
        " told of with that."
    ),
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def failed_check_sensor(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
    if not failed_checks(context.instance, context.dagster_run.run_id):
        return None
    return tell(context)


def tell(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
    """Send an alert about the run of a sensor; return why there is none, if so."""
    settings = read_settings()
    if not is_configured(settings):
        return dg.SkipReason("Nobody is to be told: UPSHOT_ALERT_… is not set.")
    run = context.dagster_run
    steps = failed_steps(context.instance, run.run_id)
    checks = failed_checks(context.instance, run.run_id)
    alert = Alert(
        text=_sentence(run.job_name, steps, checks),
        job=run.job_name,
        run_id=run.run_id,
        failed_steps=steps[:MOST_NAMED],
        failed_checks=checks[:MOST_NAMED],
        url=f"{settings.dagster_url}/runs/{run.run_id}",
    )
    if not deliver(settings, alert, context.log):
        return dg.SkipReason("Not everybody could be told; the log of this tick says why.")
    return None


def failed_steps(instance: dg.DagsterInstance, run_id: str) -> Sequence[str]:
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
    return sorted({str(each.event_log_entry.step_key) for each in records})


def failed_checks(instance: dg.DagsterInstance, run_id: str) -> Sequence[str]:
    records = instance.get_records_for_run(
        run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ).records
    evaluations = [
        each.event_log_entry.get_dagster_event().asset_check_evaluation_data for each in records
    ]
    return sorted(
        f"{each.asset_key.to_user_string()}:{each.check_name}"
        for each in evaluations
        if not each.passed and each.severity == dg.AssetCheckSeverity.ERROR
    )


def _sentence(job: str, steps: Sequence[str], checks: Sequence[str]) -> str:
    """Say in one line what failed.

    >>> _sentence("check", ["warehouse"], ["marts/facts:exact_facts"])
    'Upshot: check failed, with 1 failed check.'
    >>> _sentence("vacuum", ["vacuum_log"], [])
    'Upshot: vacuum failed at vacuum_log.'
    >>> _sentence("refresh", [], [])
    'Upshot: refresh failed.'
    """
    if checks:
        number = "1 failed check" if len(checks) == 1 else f"{len(checks)} failed checks"
        return f"Upshot: {job} failed, with {number}."
    if steps:
        return f"Upshot: {job} failed at {', '.join(steps)}."
    return f"Upshot: {job} failed."
