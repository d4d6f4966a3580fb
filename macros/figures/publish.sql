{#
    Writes down what the figures are and mean, for whoever reads the marts
    without dbt: live.figures. The quotients are those of figures.sql; what they
    mean, and what the other columns of the summaries mean, stands with these.
    Runs at the end of a run that had a summary in it.
#}
{% macro publish_figures(results) -%}
    {%- if execute and flags.WHICH in ['run', 'build'] -%}
        {%- set definitions = figure_definitions() -%}
        {%- set rows = {} -%}
        {%- for result in results
            if result.status == 'success'
            and result.node.name in described_models() -%}
            {%- for column in result.node.columns.values() -%}
                {%- do rows.update({column.name: column.description}) -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- if rows -%}
            {%- set values = [] -%}
            {%- for name, description in rows.items() -%}
                {%- do values.append(
                    '(' ~ quoted(name) ~ ', '
                    ~ (quoted(tojson(definitions[name]))
                        if name in definitions else 'null')
                    ~ '::jsonb, ' ~ quoted(description) ~ ')'
                ) -%}
            {%- endfor -%}
            {%- do run_query(
                'insert into live.figures as known (name, definition, description)'
                ~ ' values ' ~ values | join(', ')
                ~ ' on conflict (name) do update set'
                ~ ' definition = excluded.definition,'
                ~ ' description = excluded.description'
                ~ ' where (known.definition, known.description)'
                ~ ' is distinct from (excluded.definition, excluded.description);'
                ~ ' commit'
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{# Whose columns are figures. #}
{% macro described_models() -%}
    {{ return(['account_summaries', 'step_summaries', 'step_edges']) }}
{%- endmacro %}
