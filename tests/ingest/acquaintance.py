"""One account whose sessions, flow and people requests can refer to."""

from typing import Any
from uuid import UUID, uuid4

from conftest import Api
from events import LONG_AGO

from ingest.auth import ROLES

STEP = "check-cable"


class Acquaintance:
    """An engineer with a session in each state, in an account with names, and a token a role."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.user_id, self.flow_id = uuid4(), uuid4()
        self.tokens: dict[str, str] = {role: api.token(role, self.user_id) for role in ROLES}
        account = {"name": "Ours", "time_zone": "Europe/Berlin"}
        self.write("PUT", f"/accounts/{api.account_id}", account, role="service")
        user = {"name": "Dana", "role": "engineer"}
        self.write("PUT", f"/users/{self.user_id}", user, role="service")
        steps = [{"step_id": STEP, "title": "Check the cable", "position": 0}]
        flow = {"name": "Router", "steps": steps}
        self.write("PUT", f"/flows/{self.flow_id}", flow, role="service")
        self.open = self.start()
        self.completed = self.complete(self.start())
        self.rated = self.complete(self.start())
        self.write("POST", f"/sessions/{self.rated}/rate", {"rating": 5})

    @property
    def sessions(self) -> list[UUID]:
        return [self.open, self.completed, self.rated]

    def start(self) -> UUID:
        session = {"flow_id": str(self.flow_id), "started_at": LONG_AGO}
        return UUID(self.write("POST", "/sessions", session)["session_id"])

    def complete(self, session_id: UUID) -> UUID:
        self.write("POST", f"/sessions/{session_id}/complete", {"outcome": "resolved"})
        return session_id

    def write(self, method: str, path: str, body: object, *, role: str = "engineer") -> Any:
        answer = self.api(method, path, body, role=role, user_id=self.user_id)
        assert answer.is_success, answer.text
        return answer.json()
