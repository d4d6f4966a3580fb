"""Runs dbt, on time and one run at a time, and shows what came of it."""
