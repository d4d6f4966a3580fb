"""A clean stop: say so first, finish what is under way, wait for nobody for ever."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from ingest.problems import ShuttingDown

PATIENCE_SECONDS = 5.0
"""How long after the notice a request may take to arrive whole."""

Handler = Callable[[int, FrameType | None], Any]


class Stopping:
    """Whether this process has been told to stop.

    SIGTERM begins a notice: readiness is off and connections close after their next answer, while
    requests are still taken, so that whoever sends them has time to go elsewhere. Then the server
    closes its port and finishes what is under way.
    """

    def __init__(self, *, notice_seconds: float) -> None:
        self.has_begun = False
        self._notice = notice_seconds
        self._impatient = False
        self._awaiting: set[asyncio.Task[Any]] = set()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear of a stop before the server does; its own handlers are called after the notice."""
        loop = asyncio.get_running_loop()
        with suppress(ValueError):  # only a main thread is told of signals; others are just ended
            before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
            for each, handler in before.items():
                if callable(handler):
                    signal.signal(each, self._announce(loop, handler))
        yield

    def _announce(self, loop: asyncio.AbstractEventLoop, stop: Handler) -> Handler:
        def on_signal(number: int, _: FrameType | None) -> None:
            # Who asks again, or at a terminal, wants it now.
            notice = 0.0 if self.has_begun or number == signal.SIGINT else self._notice
            self.has_begun = True
            loop.call_soon_threadsafe(loop.call_later, notice, stop, number, None)
            loop.call_soon_threadsafe(loop.call_later, notice + PATIENCE_SECONDS, self._cut_off)

        return on_signal

    def _cut_off(self) -> None:
        self._impatient = True
        for task in self._awaiting:
            task.cancel()

    async def awaiting(self, receive: Callable[[], Any]) -> Any:
        """Return what the client sends next.

        Raises:
            ShuttingDown: it did not come in time.
        """
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in one
        self._awaiting.add(task)
        try:
            return await receive()
        except asyncio.CancelledError:
            if not self._impatient:
                raise
            task.uncancel()
            raise ShuttingDown("The service stops, and the request was not complete.") from None
        finally:
            self._awaiting.discard(task)
