"""All of a list that comes in pages."""

from typing import Any

from conftest import Api


def all_pages(
    api: Api, path: str, params: dict[str, Any] | None = None, *, limit: int = 500, **who: Any
) -> list[dict[str, Any]]:
    """Return what is in the pages of a list, page by page."""
    kind = path.strip("/")
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        asked = {**(params or {}), "limit": limit} | ({"cursor": cursor} if cursor else {})
        answer = api("GET", path, params=asked, **who)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert len(body[kind]) <= limit
        rows += body[kind]
        cursor = body["next_cursor"]
        if cursor is None:
            return rows
        assert len(body[kind]) == limit


def all_sessions(api: Api, params: dict[str, Any] | None = None, **who: Any) -> list[Any]:
    """Return the sessions behind the figures of the same window and filters."""
    return all_pages(api, "/sessions", params, **{"role": "team_admin"} | who)


def count_sessions(api: Api, params: dict[str, Any] | None = None, **who: Any) -> int:
    """Return how many there are, as the list itself says."""
    asked = {**(params or {}), "limit": 1, "total": "true"}
    answer = api("GET", "/sessions", params=asked, **{"role": "team_admin"} | who)
    assert answer.status_code == 200, answer.text
    total: int = answer.json()["total"]
    return total
