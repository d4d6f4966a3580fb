update raw.changes
set batch_id = %(batch_id)s
where batch_id is null
