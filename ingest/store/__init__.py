"""The only place that touches PostgreSQL: everything else speaks in wire types."""
