"""Ratings and votes, one by one and very many: judged and stored by one statement a group."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import msgspec
from msgspec import Struct
from psycopg.types.json import Jsonb

from ingest.auth import Identity
from ingest.problems import PROBLEMS, Problem, Unavailable
from ingest.schema import NewRating, Rating, Vote, VoteAnswer
from ingest.store.batches import REFUSALS
from ingest.store.database import Database
from ingest.store.groups import GroupCommit

LARGEST_GROUP = 128
MOST_WAITING = 2_000
MOST_WAITING_PER_ACCOUNT = 512

REASONS = {
    "session_not_found": "There is no such session.",
    "not_your_session": "The session belongs to another user.",
    "session_not_completed": "Only a completed session can be rated.",
    "already_rated": "The session has its rating.",
    "step_not_found": "The session's flow has no such step.",
}


Row = tuple[Any, ...]
"""The event's id, the code of its problem or null, and, of a vote, whether one stood."""


class AskedRating(Struct, frozen=True, kw_only=True):
    event_id: UUID
    session_id: UUID
    user_id: UUID
    rating: int
    comment: str | None
    occurred_at: datetime


class AskedVote(Struct, frozen=True, kw_only=True):
    event_id: UUID
    session_id: UUID
    step_id: str
    user_id: UUID
    was_helpful: bool | None
    occurred_at: datetime


class Feedback:
    """Takes ratings and votes in; those that arrive together share a transaction."""

    def __init__(
        self, database: Database, *, count_group: Callable[[str, int], None] = lambda _, __: None
    ) -> None:
        """Take in for a database; `count_group` is told how many came together, and of what."""
        self._database = database
        self._ratings: GroupCommit[AskedRating, None] = GroupCommit(
            self._rate,
            key=lambda asked: asked.session_id,
            largest=LARGEST_GROUP,
            most_waiting=MOST_WAITING,
            most_waiting_per_account=MOST_WAITING_PER_ACCOUNT,
            count=partial(count_group, "rating"),
        )
        self._votes: GroupCommit[AskedVote, bool] = GroupCommit(
            self._vote,
            key=lambda asked: (asked.session_id, asked.step_id),
            largest=LARGEST_GROUP,
            most_waiting=MOST_WAITING,
            most_waiting_per_account=MOST_WAITING_PER_ACCOUNT,
            count=partial(count_group, "vote"),
        )

    async def rate(
        self, who: Identity, session_id: UUID, rating: NewRating, *, now: datetime
    ) -> Rating:
        """Rate a completed session, once.

        Raises:
            SessionNotFound, NotYourSession, SessionNotCompleted, AlreadyRated
        """
        asked = AskedRating(
            event_id=uuid4(),
            session_id=session_id,
            user_id=who.user_id,
            rating=rating.rating,
            comment=rating.comment,
            occurred_at=now,
        )
        await self._ratings.submit(who.account_id, asked)
        return Rating(
            id=asked.event_id,
            session_id=session_id,
            rating=rating.rating,
            comment=rating.comment,
            created_at=now,
        )

    async def vote(
        self, who: Identity, step_id: str, vote: Vote, *, now: datetime
    ) -> tuple[VoteAnswer, bool]:
        """Cast or change a vote on a step; return it, and whether none stood before.

        Raises:
            SessionNotFound, NotYourSession
            StepNotFound: the session's flow is known and has no such step.
        """
        stood = await self._cast(who, step_id, vote.session_id, vote.was_helpful, now)
        answer = VoteAnswer(
            step_id=step_id,
            was_helpful=vote.was_helpful,
            status="updated" if stood else "created",
        )
        return answer, not stood

    async def withdraw(
        self, who: Identity, step_id: str, session_id: UUID, *, now: datetime
    ) -> None:
        """Withdraw a vote, if one stands.

        Raises:
            SessionNotFound, NotYourSession
        """
        await self._cast(who, step_id, session_id, None, now)

    async def _cast(
        self,
        who: Identity,
        step_id: str,
        session_id: UUID,
        was_helpful: bool | None,
        now: datetime,
    ) -> bool:
        asked = AskedVote(
            event_id=uuid4(),
            session_id=session_id,
            step_id=step_id,
            user_id=who.user_id,
            was_helpful=was_helpful,
            occurred_at=now,
        )
        return await self._votes.submit(who.account_id, asked)

    async def _rate(self, account_id: UUID, asked: Sequence[AskedRating]) -> list[Problem | None]:
        return [
            _problem(answer) for answer in await self._judge("rate_sessions", account_id, asked)
        ]

    async def _vote(self, account_id: UUID, asked: Sequence[AskedVote]) -> list[bool | Problem]:
        return [
            _problem(answer) or _stood(answer)
            for answer in await self._judge("cast_votes", account_id, asked)
        ]

    async def _judge(
        self, statement: str, account_id: UUID, asked: Sequence[AskedRating | AskedVote]
    ) -> list[Row | Problem]:
        """Run the statement over all; if the database refuses one of them, over each alone."""
        try:
            return list(await self._run(statement, account_id, asked))
        except REFUSALS:
            if len(asked) == 1:
                return [Unavailable("The database could not take this.")]
        return [
            answer for each in asked for answer in await self._judge(statement, account_id, [each])
        ]

    async def _run(
        self, statement: str, account_id: UUID, asked: Sequence[AskedRating | AskedVote]
    ) -> list[Row]:
        items = Jsonb(asked, dumps=msgspec.json.encode)
        rows = await self._database.write_at_once(account_id, statement, {"items": items})
        by_event = {row[0]: row for row in rows}
        return [by_event[each.event_id] for each in asked]


def _problem(answer: Row | Problem) -> Problem | None:
    if isinstance(answer, Problem):
        return answer
    code = answer[1]
    return PROBLEMS[code](REASONS[code]) if code else None


def _stood(answer: Row | Problem) -> bool:
    return not isinstance(answer, Problem) and bool(answer[2])
