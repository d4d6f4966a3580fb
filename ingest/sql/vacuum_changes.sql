-- Without the lock that cutting the table short takes: it would be for nothing,
-- as the log grows again.
vacuum (truncate off) raw.changes -- noqa: PRS
