"""Group commit: what arrives while a transaction is under way goes into the next one together.

A request alone starts at once and waits for nobody. Per account there is one transaction at a time:
the more requests wait for it, the more of them share the next, and one commit to disk is all they
cost.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from ingest.problems import Problem, Unavailable

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class _Waiting(NamedTuple, Generic[Item, Answer]):
    item: Item
    answer: "asyncio.Future[Answer]"


class GroupCommit(Generic[Item, Answer]):
    """Collects items per account and runs them in groups."""

    def __init__(
        self,
        run: Callable[[UUID, Sequence[Item]], Awaitable[Sequence[Answer | Problem]]],
        *,
        key: Callable[[Item], Hashable],
        largest: int,
        most_waiting: int,
        most_waiting_per_account: int,
        count: Callable[[int], None] | None = None,
    ) -> None:
        """Prepare for items.

        Args:
            run: does a group in one transaction; an answer or a problem for each item, in order.
            key: no two items of the same key come into one group.
            largest: the most items of a group.
            most_waiting: how many may wait, of all accounts, before another is refused.
            most_waiting_per_account: how many of one, so that it harms only itself.
            count: is told how many came together.
        """
        self._run = run
        self._key = key
        self._largest = largest
        self._most_waiting = most_waiting
        self._most_per_account = most_waiting_per_account
        self._count = count
        self._queues: dict[UUID, list[_Waiting[Item, Answer]]] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._waiting = 0

    async def submit(self, account_id: UUID, item: Item) -> Answer:
        """Run an item with whatever else there is of its account; return after the commit.

        Raises:
            Problem: that of the item; Unavailable when too many wait.
        """
        queue = self._queues.get(account_id)
        if self._waiting >= self._most_waiting or len(queue or ()) >= self._most_per_account:
            raise Unavailable("Too many requests wait for the database.")
        waiting: _Waiting[Item, Answer] = _Waiting(item, asyncio.get_running_loop().create_future())
        self._waiting += 1
        try:
            if queue is not None:
                # Its worker is away with a group, and will look again.
                queue.append(waiting)
            else:
                self._queues[account_id] = [waiting]
                worker = asyncio.create_task(self._work(account_id))
                self._workers.add(worker)
                worker.add_done_callback(self._workers.discard)
            return await waiting.answer
        finally:
            self._waiting -= 1

    async def _work(self, account_id: UUID) -> None:
        queue = self._queues[account_id]
        while queue:
            group = self._take_group(queue)
            answers: Sequence[Answer | Exception]
            if self._count is not None:
                self._count(len(group))
            try:
                answers = await self._run(account_id, [waiting.item for waiting in group])
            except Exception as error:  # noqa: BLE001 - whatever it is, those who wait get it
                answers = [error] * len(group)
            for waiting, answer in zip(group, answers, strict=True):
                if waiting.answer.done():
                    continue  # whoever waited has gone
                if isinstance(answer, Exception):
                    waiting.answer.set_exception(answer)
                else:
                    waiting.answer.set_result(answer)
        del self._queues[account_id]

    def _take_group(self, queue: list[_Waiting[Item, Answer]]) -> list[_Waiting[Item, Answer]]:
        """Take the next group out of the queue, leaving the second of any key for later."""
        group: list[_Waiting[Item, Answer]] = []
        later: list[_Waiting[Item, Answer]] = []
        keys: set[Hashable] = set()
        for waiting in queue:
            if waiting.answer.done():
                continue
            key = self._key(waiting.item)
            if len(group) < self._largest and key not in keys:
                keys.add(key)
                group.append(waiting)
            else:
                later.append(waiting)
        queue[:] = later
        return group
