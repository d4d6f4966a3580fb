{#
    Writes down what the figures are that are quotients, for the API, which
    computes them of sums that it has corrected: live.figures. What they mean
    stands with the columns of the marts. Runs at the end of each run.
#}
{% macro publish_figures() -%}
    {%- if execute and flags.WHICH in ['run', 'build'] -%}
        {%- set rows = [] -%}
        {%- for name, definition in figure_definitions().items() -%}
            {%- do rows.append(
                '(' ~ quoted(name) ~ ', ' ~ quoted(tojson(definition))
                ~ '::jsonb)'
            ) -%}
        {%- endfor -%}
        {%- do run_query(
            'insert into live.figures as known (name, definition) values '
            ~ rows | join(', ')
            ~ ' on conflict (name) do update'
            ~ ' set definition = excluded.definition'
            ~ ' where known.definition <> excluded.definition;'
            ~ ' commit'
        ) -%}
    {%- endif -%}
{%- endmacro %}
