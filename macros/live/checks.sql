{#
    Tells the API and whoever watches which data tests pass: live.checks. What a
    test found stays where it is: rows and messages may hold personal data.

    A test that was skipped, or not selected, keeps the row of the last time, and
    so does one that read what was not published: nobody is served that. One
    that is gone from the project loses it. Unit tests say nothing of the data.
#}
{% macro publish_checks(results, unpublished) -%}
    {%- if execute and flags.WHICH in ['run', 'build', 'test'] -%}
        {%- set unserved = [] -%}
        {%- for node in graph.nodes.values()
            if node.schema ~ '.' ~ node.alias in unpublished -%}
            {%- do unserved.append(node.unique_id) -%}
        {%- endfor -%}
        {%- set of_what_is_not_served = with_all_below(unserved) -%}
        {%- set rows = [] -%}
        {%- for result in results
            if result.node.resource_type == 'test'
            and result.status in ['pass', 'warn', 'fail', 'error']
            and result.node.unique_id not in of_what_is_not_served -%}
            {%- do rows.append(
                '(' ~ quoted(result.node.name) ~ ', '
                ~ tested_model(result.node) ~ ', '
                ~ quoted(result.status) ~ ', '
                ~ (result.failures if result.failures is not none else 'null')
                ~ ')'
            ) -%}
        {%- endfor -%}
        {%- set names = [] -%}
        {%- for node in graph.nodes.values()
            if node.resource_type == 'test' -%}
            {%- do names.append(quoted(node.name)) -%}
        {%- endfor -%}
        {%- do run_query(checks_script(rows, names)) -%}
    {%- endif -%}
{%- endmacro %}


{# Tests may share a name: the worst of them counts. #}
{% macro checks_script(rows, names) -%}
{{ lock_live() }};
delete from live.checks
where name <> all(array[{{ names | join(', ') }}]::text[]);
{%- if rows %}
insert into live.checks as known (
    name, model, status, failures, checked_at, failing_since
)
select distinct on (name)
    name,
    model,
    status,
    failures::bigint,
    now(),
    case when status in ('fail', 'error') then now() end
from (
    values
    {{ rows | join(',\n    ') }}
) as ran (name, model, status, failures)
order by name, array_position(array['error', 'fail', 'warn', 'pass'], status)
on conflict (name) do update set
    model = excluded.model,
    status = excluded.status,
    failures = excluded.failures,
    checked_at = excluded.checked_at,
    failing_since = case
        when excluded.failing_since is not null
            then coalesce(known.failing_since, excluded.failing_since)
    end;
{%- endif %}
commit
{%- endmacro %}


{# The name of the model or source that a test is of, as SQL. #}
{% macro tested_model(test) -%}
    {%- set tested = [test.attached_node] if test.attached_node
        else test.depends_on.nodes -%}
    {%- if tested | length != 1 -%}
        {{ return('null::text') }}
    {%- endif -%}
    {%- set node = graph.nodes.get(tested[0])
        or graph.sources.get(tested[0]) -%}
    {{ return(quoted(node.name) if node else 'null::text') }}
{%- endmacro %}
