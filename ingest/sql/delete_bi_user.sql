delete from access.bi_users
where role_name = %(name)s
