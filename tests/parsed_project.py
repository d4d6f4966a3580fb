"""The dbt project, parsed once for all databases of the tests.

dbt parses it anew for each name of a database, as the name is in most of what it keeps of a
project. Here the name is replaced in that, so that dbt only has to read it.
"""

import os
from argparse import Namespace
from pathlib import Path
from pprint import pformat
from urllib.parse import urlsplit

from dbt.artifacts.resources.base import FileHash
from dbt.config.runtime import load_profile
from dbt.flags import set_from_args
from dbt_common.context import set_invocation_context

from ingest.dbt_runs import PROJECT, run_dbt
from ingest.settings import Settings


class ParsedProject:
    def __init__(self, settings: Settings, url: str) -> None:
        """Parse for the database of the URL, which need not exist."""
        run_dbt(settings, url, ["parse"])
        target = settings.home / "dbt" / "target"
        self.manifest = target / "manifest.json"
        """What dbt knows of the project, of a database that is not there."""
        self._kept = (target / "partial_parse.msgpack").read_bytes()
        self._database = _database_of(url)
        self._connection = _connection_of_the_profile()
        assert self._kept.count(_hash(self._connection)) == 1

    def put(self, target: Path, url: str) -> None:
        """Let dbt find it in a target folder, for another database on the same server."""
        database = _database_of(url)
        # Each text stands behind its length.
        assert len(database) == len(self._database)
        connection = self._connection.replace(self._database, database)
        kept = self._kept.replace(_hash(self._connection), _hash(connection))
        kept = kept.replace(self._database.encode(), database.encode())
        target.mkdir(parents=True, exist_ok=True)
        (target / "partial_parse.msgpack").write_bytes(kept)


def _database_of(url: str) -> str:
    return urlsplit(url).path[1:]


def _connection_of_the_profile() -> str:
    """Return what dbt goes by when it asks whether the profile has changed."""
    set_invocation_context(os.environ)
    set_from_args(Namespace(profiles_dir=str(PROJECT)), None)
    credentials = load_profile(str(PROJECT), {}).credentials
    return pformat(sorted(credentials.connection_info()))


def _hash(text: str) -> bytes:
    return FileHash.from_contents(text).checksum.encode()
