"""Failures are told of, by webhook and by mail: runs of a real instance, receivers that listen."""

import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from receivers import Mailbox, Webhook, mailbox, webhook

from orchestration import alerts
from orchestration.alerts import PAUSES, Alert, deliver
from orchestration.defs.alerts import failed_check_sensor, failed_run_sensor
from orchestration.settings import SettingsError, read_settings

SECRET = "Dana said: my router, 10 Main Street"


@dg.op
def break_down() -> None:
    raise RuntimeError(SECRET)


@dg.job
def breaking() -> None:
    break_down()


@dg.asset_check(asset="flows", blocking=False)
def names_are_short() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, metadata={"row": SECRET})


@dg.asset_check(asset="flows")
def names_are_nice() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)


definitions = dg.Definitions(
    jobs=[
        breaking,
        dg.define_asset_job("checking", selection=dg.AssetSelection.all_asset_checks()),
    ],
    assets=[dg.AssetSpec("flows")],
    asset_checks=[names_are_short, names_are_nice],
)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    with webhook() as receiver:
        monkeypatch.setenv("UPSHOT_ALERT_WEBHOOK_URL", receiver.url)
        yield receiver


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    with mailbox() as receiver:
        monkeypatch.setenv("UPSHOT_ALERT_MAIL_TO", "ops@app.example, lead@app.example")
        monkeypatch.setenv("UPSHOT_ALERT_SMTP_URL", receiver.url)
        yield receiver


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "PAUSES", (0, 0.05, 0.1))


class Watched:
    """A sensor that has seen everything up to now, as one that runs has."""

    def __init__(self, sensor: dg.SensorDefinition, instance: dg.DagsterInstance) -> None:
        self._sensor = sensor
        self._instance = instance
        self._cursor = self.tick().cursor

    def tick(self) -> Any:
        cursor = getattr(self, "_cursor", None)
        context = dg.build_sensor_context(
            self._instance, cursor, repository_def=definitions.get_repository_def()
        )
        tick = self._sensor.evaluate_tick(context)
        self._cursor = tick.cursor
        return tick


def run(job: str, instance: dg.DagsterInstance, **tags: str) -> str:
    done = definitions.resolve_job_def(job).execute_in_process(
        instance=instance, raise_on_error=False, tags=tags
    )
    return done.run_id


