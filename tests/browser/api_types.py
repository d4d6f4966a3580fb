"""TypeScript's types of the API, made from its own document: `make client` writes them.

They are made of what the code alone says: not of the marts that happen to be built in a database.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

from browser.node_tools import OPENAPI_TYPESCRIPT, run_tool
from ingest.app import create_app
from ingest.mart_document import with_marts
from ingest.settings import read_settings

FILE = Path(__file__).parents[2] / "ingest" / "dashboard" / "public" / "api.d.ts"


def document() -> dict[str, Any]:
    """Return the OpenAPI document of an API whose marts are not built."""
    with tempfile.TemporaryDirectory() as home:
        app = create_app(read_settings({"UPSHOT_HOME": home}))
        return with_marts(app.openapi_schema.to_schema(), None)


def types_of(document: dict[str, Any]) -> str:
    """Return the declarations; what may be left out of a body may be left out there, too."""
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder, "openapi.json"), Path(folder, "api.d.ts")
        source.write_text(json.dumps(document))
        # The document's own order is not the same in every process.
        done = run_tool(
            *(OPENAPI_TYPESCRIPT, str(source), f"--output={made}"),
            *("--alphabetize", "--default-non-nullable=false"),
        )
        assert done.returncode == 0, done.stderr
        return made.read_text()


if __name__ == "__main__":
    FILE.write_text(types_of(document()))
