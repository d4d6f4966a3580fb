select
    role_name::text as name,
    account_id
from access.bi_users
order by role_name
