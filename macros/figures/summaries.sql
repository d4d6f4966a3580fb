{#
    The figures of every account, flow or engineer in every period, and in the
    window before it. `days` has them by day, in the column `day`, and `key` is
    the column to tell them apart by; none for the account. `durations` has how
    long sessions took by day; `votes`, what was thought of steps.

    The window before ends at this point of the day. Its last day is summed up
    from facts, the others from `days`. Lateral: or a window's days would not
    reach the indexes.
#}
{% macro summaries(days, day, key=none, votes=none) -%}
with windows as (
    select
        periods.account_id,
        periods.period,
        parts.part,
        parts.day_from,
        parts.day_to,
        parts.until
    from {{ ref('compared_periods') }} as periods
    cross join lateral (
        values
        ('current', periods.day_from, periods.day_to, null::time),
        (
            'previous',
            periods.previous_from,
            periods.previous_to,
            periods.previous_until
        )
    ) as parts (part, day_from, day_to, until)
),

summed as (
    select
        windows.account_id,
        windows.period,
        windows.part,
        {%- if key %}
        sums.{{ key }},
        {%- endif %}
        windows.day_from,
        windows.day_to,
        windows.until,
        {{ columns_of('sums', summary_measures(votes)) | indent(8) }}
    from windows
    cross join lateral (
        select
            {%- if key %}
            parts.{{ key }},
            {%- endif %}
            {%- for measure in summary_measures(votes) %}
            coalesce(sum(parts.{{ measure }}), 0)::bigint as {{ measure }}
            {{- ',' if not loop.last }}
            {%- endfor %}
        from (
            select
                {{ part_of_summary('days', key, votes, {
                    'sessions': 'sessions', 'rated': 'rated',
                    'ratings': 'ratings',
                }) | indent(16) }}
            from {{ days }} as days
            where
                days.account_id = windows.account_id
                and days.{{ day }} >= windows.day_from
                and days.{{ day }} <= windows.day_to
                and (windows.until is null or days.{{ day }} < windows.day_to)
                {%- if day != 'day' %}
                and days.span_days = 1
                {%- endif %}
            union all
            select
                {{ part_of_summary('started', key, votes, {
                    'sessions': 'sessions', 'rated': 'ratings',
                }) | indent(16) }}
            from {{ ref('facts') }} as started
            where
                windows.until is not null
                and windows.day_from <= windows.day_to
                and started.account_id = windows.account_id
                and started.day = windows.day_to
                and started.started_time < windows.until
            union all
            select
                {{ part_of_summary('rated', key, votes, {
                    'ratings': 'ratings',
                }) | indent(16) }}
            from {{ ref('facts') }} as rated
            where
                windows.until is not null
                and windows.day_from <= windows.day_to
                and rated.account_id = windows.account_id
                and rated.rating_day = windows.day_to
                and rated.rating_time < windows.until
            {%- if votes %}
            union all
            select
                {{ part_of_summary('voted', key, votes, {
                    'votes': 'votes',
                }) | indent(16) }}
            from {{ votes }} as voted
            where
                voted.account_id = windows.account_id
                and voted.day >= windows.day_from
                and voted.day <= windows.day_to
                and (windows.until is null or voted.day < windows.day_to)
            union all
            select
                {{ part_of_summary('votes', key, votes, {
                    'votes': 'votes',
                }) | indent(16) }}
            from {{ ref('step_vote_facts') }} as votes
            where
                windows.until is not null
                and windows.day_from <= windows.day_to
                and votes.account_id = windows.account_id
                and votes.day = windows.day_to
                and votes.time < windows.until
            {%- endif %}
        ) as parts
        {%- if key %}
        group by parts.{{ key }}
        {%- endif %}
    ) as sums
)
{%- endmacro %}


{# Columns of a row, one a line. #}
{% macro columns_of(row, names) -%}
    {{ return(row ~ '.' ~ names | join(',\n' ~ row ~ '.')) }}
{%- endmacro %}


{# The sums that a summary has. #}
{% macro summary_measures(votes) -%}
    {{ return(
        session_measures() + ['rated'] + rating_measures()
        + (vote_measures() if votes else [])
    ) }}
{%- endmacro %}


{% macro session_measures() -%}
    {{ return([
        'sessions', 'completed', 'duration_microseconds', 'resolved',
        'escalated', 'workaround', 'unresolved',
    ]) }}
{%- endmacro %}


{% macro rating_measures() -%}
    {{ return([
        'ratings', 'rating_points', 'rating_1', 'rating_2', 'rating_3',
        'rating_4', 'rating_5',
    ]) }}
{%- endmacro %}


{% macro vote_measures() -%}
    {{ return(['helpful_yes', 'helpful_no']) }}
{%- endmacro %}


{#
    All measures of a summary, in one order: of sessions, ratings and votes
    where the row has them, and 0 else. `has` names what it has, and the column
    that says whether a session is rated.
#}
{% macro part_of_summary(row, key, votes, has) -%}
    {%- set columns = [] -%}
    {%- if key -%}
        {%- do columns.append(row ~ '.' ~ key) -%}
    {%- endif -%}
    {%- for measure in session_measures() -%}
        {%- do columns.append(
            (row ~ '.' if has.sessions else '0 as ') ~ measure
        ) -%}
    {%- endfor -%}
    {%- do columns.append(
        row ~ '.' ~ has.rated ~ ' as rated' if has.rated else '0 as rated'
    ) -%}
    {%- for measure in rating_measures() -%}
        {%- do columns.append(
            (row ~ '.' if has.ratings else '0 as ') ~ measure
        ) -%}
    {%- endfor -%}
    {%- for measure in vote_measures() if votes -%}
        {%- do columns.append(
            (row ~ '.' if has.votes else '0 as ') ~ measure
        ) -%}
    {%- endfor -%}
    {{ return(columns | join(',\n')) }}
{%- endmacro %}


{#
    A percentile of how long the completed sessions of a row of `summed` took
    (minutes): of their durations in ascending order the first that is not less
    than so many of all of them, as the middle of its bucket. null of none.
#}
{% macro duration_percentile(share, key=none) -%}
(
    select
        ({{ middle_of_bucket('ranked.duration_bucket') }} / 60000000.0)
        ::numeric(18, 1)
    from (
        select
            buckets.duration_bucket,
            sum(buckets.completed) over (
                order by buckets.duration_bucket
            ) as completed_up_to,
            sum(buckets.completed) over () as completed
        from (
            {{ duration_buckets(key) | indent(12) }}
        ) as buckets
    ) as ranked
    where ranked.completed_up_to >= {{ share }} * ranked.completed
    order by ranked.duration_bucket
    limit 1
)
{%- endmacro %}


{# By day, and of the day that is cut short from facts. #}
{% macro duration_buckets(key) -%}
select
    parts.duration_bucket,
    sum(parts.completed) as completed
from (
    {%- if key == 'user_id' %}
    select
        days.duration_bucket,
        days.completed
    from {{ ref('facts') }} as days
    where
        days.user_id = summed.user_id
        and days.duration_bucket is not null
        and days.account_id = summed.account_id
        and days.day >= summed.day_from
        and days.day <= summed.day_to
        and (summed.until is null or days.day < summed.day_to)
    {%- else %}
    select
        days.duration_bucket,
        days.completed
    from {{ ref('flow_durations' if key else 'account_durations') }} as days
    where
        {%- if key %}
        days.{{ key }} = summed.{{ key }}
        and
        {%- endif %}
        days.account_id = summed.account_id
        and days.span_days = 1
        and days.day_from >= summed.day_from
        and days.day_from <= summed.day_to
        and (summed.until is null or days.day_from < summed.day_to)
    {%- endif %}
    union all
    select
        started.duration_bucket,
        started.completed
    from {{ ref('facts') }} as started
    where
        summed.until is not null
        and summed.day_from <= summed.day_to
        {%- if key %}
        and started.{{ key }} = summed.{{ key }}
        {%- endif %}
        and started.duration_bucket is not null
        and started.account_id = summed.account_id
        and started.day = summed.day_to
        and started.started_time < summed.until
) as parts
group by parts.duration_bucket
{%- endmacro %}
