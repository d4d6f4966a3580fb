"""What a command says to a person while it works: on standard error, so that output stays clean."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import rich.console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

Advance = Callable[[int], None]


class Console:
    """Lines and progress bars; bars only where somebody can see them move."""

    def __init__(self) -> None:
        self._console = rich.console.Console(stderr=True, highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, markup=False)

    @contextmanager
    def bar(self, title: str, total: int | None) -> Iterator[Advance]:
        """A bar that is advanced by what is done; without a total, a count."""
        self._begin(title)
        columns: tuple[ProgressColumn, ...] = (
            (BarColumn(), TaskProgressColumn(), MofNCompleteColumn())
            if total
            else (MofNCompleteColumn(),)
        )
        with self._progress(*columns) as progress:
            task = progress.add_task(title, total=total)
            yield lambda amount: progress.update(task, advance=amount)

    @contextmanager
    def file_bar(self, name: str, size: int) -> Iterator[Advance]:
        """A bar for a file of so many bytes; for a stream, whose size is 0, a count of items."""
        title = f"Loading {name}"
        if not size:
            with self.bar(title, None) as advance:
                yield advance
            return
        self._begin(title)
        with self._progress(BarColumn(), TaskProgressColumn(), DownloadColumn()) as progress:
            task = progress.add_task(title, total=size)
            yield lambda amount: progress.update(task, advance=amount)

    @contextmanager
    def steps(self, title: str) -> Iterator[Callable[[str, int, int], None]]:
        """A bar that is told the name of each step, how many are done, and of how many."""
        self._begin(title)
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[step]}"))
        with self._progress(*columns) as progress:
            task = progress.add_task(title, total=None, step="")

            def report(step: str, done: int, total: int) -> None:
                progress.update(task, completed=done, total=total, step=step)

            yield report
            progress.update(task, step="")

    @contextmanager
    def spinner(self, title: str) -> Iterator[None]:
        """Something that takes a while and cannot say how far it is."""
        self._begin(title)
        with self._progress() as progress:
            progress.add_task(title, total=None)
            yield

    def _begin(self, title: str) -> None:
        """Where no bar moves, a line says what is going on."""
        if not self._console.is_terminal:
            self.say(f"{title} ...")

    def _progress(self, *columns: ProgressColumn) -> Progress:
        return Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}"),
            *columns,
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
