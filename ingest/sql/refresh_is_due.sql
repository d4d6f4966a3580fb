select
    to_regclass('marts.facts') is null
    or exists (select true from raw.changes)
