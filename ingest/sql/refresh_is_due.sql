select
    to_regclass('live.models') is null
    or exists (select true from raw.changes)
