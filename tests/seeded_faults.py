"""Changes of models that break a test, and data that does."""

from typing import LiteralString, NamedTuple


class BadModel(NamedTuple):
    """A change of a model's file, by which something that reads it does not pass."""

    model: str
    fault: str
    old: str
    new: str
    folder: str = "marts"

    @property
    def path(self) -> str:
        return f"models/{self.folder}/{self.model}.sql"

    def __str__(self) -> str:
        return f"{self.model}: {self.fault}"


class BadData(NamedTuple):
    """Rows that break a data test, and no constraint."""

    fault: str
    check: str
    started: str
    """When a session starts."""
    lasts: str
    rating: int | None = None

    def __str__(self) -> str:
        return self.fault


ELSEWHERE = "flow_id <> md5('flow 1')::uuid"


def twice(model: str, last: str = "figured", folder: str = "marts") -> BadModel:
    all_rows = f"select * from {last}"
    # It stands at the end.
    return BadModel(
        model, "each key twice", f")\n\n{all_rows}", f")\n\n{all_rows} union all {all_rows}", folder
    )


BAD_MODELS = (
    # Live models, in the order in which a short run takes them.
    BadModel(
        "daily_outcomes",
        "the wrong sign",
        "sum(duration_microseconds)",
        "sum(-duration_microseconds)",
    ),
    twice("account_summaries"),
    BadModel(
        "facts",
        "joined without its key, so twice",
        "            sessions.account_id = ratings.account_id\n"
        "            and sessions.session_id = ratings.session_id\n",
        "            sessions.account_id = ratings.account_id\n",
    ),
    BadModel(
        "stg_raw__sessions",
        "rows that a filter drops",
        "where started_at is not null",
        f"where started_at is not null and {ELSEWHERE}",
        "staging",
    ),
    BadModel("periods", "a value that is none", "('7d', 7)", "('6d', 6)"),
    # The rest.
    BadModel(
        "daily_outcomes",
        "another measure",
        "sum(completed) as completed",
        "sum(sessions) as completed",
    ),
    BadModel(
        "daily_outcomes", "the wrong outcome", "sum(unresolved)", "sum(resolved + unresolved)"
    ),
    BadModel(
        "daily_outcomes",
        "rows that a filter drops",
        "    from facts\n",
        f"    from facts\n    where {ELSEWHERE}\n",
    ),
    BadModel("daily_outcomes", "counted twice", "sum(sessions)", "sum(2 * sessions)"),
    BadModel(
        "daily_outcomes",
        "a linear sum that is wrong",
        "sum(ratings) as rated",
        "sum(ratings + completed) as rated",
    ),
    BadModel(
        "daily_outcomes",
        "a count of rows",
        "sum(sessions) as sessions",
        "count(*) as sessions",
    ),
    BadModel(
        "daily_outcomes",
        "a wrong type",
        "sum(resolved) as resolved",
        "sum(resolved)::text as resolved",
    ),
    BadModel(
        "daily_outcomes", "a null", "sum(escalated) as escalated", "null::bigint as escalated"
    ),
    BadModel("daily_outcomes", "a column less", "        sum(workaround) as workaround,\n", ""),
    BadModel("daily_outcomes", "no SQL", "group by", "grupo by"),
    BadModel("daily_ratings", "the wrong sign", "sum(rating_points)", "sum(-rating_points)"),
    BadModel(
        "daily_ratings",
        "a linear sum that is wrong",
        "sum(rating_1) as",
        "sum(rating_1 + rating_2) as",
    ),
    BadModel(
        "daily_ratings",
        "rows that a filter drops",
        "where rating_day is not null",
        f"where rating_day is not null and {ELSEWHERE}",
    ),
    BadModel(
        "facts",
        "the wrong sign",
        "coalesce(ratings.rating, 0)",
        "coalesce(-ratings.rating, 0)",
    ),
    BadModel("facts", "counted twice", "1 as sessions", "2 as sessions"),
    BadModel("facts", "rows that a join drops", "left join ratings", "inner join ratings"),
    BadModel(
        "facts",
        "an outcome counted twice",
        "sessions.outcome = 'resolved' then 1",
        "sessions.outcome = 'resolved' then 2",
    ),
    BadModel("facts", "less than no time", "1000000 * extract(", "-1000000 * extract("),
    BadModel("facts", "the wrong stars", "ratings.rating = 5", "ratings.rating >= 4"),
    BadModel(
        "facts",
        "ratings that nobody gave",
        "ratings.rating is null then 0",
        "ratings.rating is null then 1",
    ),
    BadModel("step_vote_facts", "votes counted twice", "then 1 else 0", "then 2 else 0"),
    BadModel("step_vote_facts", "yes is no, too", "then 0 else 1", "then 1 else 1"),
    BadModel("step_visit_facts", "counted twice", "1 as visits", "2 as visits"),
    BadModel(
        "step_visit_facts",
        "completed and dropped off",
        "sessions.completed_at is null",
        "sessions.completed_at is not null",
    ),
    BadModel("step_edge_facts", "counted thrice", "1 as passes", "3 as passes"),
    BadModel(
        "daily_step_feedback",
        "a linear sum that is wrong",
        "sum(helpful_yes)",
        "sum(helpful_yes + helpful_no)",
    ),
    BadModel("daily_step_visits", "counted twice", "sum(visits)", "sum(2 * visits)"),
    BadModel(
        "account_hours", "counted twice", "sum(sessions)::bigint", "sum(2 * sessions)::bigint"
    ),
    BadModel("account_hours", "another measure", "sum(completed)::bigint", "sum(sessions)::bigint"),
    # Plain views.
    BadModel("periods", "two of a key", "('30d', 30)", "('7d', 30)"),
    BadModel("account_summaries", "a value that is none", "summed.part,", "'now' as part,"),
    twice("flow_summaries"),
    twice("engineer_summaries"),
    twice("step_summaries"),
    BadModel(
        "breakdowns",
        "rows that a filter drops",
        ")\n\nselect * from figured",
        ")\n\nselect * from figured where value <> 'resolved'",
    ),
    BadModel(
        "stg_raw__session_ratings",
        "upside down",
        "given_ratings.rating,",
        "6 - given_ratings.rating as rating,",
        "staging",
    ),
    BadModel(
        "stg_raw__sessions",
        "a value that is none",
        "        outcome,",
        "        upper(outcome) as outcome,",
        "staging",
    ),
)

