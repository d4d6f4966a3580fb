select
    to_regclass('raw.changes') is not null
    and to_regnamespace('access') is not null
