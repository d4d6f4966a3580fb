"""Vega-Lite for browsers: vl-convert carries it, and this makes one script of it.

Making it takes seconds, so it is kept in the data folder; another version makes another file.
"""

import asyncio
import os
import sys
from importlib.metadata import version
from pathlib import Path

from ingest.assets import Asset

NAME = "vega.js"
VERSION = version("vl-convert-python")
_MAKE = """
import sys, vl_convert
sys.stdout.buffer.write(vl_convert.javascript_bundle("export {vegaEmbed};").encode())
"""


class ChartLibrary:
    """Makes it once, for whoever asks first."""

    def __init__(self, home: Path) -> None:
        self._path = home / f"vega-{VERSION}.js"
        self._lock = asyncio.Lock()
        self._asset: Asset | None = None

    async def asset(self) -> Asset:
        """Return the script, a module that exports `vegaEmbed`."""
        async with self._lock:
            if self._asset is None:
                if not self._path.exists():
                    await self._make()
                self._asset = await asyncio.to_thread(Asset.of, NAME, self._path.read_bytes())
        return self._asset

    async def _make(self) -> None:
        # In a process of its own: it would hold up all the others' answers here.
        making = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _MAKE, stdout=asyncio.subprocess.PIPE
        )
        content, _ = await making.communicate()
        if making.returncode != 0:
            raise RuntimeError(f"vl-convert ended with {making.returncode}.")
        made = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_bytes(content)
        made.replace(self._path)
