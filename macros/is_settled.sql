{#
    Whether raw holds a session as the build found it. Writers do not wait for
    a build: what was written since is for the next build to judge, and so is
    what was received just before, as its transaction may have been committed
    too late for this one.
#}
{% macro is_settled(session) -%}
    not exists (
        select 1
        from {{ source('raw', 'changes') }} as changes
        left join {{ ref('builds') }} as builds
            on changes.account_id = builds.account_id
        where
            changes.account_id = {{ session }}.account_id
            and changes.session_id = {{ session }}.session_id
            and changes.received_at > coalesce(
                builds.as_of - interval '{{ var("settling_time") }}',
                '-infinity'
            )
    )
    -- Of its own, or the two conditions could not both be hashed.
    and not exists (
        select 1
        from {{ source('raw', 'changes') }} as changes
        left join {{ ref('builds') }} as builds
            on changes.account_id = builds.account_id
        where
            changes.account_id = {{ session }}.account_id
            and changes.session_id is null
            and changes.received_at > coalesce(
                builds.as_of - interval '{{ var("settling_time") }}',
                '-infinity'
            )
    )
{%- endmacro %}
