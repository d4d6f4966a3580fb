"""Tests of the dbt project; a package, as its conftest has the name of the one above."""
