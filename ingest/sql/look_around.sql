-- For figures over all accounts, which only a whole look gives: whoever asks
-- for them waits rather briefly.
select
    set_config('role', %(role)s, false),
    set_config('statement_timeout', '5s', false),
    set_config('lock_timeout', '1s', false)