# A team's own tests of what it expects of its data.
CHECKS = {
    "assert_no_session_is_of_the_future": "started_at > now() + interval '2 days'",
    "assert_no_session_is_older_than_the_company": "started_at < '2001-01-01'",
    "assert_no_session_lasts_a_week": "completed_at > started_at + interval '7 days'",
}

BAD_DATA = (
    BadData("a session of next month", "assert_no_session_is_of_the_future", "30 days", "1 hour"),
    BadData("a month of work", "assert_no_session_lasts_a_week", "-40 days", "30 days"),
    BadData("six stars", "assert_a_rating_is_one_of_five", "-3 days", "1 hour", 6),
    BadData("a session of next year", "assert_no_session_is_of_the_future", "370 days", "1 hour"),
    BadData(
        "a session of the year 1970",
        "assert_no_session_is_older_than_the_company",
        "-56 years",
        "1 hour",
    ),
    BadData("eight days of work", "assert_no_session_lasts_a_week", "-9 days", "8 days"),
    BadData("no star", "assert_a_rating_is_one_of_five", "-3 days", "1 hour", 0),
    BadData(
        "a session of the last century",
        "assert_no_session_is_older_than_the_company",
        "-90 years",
        "1 hour",
    ),
)

UNCHECKED: LiteralString = """
alter table raw.session_ratings drop constraint session_ratings_rating_check
"""

# One session of an account, with a number of its own.
INSERT: LiteralString = """
with session as (
    insert into raw.sessions (
        account_id, session_id, flow_id, user_id, started_at,
        started_event_id, started_occurred_at, started_received_at,
        outcome, completed_at,
        completed_event_id, completed_occurred_at, completed_received_at
    )
    values (
        %(account_id)s, %(session_id)s, md5('flow 1')::uuid, md5('user 1')::uuid,
        now() + %(started)s::interval, gen_random_uuid(), now(), now(),
        'resolved', now() + %(started)s::interval + %(lasts)s::interval,
        gen_random_uuid(), now(), now()
    )
    returning account_id, session_id
),

rating as (
    insert into raw.session_ratings
    select account_id, session_id, %(rating)s::smallint, null, gen_random_uuid(), now(), now()
    from session
    where %(rating)s::smallint is not null
)

insert into raw.changes (account_id, session_id, received_at)
select account_id, session_id, now() from session
"""

DELETE: LiteralString = """
with rating as (
    delete from raw.session_ratings where session_id = %(session_id)s
),

session as (
    delete from raw.sessions
    where session_id = %(session_id)s
    returning account_id, session_id
)

insert into raw.changes (account_id, session_id, received_at)
select account_id, session_id, now() from session
"""
