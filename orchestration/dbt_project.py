"""The dbt project at the root of the repository, and what dbt knows about it."""

import os
import shutil
import subprocess
import sysconfig
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from dagster_dbt import DbtProject
from dbt.adapters.contracts.connection import Credentials
from dbt.config.runtime import load_profile
from dbt.flags import set_from_args
from dbt_common.context import set_invocation_context

ROOT = Path(__file__).resolve().parent.parent

# Beside this Python, as nobody has to activate its environment.
DBT_EXECUTABLE = Path(sysconfig.get_path("scripts"), "dbt")

PARTIAL_PARSE = "partial_parse.msgpack"

# A folder of Dagster's own: a dbt command rewrites the manifest in target/ at
# any moment, and half of one cannot be loaded. Like dbt, it goes where
# DBT_TARGET_PATH says, if the project cannot be written to.
dbt_project = DbtProject(
    ROOT, target_path=Path(os.environ.get("DBT_TARGET_PATH", "target"), "dagster")
)


def prepare_manifest(project: DbtProject) -> None:
    """Have dbt parse the project, unless it did so since the project changed.

    DbtProject.prepare_if_dev() would parse in every process of `dg dev`, each
    run included, and in no other command at all.
    """
    manifest = project.manifest_path
    changed_at = max(path.stat().st_mtime for path in _sources(project.project_dir))
    if manifest.exists() and manifest.stat().st_mtime > changed_at:
        return
    manifest.parent.mkdir(parents=True, exist_ok=True)
    started_at = time.time()
    with TemporaryDirectory(prefix="parse-", dir=manifest.parent) as target:
        copy_partial_parse(project, Path(target))
        parsed = run_dbt(project, "parse", "--quiet", target_path=Path(target))
        if parsed.returncode != 0:
            raise RuntimeError(f"dbt cannot parse the project.\n{parsed.stdout}")
        # What changes from now on has not been parsed.
        os.utime(Path(target, manifest.name), (started_at, started_at))
        for artifact in (PARTIAL_PARSE, manifest.name):
            Path(target, artifact).replace(manifest.with_name(artifact))


def run_dbt(
    project: DbtProject, *arguments: str, target_path: Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 -- no shell, and no word of anybody else's
        [
            DBT_EXECUTABLE,
            *arguments,
            *("--project-dir", project.project_dir),
            *("--profiles-dir", project.profiles_dir),
            *("--target-path", target_path),
            *("--log-path", target_path),
        ],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def copy_partial_parse(project: DbtProject, target_path: Path) -> None:
    """Spare dbt from parsing, in another target folder, what has not changed."""
    partial_parse = project.manifest_path.with_name(PARTIAL_PARSE)
    if partial_parse.exists():
        shutil.copy(partial_parse, target_path)


def warehouse_credentials(project: DbtProject) -> Credentials:
    """Where dbt builds, as dbt itself reads it from profiles.yml."""
    set_invocation_context(os.environ)
    set_from_args(Namespace(profiles_dir=project.profiles_dir), None)
    return load_profile(str(project.project_dir), {}).credentials


def _sources(project_dir: Path) -> Iterator[Path]:
    """Every file that dbt parses, and the folders, which change with a name."""
    yield project_dir / "dbt_project.yml"
    yield project_dir / "profiles.yml"
    for name in ("models", "macros", "tests/dbt", "seeds", "snapshots", "analyses"):
        folder = project_dir / name
        if folder.is_dir():
            yield folder
            yield from folder.rglob("*")


prepare_manifest(dbt_project)
