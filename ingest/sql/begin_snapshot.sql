-- One snapshot for all that is read. (sqlfluff does not know the statement.)
set transaction isolation level repeatable read, read only -- noqa: PRS
