"""The service: takes events in, serves figures."""
