-- depends: 0004.quotas

-- Who may see what: the accounts of BI users, and the functions by which tables
-- and views get their row-level security. `upshot migrate` makes the roles and
-- the functions, as they may have to be made again.

create schema access;

-- Of which account a BI user's login is. Its row-level security is written by
-- hand: of this table nobody sees more than the own row.
create table access.bi_users (
    role_name name primary key,
    account_id uuid not null,
    created_at timestamptz not null default now()
);

-- What dbt builds goes here. It makes further schemas by itself.
create schema if not exists staging;
create schema if not exists marts;
create schema if not exists live;
