-- A number from 0 up to 1 that is drawn anew for each seed, and the same each
-- time. PostgreSQL takes the function's body for its call: it costs a hash.
create or replace function pg_temp.chance(subject bigint, seed bigint)
returns double precision
language sql
immutable
return (
    hashint8extended(subject, seed) & 9007199254740991
) / 9007199254740992.0::double precision
