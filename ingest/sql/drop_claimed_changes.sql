-- Those of a refresh that failed, too: a refresh computes everything.
delete from raw.changes
where batch_id is not null
