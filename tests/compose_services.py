"""The services of compose.yaml, run without a container engine as they are written there.

A variable that the shell sets has its place, anchors are resolved by YAML, and what a container
would give another address or folder is mapped to one of this machine; nothing else is changed.
"""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import yaml
from conftest import BIN, REPOSITORY

STOPS_WITHIN = 60
VARIABLE = re.compile(r"\$(?:\$|\{(\w+)(?::?[-?]([^}]*))?\})")


def resolved(value: Any, variables: Mapping[str, str]) -> Any:
    """Put in what `${NAME:-default}` stands for, and `$` for `$$`, as Compose does."""

    def put(match: re.Match[str]) -> str:
        name, default = match.groups()
        return "$" if name is None else variables.get(name) or default or ""

    match value:
        case str():
            return VARIABLE.sub(put, value)
        case list():
            return [resolved(each, variables) for each in value]
        case dict():
            return {name: resolved(each, variables) for name, each in value.items()}
    return value


def compose(variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    read = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())
    found: dict[str, Any] = resolved(read, variables or {})
    return found


def dockerfile() -> tuple[dict[str, str], list[str]]:
    """The environment and the command that the image brings along."""
    text = (REPOSITORY / "Dockerfile").read_text().replace("\\\n", " ")
    environment = re.findall(r"(\w+)=(\S+)", "".join(re.findall(r"(?m)^ENV (.+)$", text)))
    (command,) = re.findall(r"(?m)^CMD (.+)$", text)
    return dict(environment), json.loads(command)


class Service:
    """One of our own image's services, on this machine."""

    def __init__(
        self,
        name: str,
        places: Mapping[str, str],
        log: Path,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Read it.

        Args:
            name: of the service.
            places: what an address or folder of the container is here.
            log: what it says goes there.
            variables: what the shell has set for Compose.
        """
        self.name = name
        self.log = log
        self._places = {place: here for place, here in places.items() if here}
        self._order = sorted(self._places, key=len, reverse=True)
        self._written = compose(variables)["services"][name]
        image, command = dockerfile()
        self.command = self._here(self._written.get("command", command))
        inherited = {
            each: value
            for each, value in os.environ.items()
            if not each.startswith(("UPSHOT_", "PG", "DBT_", "DAGSTER_"))
        }
        own = self._here(image | self._written["environment"])
        self.environment = inherited | own | {"PATH": f"{BIN}:{os.environ['PATH']}"}

    def _here(self, value: Any) -> Any:
        """Put this machine's places into texts, wherever one stands by itself."""
        match value:
            case str():
                pattern = "|".join(
                    rf"(?<![\w/.-]){re.escape(each)}(?![\w.-])" for each in self._order
                )
                return re.sub(pattern, lambda found: self._places[found[0]], value)
            case list():
                return [self._here(each) for each in value]
            case dict():
                return {name: self._here(each) for name, each in value.items()}
        return value

    def run(self) -> None:
        """Run it to its end, as what others wait for."""
        with self.running():
            assert self.process.wait(STOPS_WITHIN) == 0, self.log.read_text()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start it; at the end stop it as an engine does, and see that nothing is left."""
        self.start()
        try:
            yield
        finally:
            self._stop()

    def start(self) -> None:
        """Start it, for the first time or again."""
        if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
            # A shell's background jobs inherit that, and Dagster takes SIGTERM as SIGINT is taken.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command, cwd=REPOSITORY, env=self.environment,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """End all of it on the spot, as when its container is killed."""
        family = self.family()
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(5)
        psutil.wait_procs(family, 5)

    def _stop(self) -> None:
        """SIGTERM to the first process, and SIGKILL to the rest when that has ended."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            # Runs that are under way keep their server, until the engine ends both.
            if self.name != "code":
                raise
        finally:
            self.kill()

    def family(self) -> list[psutil.Process]:
        """Return its processes: those of its session."""
        found = []
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == self.process.pid:
                    found.append(process)
            except (ProcessLookupError, PermissionError):
                pass
        return found

    def await_healthy(self, seconds: float) -> None:
        """Run its own healthcheck as written, until it says that all is well."""
        kind, *command = self._here(self._written["healthcheck"]["test"])
        if kind == "CMD-SHELL":
            command = ["sh", "-c", *command]
        until = time.monotonic() + seconds
        while True:
            assert self.process.poll() is None, self.log.read_text()
            checked = subprocess.run(
                command, cwd=REPOSITORY, env=self.environment, capture_output=True, check=False
            )
            if checked.returncode == 0:
                return
            assert time.monotonic() < until, (self.name, checked, self.log.read_text())
            time.sleep(0.3)
