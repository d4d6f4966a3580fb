-- How much room the tables of each schema take, with their indexes.
select
    pg_class.relnamespace::regnamespace::text as table_schema,
    sum(pg_total_relation_size(pg_class.oid))::bigint as bytes
from pg_class
where
    pg_class.relkind = 'r'
    and pg_class.relnamespace::regnamespace::text in ('raw', 'live')
group by pg_class.relnamespace
order by table_schema desc
