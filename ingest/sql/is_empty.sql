select
    not exists (select true from raw.events)
    and not exists (select true from raw.accounts)
    and not exists (select true from raw.sessions)
