{#
    In `dbt build` models and data tests read the candidate of a model that
    changed; see live/candidates.sql.
#}
{% macro ref() -%}
    {%- set relation = builtins.ref(*varargs, **kwargs) -%}
    {%- if execute and is_tested_first()
        and model.resource_type in ['model', 'test'] -%}
        {{ return(candidate_or_itself(relation)) }}
    {%- endif -%}
    {{ return(relation) }}
{%- endmacro %}


{#
    In unit tests, rows given of a model have the columns of its candidate: dbt
    would look at what is served.
#}
{% macro get_fixture_sql(rows, column_name_to_data_types) -%}
    {%- set relation = candidate_or_itself(this)
        if is_tested_first() and not column_name_to_data_types else this -%}
    {%- if relation.schema == this.schema -%}
        {{ return(dbt.get_fixture_sql(rows, column_name_to_data_types)) }}
    {%- endif -%}
    {%- set types = {} -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
        {%- do types.update({column.name | lower: column.data_type}) -%}
    {%- endfor -%}
    {%- set selects = [] -%}
    {%- for row in rows or [{}] -%}
        {%- set given = format_row(row, types) -%}
        {%- set columns = [] -%}
        {%- for name, type in types.items() -%}
            {%- do columns.append(
                given.get(name, safe_cast('null', type))
                ~ ' as ' ~ adapter.quote(name)
            ) -%}
        {%- endfor -%}
        {%- do selects.append('select ' ~ columns | join(', ')) -%}
    {%- endfor -%}
    {{ return(selects | join('\nunion all\n')
        ~ ('' if rows else '\nlimit 0')) }}
{%- endmacro %}
