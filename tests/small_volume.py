"""A volume that a test can fill up, and nobody else notices."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOUNT = 'mount -t tmpfs -o size="$1",mode=0755 tmpfs "$0"'
IN_A_NAMESPACE = f"{MOUNT} && echo mounted && exec cat"
"""It lasts as long as somebody is in there: until the test, or its process, ends."""


@contextmanager
def small_volume(size: int) -> Iterator[Path | None]:
    """Make a volume of so many bytes; None where this machine lets us make none."""
    folder = Path(tempfile.mkdtemp(prefix="upshot-volume-"))
    here = [str(folder), str(size)]
    try:
        if subprocess.run(["sh", "-c", MOUNT, *here], capture_output=True, check=False).returncode:
            with _in_a_namespace(here) as place:
                yield place
        else:
            try:
                yield folder
            finally:
                # Lazily: somebody who is about to end may still have a file of it open.
                subprocess.run(["umount", "--lazy", folder], check=True)
    finally:
        folder.rmdir()


@contextmanager
def _in_a_namespace(here: list[str]) -> Iterator[Path | None]:
    """Mount it where only one process sees it, and reach it by way of that process."""
    with subprocess.Popen(
        ["unshare", "--user", "--map-current-user", "--keep-caps", "--mount",
         "sh", "-c", IN_A_NAMESPACE, *here],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as holder:  # fmt: skip
        assert holder.stdout
        mounted = holder.stdout.readline() == b"mounted\n"
        yield Path(f"/proc/{holder.pid}/root{here[0]}") if mounted else None
        holder.kill()
