delete from raw.retentions
where account_id = %(account_id)s
