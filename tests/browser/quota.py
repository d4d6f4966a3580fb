"""A quota that is used up, for some seconds."""

from conftest import Api, Serve, with_changes

EVENTS = 500
SECONDS = 1_000
"""The quota is given out in shares of a hundredth: there is a new one every 10 seconds."""


def little_room(api: Api, serve: Serve) -> Api:
    """Serve the same data with a small quota."""
    settings = with_changes(api.settings, quota_events=EVENTS, quota_seconds=SECONDS)
    return Api(serve(settings), settings, api.account_id)


def use_up(small: Api) -> None:
    """Use up the quota as it is now: it is 429 for 5 seconds or more."""
    size = EVENTS
    while True:
        answer = small.post_events([{}] * size)
        if answer.status_code == 429:
            if size == 1 and int(answer.headers["Retry-After"]) > 5:
                return
            size = max(1, size // 10)
