select
    current_setting('server_version') as version,
    to_regclass('raw.changes') is not null
    and to_regnamespace('access') is not null as is_migrated
