"""What people wrote: named for those who may know, unnamed where enough people have rated."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from conftest import Api
from events import Event, event
from pages import all_pages

from ingest.refresh import refresh

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
NAMELESS = {"user_id": None, "user_name": None, "session_id": None}


class Account:
    """An account in which people rate flows."""

    def __init__(self, api: Api) -> None:
        self.api = api.of(uuid4())
        self.minutes = 0

    def rate(
        self,
        flow_id: UUID,
        user_id: UUID,
        comment: str | None = "Fine.",
        rating: int = 4,
        *,
        is_completed: bool = True,
    ) -> UUID:
        """A session that is rated; each a minute after the last."""
        session_id = uuid4()
        of = {"session_id": session_id}
        self.minutes += 1
        rated_at = (NOW + timedelta(minutes=self.minutes)).isoformat()
        events = [event("session.started", **of, flow_id=flow_id, user_id=user_id)]
        if is_completed:
            events.append(event("session.completed", **of, outcome="resolved"))
        rated = event("session.rated", **of, rating=rating, comment=comment)
        self.send(*events, rated | {"occurred_at": rated_at})
        return session_id

    def name(self, user_id: UUID, name: str) -> None:
        self.send(event("user.upserted", user_id=user_id, name=name, role="engineer"))

    def send(self, *events: Event) -> None:
        assert self.api.post_events(list(events)).status_code == 200

    def comments(
        self, role: str = "team_admin", user_id: UUID | None = None, **params: Any
    ) -> list[Any]:
        return all_pages(self.api, "/comments", params, role=role, user_id=user_id, limit=3)

    def texts(self, *who: Any, **params: Any) -> list[str]:
        return [row["comment"] for row in self.comments(*who, **params)]

    def on_days(self, first: str, last: str) -> list[str]:
        days = {"from": first, "to": last}
        rows = all_pages(self.api, "/comments", days, role="team_admin")
        return [row["comment"] for row in rows]

    def on_the_flow(self, flow_id: UUID, role: str, user_id: UUID) -> list[tuple[str, str]]:
        """The comments that the figures of a flow come with."""
        answer = self.api("GET", f"/analytics/flows/{flow_id}", role=role, user_id=user_id)
        assert answer.status_code == 200, answer.text
        return [(row["comment"], row["user_name"]) for row in answer.json()["recent_comments"]]


@pytest.fixture
def account(shared_live_api: Api) -> Account:
    return Account(shared_live_api)


# --- who sees whose ------------------------------------------------------------------------------


def test_an_admin_sees_all_with_names(account: Account) -> None:
    flow_id, user_id = uuid4(), uuid4()
    session_id = account.rate(flow_id, user_id, "Quick.", 5)
    account.name(user_id, "Dana")
    for role in ("team_admin", "super_admin"):
        assert account.comments(role) == [
            {
                "rating": 5,
                "comment": "Quick.",
                "created_at": "2026-03-10T12:01:00Z",
                "flow_id": str(flow_id),
                "flow_name": "Unknown",
                "session_id": str(session_id),
                "user_id": str(user_id),
                "user_name": "Dana",
            }
        ]


def test_an_engineer_sees_their_own_with_their_name(account: Account) -> None:
    flow_id, me = uuid4(), uuid4()
    session_id = account.rate(flow_id, me, "Mine.")
    account.rate(flow_id, uuid4(), "Theirs.")
    [row] = account.comments("engineer", me)
    assert (row["comment"], row["session_id"], row["user_id"]) == (
        "Mine.",
        str(session_id),
        str(me),
    )
    # A service is nobody's name, though its token may have one's id.
    assert account.comments("service", me) == []


def test_others_are_shown_unnamed_when_five_people_have_rated_the_flow(account: Account) -> None:
    flow_id, elsewhere, me = uuid4(), uuid4(), uuid4()
    people = [uuid4() for _ in range(5)]
    account.rate(flow_id, people[0], "First.")
    # Again by the same, without a comment, of another flow, and not completed: no more people.
    account.rate(flow_id, people[0], "Again.")
    for person in people[1:4]:
        account.rate(flow_id, person, None)
    for person in people:
        account.rate(elsewhere, person, None)
    account.rate(flow_id, people[4], None, is_completed=False)
    for asker in (("engineer", me), ("service", me)):
        assert account.texts(*asker) == []
        assert account.texts(*asker, flow_id=str(flow_id)) == []
        assert account.on_the_flow(flow_id, *asker) == []

    account.rate(flow_id, people[4], None)
    for asker in (("engineer", me), ("service", me)):
        rows = account.comments(*asker)
        assert [row["comment"] for row in rows] == ["Again.", "First."]
        assert all(row | NAMELESS == row for row in rows)
        assert account.comments(*asker, flow_id=str(flow_id)) == rows
        assert account.comments(*asker, flow_id=str(elsewhere)) == []
        assert account.on_the_flow(flow_id, *asker) == [
            ("Again.", "Anonymous"),
            ("First.", "Anonymous"),
        ]


def test_they_are_hidden_again_when_one_of_five_is_erased(account: Account) -> None:
    flow_id, me = uuid4(), uuid4()
    people = [uuid4() for _ in range(5)]
    for person in people:
        account.rate(flow_id, person)
    assert len(account.texts("engineer", me)) == 5
    assert len(account.on_the_flow(flow_id, "engineer", me)) == 5
    account.send(event("user.erased", user_id=people[0]) | {"occurred_at": NOW.isoformat()})
    assert account.texts("engineer", me) == []
    assert account.on_the_flow(flow_id, "engineer", me) == []
    assert len(account.texts()) == 4


def test_an_engineer_is_one_of_the_five(account: Account) -> None:
    flow_id, me = uuid4(), uuid4()
    account.rate(flow_id, me, "Mine.")
    for number in range(3):
        account.rate(flow_id, uuid4(), f"Of {number}.")
    assert account.texts("engineer", me) == ["Mine."]
    assert account.on_the_flow(flow_id, "engineer", me) == [("Mine.", "Unknown")]
    account.rate(flow_id, uuid4(), None)
    rows = account.comments("engineer", me)
    assert [(row["comment"], row["user_id"]) for row in rows] == [
        ("Of 2.", None),
        ("Of 1.", None),
        ("Of 0.", None),
        ("Mine.", str(me)),
    ]


def test_the_flow_answers_everybody_as_they_may_know(account: Account) -> None:
    """One answer is kept for one viewer: the next one does not get it."""
    flow_id = uuid4()
    people = [uuid4() for _ in range(5)]
    for number, person in enumerate(people):
        account.name(person, f"Name {number}")
        account.rate(flow_id, person, f"By {number}.")
    # Answers are kept of what is stored.
    refresh(account.api.settings, str(account.api.settings.database_url))
    newest_first = list(reversed(range(5)))
    for _ in range(2):
        for role in ("team_admin", "super_admin"):
            assert account.on_the_flow(flow_id, role, people[0]) == [
                (f"By {number}.", f"Name {number}") for number in newest_first
            ]
        for mine, person in enumerate(people):
            assert account.on_the_flow(flow_id, "engineer", person) == [
                (f"By {number}.", f"Name {number}" if number == mine else "Anonymous")
                for number in newest_first
            ]
        assert {name for _, name in account.on_the_flow(flow_id, "service", people[0])} == {
            "Anonymous"
        }


def test_only_admins_may_ask_for_anothers(account: Account) -> None:
    """Or one could tell whose the unnamed ones are."""
    flow_id, me = uuid4(), uuid4()
    people = [uuid4() for _ in range(5)]
    for person in (*people, me):
        account.rate(flow_id, person, f"By {person}.")
    asked = {"engineer_id": str(people[0])}
    assert account.texts(**asked) == [f"By {people[0]}."]
    for role, user_id in (("engineer", me), ("service", people[0])):
        answer = account.api("GET", "/comments", params=asked, role=role, user_id=user_id)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert account.texts("engineer", me, engineer_id=str(me)) == [f"By {me}."]


def test_another_account_sees_none(account: Account) -> None:
    account.rate(uuid4(), uuid4())
    other = account.api.of(uuid4())
    assert all_pages(other, "/comments", role="team_admin") == []
    named = {"account_id": str(account.api.account_id)}
    assert len(all_pages(other, "/comments", named, role="super_admin")) == 1
    assert other("GET", "/comments", params=named, role="team_admin").status_code == 403


# --- which ---------------------------------------------------------------------------------------


def test_what_is_no_comment_is_left_out(account: Account) -> None:
    flow_id = uuid4()
    account.rate(flow_id, uuid4(), None)
    account.rate(flow_id, uuid4(), "")
    account.rate(flow_id, uuid4(), "Too early.", is_completed=False)
    assert account.texts() == []


def test_the_newest_or_the_lowest_rated_come_first(account: Account) -> None:
    ratings = [3, 1, 5, 1, 3, 2, 1, 5, 4, 3]
    for number, rating in enumerate(ratings):
        account.rate(uuid4(), uuid4(), str(number), rating)
    newest = [str(number) for number in reversed(range(len(ratings)))]
    assert account.texts() == newest
    lowest = sorted(newest, key=lambda text: ratings[int(text)])
    assert account.texts(order="lowest") == lowest
    for limit in (1, 2, 500):
        rows = all_pages(
            account.api, "/comments", {"order": "lowest"}, role="team_admin", limit=limit
        )
        assert [row["comment"] for row in rows] == lowest
    of_three = [text for text in newest if ratings[int(text)] == 3]
    for order in ("newest", "lowest"):
        assert account.texts(rating=3, order=order) == of_three


def test_a_text_is_looked_for_as_it_stands(account: Account) -> None:
    texts = ["100 % done", "100 times", "a_b", "axb", r"back\slash", "ÜBER alles", "it's"]
    for text in texts:
        account.rate(uuid4(), uuid4(), text)
    for q, found in {
        "100": ["100 % done", "100 times"],
        "0 %": ["100 % done"],
        "%": ["100 % done"],
        "a_b": ["a_b"],
        "_": ["a_b"],
        "\\": [r"back\slash"],
        "über": ["ÜBER alles"],
        "ALLES": ["ÜBER alles"],
        "'": ["it's"],
        "' or true --": [],
        ".*": [],
    }.items():
        assert sorted(account.texts(q=q)) == sorted(found), q


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("q=", "/q"),
        ("q=" + "x" * 101, "/q"),
        ("q=a%00b", "/q"),
        ("rating=0", "/rating"),
        ("order=worst", "/order"),
        ("limit=501", "/limit"),
        ("cursor=nonsense", "/cursor"),
        ("flow_id=nothing", "/flow_id"),
        ("from=2026-03-01", "/to"),
    ],
)
def test_a_parameter_that_means_nothing_is_422(account: Account, query: str, pointer: str) -> None:
    answer = account.api("GET", f"/comments?{query}", role="team_admin")
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_a_window_is_of_the_days_they_were_given_on(account: Account) -> None:
    zone = event(
        "account.upserted", account_id=account.api.account_id, name="O", time_zone="Asia/Tokyo"
    )
    account.send(zone)
    # Long after its session, and in Tokyo a quarter past nine in the evening.
    account.minutes = 14
    account.rate(uuid4(), uuid4())
    assert account.on_days("2026-03-10", "2026-03-10") == ["Fine."]
    assert account.on_days("2026-03-01", "2026-03-09") == []
    assert account.on_days("2026-03-11", "2026-03-11") == []
    # Three hours on, it is another day there.
    account.minutes = 3 * 60
    account.rate(uuid4(), uuid4(), "Late.")
    assert account.on_days("2026-03-11", "2026-03-11") == ["Late."]


def test_a_cursor_is_of_one_list(account: Account) -> None:
    flow_id, me = uuid4(), uuid4()
    for number in range(5):
        account.rate(flow_id, uuid4(), f"Of {number}.", 1 + number)

    def cursor_of(role: str, user_id: UUID, **params: Any) -> str:
        asked = {"limit": 2} | params
        answer = account.api("GET", "/comments", params=asked, role=role, user_id=user_id)
        cursor: str = answer.json()["next_cursor"]
        return cursor

    for cursor in (
        cursor_of("team_admin", me, order="lowest"),
        cursor_of("team_admin", me, q="of"),
        cursor_of("engineer", me),
    ):
        params = {"cursor": cursor}
        answer = account.api("GET", "/comments", params=params, role="team_admin", user_id=me)
        assert [each["pointer"] for each in answer.json()["errors"]] == ["/cursor"]
    params = {"cursor": cursor_of("team_admin", me)}
    answer = account.api("GET", "/comments", params=params, role="team_admin", user_id=me)
    assert answer.status_code == 200
