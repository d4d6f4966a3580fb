"""What is noted of a request while it is answered: for its counting, its log line and its id."""

from typing import Any
from uuid import uuid4

from litestar.types import Message, Scope

STATUS = "upshot_status"
"""Of the answer; absent if there was none."""
ITEMS = "upshot_items"
"""How many events a batch has."""
COUNTS = "upshot_counts"
"""What became of them."""
ERROR = "upshot_error"
"""The exception that was answered with a problem."""
PROBLEM = "upshot_problem"
SAME_AGAIN = "ok_is_the_same_again"
"""Marks a handler whose 200 says that it was known already, and nothing changed."""
_ID = "upshot_request_id"


def request_id(scope: Scope) -> str:
    """Return the request's id, which is made when somebody first wants to know.

    A request that went well and that no line tells of has none.
    """
    state = scope["state"]
    found: str | None = state.get(_ID)
    if found is None:
        found = state[_ID] = f"urn:uuid:{uuid4()}"
    return found


async def tell_request(message: Message, scope: Scope) -> None:
    """Have an answer say by which id its line in the log is found, and note its status."""
    if message["type"] == "http.response.start":
        state = scope["state"]
        state[STATUS] = message["status"]
        if _ID in state:
            headers: Any = message["headers"]
            message["headers"] = [*headers, (b"x-request-id", state[_ID].encode())]
