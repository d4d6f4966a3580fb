{# A model's SQL over other tables than those it was written over. #}


{# The database's name may change, when it is restored under another one. #}
{% macro without_database(sql) -%}
    {{ return(sql | replace('"' ~ target.database ~ '".', '')) }}
{%- endmacro %}


{#
    The definition's SQL with each live model that it reads replaced: by what
    `relations` has under the model's name, or else by its relation in schema
    live with the given suffix. The SQL names a candidate as it names the model
    that it is one of.
#}
{% macro sql_over(definition, suffix, relations={}) -%}
    {%- set ctes = [] -%}
    {%- set rendered = {'sql': definition.sql} -%}
    {%- for name in definition.reads -%}
        {%- set said = model_of(name) -%}
        {%- do ctes.append(
            said ~ ' as not materialized (\nselect * from '
            ~ relations.get(name, 'live.' ~ name ~ suffix) ~ '\n)'
        ) -%}
        {%- do rendered.update({'sql': modules.re.sub(
            '"\\w+"\\."' ~ said ~ '"', said, rendered.sql
        )}) -%}
    {%- endfor -%}
    {{ return('with ' ~ ctes | join(',\n') ~ '\nselect * from (\n'
        ~ rendered.sql ~ '\n) as summed' if ctes else definition.sql) }}
{%- endmacro %}


{#
    SQL with the definitions of the views that it reads in front, and of those
    that they read. A live model keeps the views as they were when it was built:
    what they become is its next definition.

    "not materialized": or what is asked of the whole would not reach the
    tables, and all of raw would be read for one account.
#}
{% macro with_inlined_views(sql, views) -%}
    {%- set definitions = {} -%}
    {%- for view in views -%}
        {%- do collect_view(view, definitions) -%}
    {%- endfor -%}
    {%- set ctes = [] -%}
    {%- set rendered = {'sql': sql} -%}
    {%- for view, definition in definitions.items() -%}
        {%- set schema, name = view.split('.') -%}
        {%- do ctes.append(
            name ~ ' as not materialized (\n' ~ definition ~ '\n)'
        ) -%}
        {%- do rendered.update({'sql': rendered.sql
            | replace('"' ~ schema ~ '"."' ~ name ~ '"', name)}) -%}
    {%- endfor -%}
    {{ return('with ' ~ ctes | join(',\n') ~ '\nselect * from (\n'
        ~ rendered.sql ~ '\n) as contributions') }}
{%- endmacro %}


{#
    Adds the view, after all those that it reads. What was a view is then a
    table expression of the same name: columns are qualified by it.
#}
{% macro collect_view(view, definitions) -%}
    {%- if view not in definitions -%}
        {%- set found = run_query(
            "select pg_get_viewdef('" ~ view ~ "'::regclass)"
        ).columns[0].values()[0].rstrip(';') -%}
        {%- set used = run_query(
            "select distinct used.relnamespace::regnamespace || '.'
                || used.relname
            from pg_depend
            join pg_rewrite on pg_depend.objid = pg_rewrite.oid
            join pg_class as used
                on pg_depend.refobjid = used.oid and used.relkind = 'v'
            where
                pg_depend.classid = 'pg_rewrite'::regclass
                and pg_depend.refclassid = 'pg_class'::regclass
                and pg_rewrite.ev_class = '" ~ view ~ "'::regclass
                and used.oid <> pg_rewrite.ev_class
            order by 1"
        ).columns[0].values() -%}
        {%- set rendered = {'sql': found} -%}
        {%- for other in used -%}
            {%- do collect_view(other, definitions) -%}
            {%- do rendered.update({'sql': modules.re.sub(
                '\\b' ~ other | replace('.', '\\.') ~ '\\b',
                other.split('.')[1],
                rendered.sql
            )}) -%}
        {%- endfor -%}
        {%- do definitions.update({view: rendered.sql}) -%}
    {%- endif -%}
{%- endmacro %}


{#
    The SQL of a model that reads staging over the rows in raw of one session:
    of a row named pending, beside which it stands as a lateral subquery. As
    this asks for one session at a time, it takes the same time for each,
    whatever the planner believes about how many there are.
#}
{% macro sql_over_pending(definition) -%}
    {%- set ctes = [] -%}
    {%- set rendered = {'sql': definition.sql} -%}
    {%- for table, columns in session_tables().items() -%}
        {%- do ctes.append(
            table ~ ' as not materialized (\n'
            ~ 'select ' ~ columns ~ ' from raw.' ~ table ~ '\n'
            ~ 'where ' ~ table ~ '.account_id = pending.account_id '
            ~ 'and ' ~ table ~ '.session_id = pending.session_id\n)'
        ) -%}
        {%- do rendered.update({'sql': modules.re.sub(
            '\\braw\\.' ~ table ~ '\\b', table, rendered.sql
        )}) -%}
    {%- endfor -%}
    {{ return('with ' ~ ctes | join(',\n')
        ~ modules.re.sub('^with ', ',\n', rendered.sql)) }}
{%- endmacro %}


{#
    The tables of raw whose rows belong to a session, and of each the columns
    that a mart may be made of: those that everybody may see who may see marts.
#}
{% macro session_tables() -%}
    {%- set tables = {} -%}
    {%- for table, columns in run_query(
        "select
            pg_class.relname::text,
            string_agg(
                quote_ident(pg_attribute.attname), ', '
                order by pg_attribute.attnum
            )
        from pg_class
        join pg_attribute on pg_class.oid = pg_attribute.attrelid
        where
            pg_class.relnamespace = to_regnamespace('raw')
            and pg_class.relkind in ('r', 'p')
            and pg_class.relname <> 'changes'
            and pg_attribute.attnum > 0
            and not pg_attribute.attisdropped
            -- By numbers: a name that it does not know would be an error, and
            -- the planner may ask it of what the other conditions leave out.
            and has_column_privilege(
                'upshot_bi', pg_class.oid, pg_attribute.attnum, 'select'
            )
        group by pg_class.relname
        having bool_or(pg_attribute.attname = 'session_id')
        order by pg_class.relname"
    ).rows -%}
        {%- do tables.update({table: columns}) -%}
    {%- endfor -%}
    {{ return(tables) }}
{%- endmacro %}


{# The definition's columns, measures rendered by the given pattern. #}
{% macro column_list(definition, measure='{}') -%}
    {%- set rendered = [] -%}
    {%- for column in definition.columns -%}
        {%- do rendered.append(
            measure | replace('{}', column.name) | replace('{type}', column.type)
            if column.name in definition.measures else column.name
        ) -%}
    {%- endfor -%}
    {{ return(rendered | join(', ')) }}
{%- endmacro %}


{# Two rows, by the names given them, have the same key. #}
{% macro same_key(definition, left, right) -%}
    {%- set equal = [] -%}
    {%- for column in definition.key -%}
        {%- do equal.append(
            left ~ '.' ~ column ~ ' = ' ~ right ~ '.' ~ column
        ) -%}
    {%- endfor -%}
    {{ return(equal | join(' and ')) }}
{%- endmacro %}


{# A row has a measure that is not 0; `measure` renders one of them. #}
{% macro counts_something(definition, measure='{}') -%}
    {%- set nonzero = [] -%}
    {%- for name in definition.measures -%}
        {%- do nonzero.append(measure | replace('{}', name) ~ ' <> 0') -%}
    {%- endfor -%}
    {{ return('(' ~ nonzero | join(' or ') ~ ')') }}
{%- endmacro %}
