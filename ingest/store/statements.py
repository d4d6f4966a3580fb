"""The SQL: one statement a file under `ingest/sql`, named after what it does."""

from importlib.resources import files

SQL: dict[str, bytes] = {
    path.name.removesuffix(".sql"): path.read_bytes()
    for path in files("ingest").joinpath("sql").iterdir()
    if path.name.endswith(".sql")
}
"""Every statement by the name of its file."""
