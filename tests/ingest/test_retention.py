"""What an account does not keep any longer goes, for good, and the figures stay exact."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest
from conftest import Api, Serve, Upshot, with_changes
from events import Event, event

import ingest.store.retention
from ingest.console import Advance, Console
from ingest.refresh import refresh
from ingest.retention import Deleted, retain
from ingest.settings import Settings
from ingest.store.retention import FOR_EVER, set_retention

ZONE = "Pacific/Auckland"
DAYS = 10
TICK = timedelta(microseconds=1)
FACTS = ("sessions", "step_visits", "session_ratings", "step_feedback")


def first_kept(days: int = DAYS) -> datetime:
    """The first moment that an account in the zone keeps; today is the last of its days."""
    today = datetime.now(ZoneInfo(ZONE)).date()
    return datetime.combine(today - timedelta(days=days - 1), time(), ZoneInfo(ZONE))


def session(started_at: datetime, comment: str = "Quick.") -> list[Event]:
    """All that can be said of a session, which took a minute."""
    session_id, user_id = uuid4(), uuid4()
    said = [
        event("session.started", session_id=session_id, flow_id=uuid4(), user_id=user_id),
        event("step.visited", session_id=session_id, step_id="a"),
        event("step.feedback", session_id=session_id, step_id="a", was_helpful=True),
        event("session.completed", session_id=session_id, outcome="resolved"),
        event("session.rated", session_id=session_id, rating=4, comment=comment),
    ]
    return [each | {"occurred_at": started_at.astimezone(UTC).isoformat()} for each in said]


def write(api: Api, *sessions: list[Event]) -> None:
    named = event("account.upserted", account_id=api.account_id, name="Acme", time_zone=ZONE)
    answer = api.post_events([named, *(each for some in sessions for each in some)])
    assert answer.status_code == 200, answer.text


def url_of(api: Api) -> str:
    return str(api.settings.database_url)


def rows(api: Api, *tables: str) -> dict[str, int]:
    with psycopg.connect(url_of(api)) as connection:
        return {
            table: connection.execute(
                f"select count(*)::integer from raw.{table} where account_id = %s".encode(),
                [api.account_id],
            ).fetchall()[0][0]
            for table in tables
        }


def keep(api: Api, session_days: int | None = DAYS, comment_days: int | None = None) -> None:
    set_retention(url_of(api), api.account_id, session_days=session_days, comment_days=comment_days)


def forget(api: Api, **more: Any) -> tuple[int, int]:
    """Retain, and return how many sessions and comments were deleted."""
    console = more.pop("console", Console())
    [done] = retain(api.settings, url_of(api), console, account_id=api.account_id, **more)
    return done.sessions, done.comments


def figures(api: Api) -> Any:
    answer = api("GET", "/analytics/team?period=30d", role="team_admin")
    assert answer.status_code == 200, answer.text
    return {**answer.json(), "meta": None}


@pytest.fixture
def account(shared_live_api: Api) -> Api:
    return shared_live_api.of(uuid4())


def test_sessions_go_with_their_day_and_the_figures_stay_exact(
    account: Api, shared_live_api: Api
) -> None:
    """As if they had never been: in the answers, before a refresh and after it."""
    kept = [session(first_kept()), session(datetime.now(UTC) - timedelta(minutes=5))]
    gone = [session(first_kept() - TICK), session(first_kept() - timedelta(days=5))]
    write(account, *kept, *gone)
    refresh(account.settings, url_of(account))
    assert figures(account)["summary"]["total_sessions"] == 4
    keep(account)

    assert forget(account, is_trial=True) == (2, 0)
    assert rows(account, "sessions") == {"sessions": 4}
    assert forget(account) == (2, 0)
    assert rows(account, *FACTS) == dict.fromkeys(FACTS, 2)
    oracle = shared_live_api.of(uuid4())
    write(oracle, *([each | {"id": str(uuid4())} for each in some] for some in kept))
    assert figures(account) == figures(oracle)
    refresh(account.settings, url_of(account))
    assert figures(account) == figures(oracle)
    assert forget(account) == (0, 0)

    # An old event, delivered again or under an id of its own, brings nothing back.
    again = [each | {"id": str(uuid4())} for some in gone for each in some]
    write(account, *gone, again)
    assert rows(account, *FACTS) == dict.fromkeys(FACTS, 2)


def test_facts_of_a_session_that_never_started_go_with_their_last_word(account: Api) -> None:
    """Nobody sees them, and nobody would know when they are old."""
    waiting = [session(datetime.now(UTC))[1:] for _ in range(3)]
    write(account, *waiting)
    ages = (timedelta(days=DAYS + 1), timedelta(days=DAYS + 1), timedelta(days=1))
    with psycopg.connect(url_of(account)) as owner:
        for some, age in zip(waiting, ages, strict=True):
            for table in FACTS:
                column = "completed_received_at" if table == "sessions" else "received_at"
                owner.execute(
                    f"update raw.{table} set {column} = now() - %s where session_id = %s".encode(),
                    [age, some[0]["data"]["session_id"]],
                )
    # Something more was heard of one, and another has started after all.
    visit = {"session_id": UUID(waiting[0][0]["data"]["session_id"]), "step_id": "b"}
    write(account, [event("step.visited", **visit)])
    keep(account)
    assert forget(account) == (1, 0)
    assert rows(account, "session_ratings") == {"session_ratings": 2}
    assert forget(account) == (0, 0)


def test_comments_may_go_before_their_ratings(account: Api) -> None:
    old = session(first_kept(3) - TICK, comment="Old words.")
    new = session(first_kept(3), comment="New words.")
    write(account, old, new)
    comments = [f"/analytics/flows/{some[0]['data']['flow_id']}" for some in (old, new)]

    def shown() -> list[list[str]]:
        answers = [account("GET", path, role="team_admin").json() for path in comments]
        assert [answer["total_ratings"] for answer in answers] == [1, 1]
        return [[each["comment"] for each in answer["recent_comments"]] for answer in answers]

    refresh(account.settings, url_of(account))
    assert shown() == [["Old words."], ["New words."]]
    before = figures(account)
    keep(account, session_days=None, comment_days=3)
    assert forget(account) == (0, 1)
    assert shown() == [[], ["New words."]]
    assert figures(account) == before
    assert rows(account, *FACTS) == dict.fromkeys(FACTS, 2)


class Ended(Exception):
    """Somebody pulled the plug."""


class Interrupting(Console):
    """Ends it all after the first batch."""

    @contextmanager
    def bar(self, title: str, total: int | None) -> Iterator[Advance]:
        def advance(amount: int) -> None:
            assert amount
            raise Ended

        assert "Acme" in title
        assert total == 5
        yield advance


def test_what_was_interrupted_goes_on_where_it_was(
    account: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.store.retention, "BATCH", 2)
    write(account, *(session(first_kept() - timedelta(days=day)) for day in range(1, 6)))
    keep(account)
    with pytest.raises(Ended):
        forget(account, console=Interrupting())
    assert rows(account, "sessions") == {"sessions": 3}
    assert rows(account, "changes", "tombstones")["tombstones"] == 2
    assert forget(account) == (3, 0)
    assert rows(account, *FACTS) == dict.fromkeys(FACTS, 0)


def test_who_has_set_nothing_keeps_what_the_setting_says(
    serve: Serve, base_settings: Settings, database_url: str
) -> None:
    settings = with_changes(base_settings, database_url=database_url)
    everybodys, own, for_ever = (Api(serve(settings), settings) for _ in range(3))
    for each in (everybodys, own, for_ever):
        write(each, *(session(first_kept(days) - TICK) for days in (5, 20)))
    keep(own, session_days=20)
    keep(for_ever, session_days=FOR_EVER)

    def deleted(**changes: int) -> dict[UUID, int]:
        done: list[Deleted] = retain(with_changes(settings, **changes), database_url, Console())
        return {each.account_id: each.sessions for each in done}

    assert deleted() == {own.account_id: 1}
    assert deleted(retention_days=5) == {everybodys.account_id: 2, own.account_id: 0}
    assert [rows(each, "sessions")["sessions"] for each in (everybodys, own, for_ever)] == [0, 1, 2]


# --- the commands ---------------------------------------------------------------------------------


@pytest.fixture
def run(upshot: Upshot, account: Api) -> Callable[..., str]:
    def run(*arguments: str, fails: bool = False, **environment: Any) -> str:
        done = upshot(*arguments, database=url_of(account), **environment)
        assert (done.returncode != 0) == fails, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr if fails else done.stdout

    return run


def test_an_operator_sets_what_is_kept_and_has_the_rest_deleted(
    account: Api, run: Callable[..., str]
) -> None:
    write(account, session(first_kept() - TICK), session(first_kept()))
    of_account = ("--account", str(account.account_id))
    line = f"{account.account_id} Acme: sessions "
    assert run("retention", *of_account, "--days", str(DAYS)) == f"{line}10 days\n"
    assert run("retention", *of_account, "--comments-days", "3") == (
        f"{line}10 days, comments 3 days\n"
    )
    assert f"{line}10 days, comments 3 days\n" in run("retention", "--list")
    done = run("retain", *of_account, "--dry-run")
    assert done == f"{account.account_id} Acme: 1 sessions and 2 comments would be deleted\n"
    assert rows(account, "sessions") == {"sessions": 2}
    assert json.loads(run("retain", *of_account, "--json")) == [
        {"account_id": str(account.account_id), "name": "Acme", "sessions": 1, "comments": 2}
    ]
    assert rows(account, "sessions") == {"sessions": 1}
    assert run("retention", *of_account, "--off") == f"{line}for ever\n"
    assert run("retain", *of_account, UPSHOT_RETENTION_DAYS="1") == (
        "Every account keeps everything.\n"
    )
    assert run("retention", *of_account, "--default", UPSHOT_RETENTION_DAYS="400") == (
        f"{line}400 days (default)\n"
    )


def test_what_cannot_be_set_is_said_in_a_sentence(account: Api, run: Callable[..., str]) -> None:
    unknown = str(uuid4())
    of_unknown = ("--account", unknown)
    for change in (("--days", "3"), ("--default",)):
        assert f"There is no account {unknown}." in run(
            "retention", *of_unknown, *change, fails=True
        )
    assert f"There is no account {unknown}." in run("retain", *of_unknown, fails=True)
    for arguments in (
        ("--days", "3"),
        of_unknown,
        (*of_unknown, "--days", "3", "--off"),
        (*of_unknown, "--list"),
        (*of_unknown, "--days", "0"),
    ):
        assert "Usage" in run("retention", *arguments, fails=True)
    assert "UPSHOT_RETENTION_DAYS cannot be used" in run(
        "retain", fails=True, UPSHOT_RETENTION_DAYS="0"
    )
    assert rows(account, "retentions") == {"retentions": 0}
