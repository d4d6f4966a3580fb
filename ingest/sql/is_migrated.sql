select to_regclass('raw.changes') is not null
