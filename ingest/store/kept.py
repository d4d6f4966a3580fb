"""What is kept of what was read: so much of what was used last."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any
from uuid import UUID

from ingest.store.corrections import Pending


class Kept:
    """Things with the state that they are of; so many of those used last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, tuple[Hashable, Any]] = OrderedDict()

    def find(self, key: Hashable, state: Hashable) -> Any:
        """Return the thing if it is of that state, else nothing."""
        of, found = self._kept.get(key, (None, None))
        if found is None or of != state:
            return None
        self._kept.move_to_end(key)
        return found

    def keep(self, key: Hashable, state: Hashable, thing: object) -> None:
        self._kept[key] = (state, thing)
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)


class KeptBytes:
    """Encoded things with the state that they are of; those used last, up to so many bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[Hashable, tuple[Hashable, Any, int]] = OrderedDict()

    def find(self, key: Hashable, state: Hashable) -> Any:
        """Return the thing if it is of that state, else nothing."""
        of, found, _ = self._kept.get(key, (None, None, 0))
        if found is None or of != state:
            return None
        self._kept.move_to_end(key)
        return found

    def keep(self, key: Hashable, state: Hashable, thing: object, size: int) -> None:
        """Keep a thing of that many bytes, unless it alone is too large."""
        _, _, replaced = self._kept.pop(key, (None, None, 0))
        self._bytes -= replaced
        if size > self._most:
            return
        self._kept[key] = (state, thing, size)
        self._bytes += size
        while self._bytes > self._most:
            _, (_, _, forgotten) = self._kept.popitem(last=False)
            self._bytes -= forgotten


class KeptPending:
    """The pending sessions of the accounts used last: so many, with so many changes in all."""

    def __init__(self, most_accounts: int, most_changes: int) -> None:
        self._most_accounts = most_accounts
        self._most_changes = most_changes
        self._kept: OrderedDict[UUID, Pending] = OrderedDict()

    def of(self, account_id: UUID, version: UUID | None) -> Pending:
        """Return what is kept of the account's version, or else something that knows nothing."""
        pending = self._kept.get(account_id)
        if pending is None or pending.version != version:
            self._kept.pop(account_id, None)
            pending = self._kept[account_id] = Pending(version)
            self.limit()
        self._kept.move_to_end(account_id)
        return pending

    def limit(self) -> None:
        """Forget the accounts that were used longest ago, until few enough changes are left."""
        changes = sum(pending.changes for pending in self._kept.values())
        while changes > self._most_changes or len(self._kept) > self._most_accounts:
            _, pending = self._kept.popitem(last=False)
            changes -= pending.changes
