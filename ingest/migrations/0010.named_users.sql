-- depends: 0006.sessions_by_start

-- The ids of both, each once and in order. A function, as an upsert on Citus
-- takes no query: and one that gives the same on every node, whenever.
create function raw.union_of(uuid[], uuid[]) returns uuid[]
language sql immutable strict parallel safe
return array(
    select distinct united.id
    from unnest($1 || $2) as united (id)
    order by united.id
);