def test_a_failed_run_is_posted_and_mailed_once_and_without_what_it_said(
    instance: dg.DagsterInstance, hook: Webhook, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPSHOT_DAGSTER_URL", "https://dagster.app.example/")
    watched = Watched(failed_run_sensor, instance)
    run_id = run("breaking", instance)
    watched.tick()
    watched.tick()

    assert hook.posted == [
        {
            "text": "Upshot: breaking failed at break_down.",
            "job": "breaking",
            "run_id": run_id,
            "failed_steps": ["break_down"],
            "failed_checks": [],
            "url": f"https://dagster.app.example/runs/{run_id}",
        }
    ]
    (mail,) = box.received
    assert box.recipients == [["ops@app.example", "lead@app.example"]]
    assert mail["Subject"] == "Upshot: breaking failed"
    body = mail.get_content()
    assert f"https://dagster.app.example/runs/{run_id}" in body
    assert "Failed step: break_down" in body
    assert "Main Street" not in str(hook.posted) + mail.as_string()


def test_a_failed_check_of_a_run_that_succeeded_is_told_of_and_a_warning_is_not(
    instance: dg.DagsterInstance, hook: Webhook
) -> None:
    watched = Watched(failed_check_sensor, instance)
    run_id = run("checking", instance)
    watched.tick()

    (posted,) = hook.posted
    assert (posted["run_id"], posted["failed_checks"]) == (run_id, ["flows:names_are_short"])
    assert "Main Street" not in str(posted)


def test_a_run_that_starts_again_by_itself_is_not_told_of(
    instance: dg.DagsterInstance, hook: Webhook
) -> None:
    watched = Watched(failed_run_sensor, instance)
    run("breaking", instance, **{"dagster/will_retry": "true"})
    assert "starts it again" in watched.tick().skip_message
    assert hook.posted == []


def test_nobody_is_told_unless_it_is_configured(instance: dg.DagsterInstance) -> None:
    watched = Watched(failed_run_sensor, instance)
    run("breaking", instance)
    assert "is not set" in watched.tick().skip_message


def test_a_receiver_that_is_busy_is_asked_again(
    instance: dg.DagsterInstance, hook: Webhook
) -> None:
    watched = Watched(failed_run_sensor, instance)
    hook.answers = [503, 429]
    run("breaking", instance)
    watched.tick()
    assert len(hook.posted) == 3


def test_a_receiver_that_is_away_is_given_up_and_the_next_run_is_told_of(
    instance: dg.DagsterInstance,
    hook: Webhook,
    box: Mailbox,
    caplog: pytest.LogCaptureFixture,
) -> None:
    watched = Watched(failed_run_sensor, instance)
    hook.answers = [500, 500, 500]
    first, second = run("breaking", instance), run("breaking", instance)
    assert "Not everybody could be told" in watched.tick().skip_message
    watched.tick()

    assert [each["run_id"] for each in hook.posted] == [first, first, first, second]
    assert len(box.received) == 2, "the other channel is for whom the first one is not"
    log = logging.getLogger("test")
    settings = read_settings({"UPSHOT_ALERT_WEBHOOK_URL": "http://127.0.0.1:1/a-secret-word"})
    alert = Alert(text="", job="check", run_id=first, failed_steps=[], failed_checks=[], url="")
    assert not deliver(settings, alert, log)
    assert "Could not tell of run" in caplog.text
    assert "a-secret-word" not in caplog.text


def test_a_receiver_that_never_answers_does_not_hold_the_sensor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(alerts, "ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        settings = read_settings(
            {
                "UPSHOT_ALERT_WEBHOOK_URL": f"http://127.0.0.1:{port}",
                "UPSHOT_ALERT_SMTP_URL": f"smtp://127.0.0.1:{port}",
                "UPSHOT_ALERT_MAIL_TO": "ops@app.example",
            }
        )
        alert = Alert(text="", job="check", run_id="", failed_steps=[], failed_checks=[], url="")
        started = time.monotonic()
        assert not deliver(settings, alert, logging.getLogger("test"))
    assert time.monotonic() - started < 10


def test_both_channels_give_up_before_dagster_gives_the_sensor_up() -> None:
    channel_seconds = sum(PAUSES) + len(PAUSES) * alerts.ANSWER_SECONDS
    assert 2 * channel_seconds < 60


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"UPSHOT_ALERT_WEBHOOK_URL": "ftp://app.example"}, "UPSHOT_ALERT_WEBHOOK_URL"),
        ({"UPSHOT_ALERT_SMTP_URL": "mail.example"}, "UPSHOT_ALERT_SMTP_URL"),
        ({"UPSHOT_ALERT_SMTP_URL": "smtp://me@mail.example"}, "a user and a password"),
        ({"UPSHOT_ALERT_MAIL_TO": "ops@app.example"}, "UPSHOT_ALERT_SMTP_URL"),
        ({"UPSHOT_ALERT_MAIL_TO": "ops@app.example\nBcc: me@x"}, "UPSHOT_ALERT_MAIL_TO"),
        ({"UPSHOT_ALERT_MAIL_FROM": "nobody"}, "UPSHOT_ALERT_MAIL_FROM"),
        ({"UPSHOT_KEEP_RUNS_DAYS": "0"}, "UPSHOT_KEEP_RUNS_DAYS"),
        ({"UPSHOT_FULL_CHECK_ACCOUNTS": "all"}, "UPSHOT_FULL_CHECK_ACCOUNTS"),
        ({"UPSHOT_DAGSTER_URL": "dagster"}, "UPSHOT_DAGSTER_URL"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(variables: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        read_settings(variables)


def test_a_password_goes_over_no_wire_in_clear_text() -> None:
    def needs_tls(url: str) -> bool:
        server = read_settings({"UPSHOT_ALERT_SMTP_URL": url}).mail_server
        assert server is not None
        return server.needs_tls

    assert needs_tls("smtp://me:a%40b@mail.example:587")
    assert not needs_tls("smtp://mail.example:25")
    assert not needs_tls("smtp://me:word@127.0.0.1:25")
