"""Who sees whose comments.

Admins see all, with names; an engineer those on their own sessions. The comments of others are
shown without a name, and only where enough people have rated the flow that none is found out.
"""

from typing import Self
from uuid import UUID

from msgspec import Struct

from ingest.auth import ADMINS, Identity

FEWEST_RATERS = 5


class Viewer(Struct, frozen=True):
    """Somebody who asks for comments."""

    sees_all: bool
    own_id: UUID | None
    """Whose comments they see as their own: a service has none."""

    @classmethod
    def of(cls, who: Identity) -> Self:
        if who.role in ADMINS:
            return cls(sees_all=True, own_id=None)
        return cls(sees_all=False, own_id=who.user_id if who.role == "engineer" else None)
