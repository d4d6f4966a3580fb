"""The typed client: its types are the API's, and it does what they say."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from conftest import REPOSITORY, Api, Serve
from playwright.sync_api import Page

from browser.api_types import FILE, document, types_of
from browser.node_tools import FOLDER, TYPESCRIPT, run_tool
from browser.quota import little_room, use_up
from browser.visits import sign_in

ENGINEER = uuid4()


# --- types --------------------------------------------------------------------------------------


def test_the_types_are_those_of_the_running_api(shared_api: Api) -> None:
    """Where this fails, `make client` writes them anew."""
    served = httpx.get(f"{shared_api.url}/schema/openapi.json").json()
    assert types_of(served) == FILE.read_text()
    assert served["paths"] == document()["paths"]


def test_another_document_has_other_types() -> None:
    changed = document()
    del changed["components"]["schemas"]["Summary"]["properties"]["avg_csat"]
    assert types_of(changed) != FILE.read_text()


def test_client_widgets_and_examples_have_right_types() -> None:
    checked = run_tool(TYPESCRIPT, "--project", ".")
    assert (checked.stdout, checked.returncode) == ("", 0)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        (
            "async function completion(period: Period)",
            'async function completion(period: "31d")',
            "Type '\"31d\"' is not assignable to type",
        ),
        ("summary.completion_rate", "summary.completion", "Property 'completion' does not exist"),
        (
            "was_helpful: true",
            "was_helpful: 1",
            "Type 'number' is not assignable to type 'boolean'",
        ),
        ("rating: 5", 'rating: "5"', "Type 'string' is not assignable to type 'number'"),
        ("upshot.withdraw(", "upshot.revoke(", "Property 'revoke' does not exist"),
    ],
)
def test_wrong_use_is_a_wrong_type(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    example = (FOLDER / "example.ts").read_text()
    assert right in example
    (tmp_path / "example.ts").write_text(example.replace(right, wrong))
    configuration = {"extends": str(FOLDER / "tsconfig.json"), "include": ["example.ts"]}
    (tmp_path / "tsconfig.json").write_text(json.dumps(configuration))
    checked = run_tool(TYPESCRIPT, "--project", str(tmp_path))
    assert checked.returncode != 0
    assert said in checked.stdout


@pytest.mark.parametrize("name", ["client", "widgets"])
def test_the_script_has_what_its_types_declare(name: str) -> None:
    """A module's own types are declared beside it: nothing else compares the two."""
    declared = (FILE.parent / f"{name}.d.ts").read_text()
    script = (FILE.parent / f"{name}.js").read_text()
    exported = re.compile(r"^export (?:async )?(?:class|function) (\w+)", re.MULTILINE)
    assert exported.findall(script)
    assert sorted(exported.findall(declared)) == sorted(exported.findall(script))


def test_the_guide_shows_the_example_that_is_checked() -> None:
    guide = (REPOSITORY / "docs" / "widgets.md").read_text()
    blocks = re.findall(r"(?ms)^```ts\n(.*?)^```$", guide)
    assert (FOLDER / "example.ts").read_text() in blocks


def test_the_lock_file_names_no_registry() -> None:
    locked = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    packages = [package for name, package in locked.items() if name]
    assert len(packages) > 2
    assert all("resolved" not in each and each["integrity"] for each in packages)


# --- calls --------------------------------------------------------------------------------------


@pytest.fixture
def api(shared_live_api: Api) -> Api:
    return shared_live_api.of(uuid4())


def call(page: Page, api: Api, token: str | None, *steps: list[Any], **options: Any) -> list[Any]:
    """Call methods of the client in a page of the API's; an error is told by its fields."""
    if not page.url.startswith(api.url):
        page.goto(f"{api.url}/health/live")
    answers: list[Any] = page.evaluate(
        """async ([steps, options]) => {
            const { Upshot, UpshotProblem } = await import("/client.js");
            const upshot = new Upshot(options);
            const answers = [];
            for (const [method, ...given] of steps) {
                answers.push(await upshot[method](...given).catch((problem) =>
                    problem instanceof UpshotProblem
                        ? { ...problem, message: problem.message }
                        : { not_reached: String(problem) }));
            }
            return answers;
        }""",
        [list(steps), {"token": token, **options}],
    )
    return answers


def test_every_call_is_answered(page: Page, api: Api, expected_errors: list[str]) -> None:
    expected_errors.append("409 (Conflict)")
    flow_id, session_id = str(uuid4()), str(uuid4())
    steps = [{"step_id": "check-cable", "title": "Check the cable", "position": 0}]
    api("PUT", f"/flows/{flow_id}", {"name": "Router", "steps": steps}, role="team_admin")
    token = api.token(user_id=ENGINEER)
    vote = {"session_id": session_id, "was_helpful": True}
    answers = call(
        page,
        api,
        token,
        ["start", {"session_id": session_id, "flow_id": flow_id}],
        ["visit", session_id, {"step_id": "check-cable"}],
        ["vote", "check-cable", vote],
        ["vote", "check-cable", {**vote, "was_helpful": False}],
        ["withdraw", "check-cable", session_id],
        ["vote", "check-cable", vote],
        ["complete", session_id, {"outcome": "resolved"}],
        ["rate", session_id, {"rating": 5, "comment": "Quick."}],
        ["rate", session_id, {"rating": 1}],
    )
    assert [answer and answer.get("status") for answer in answers[2:6]] == [
        *("created", "updated", None, "created")
    ]
    assert answers[7]["rating"] == 5
    again = answers[8]
    assert (again["status"], again["code"], again["retryable"]) == (409, "already_rated", False)

    me, flow, caller = call(
        page, api, token, ["me", {"period": "7d"}], ["flow", flow_id, {}], ["caller"]
    )
    assert me["summary"]["total_sessions"] == 1
    assert me["meta"]["window"]["period"] == "7d"
    assert flow["steps"][0]["helpful_yes"] == 1
    assert (caller["user_id"], caller["role"]) == (str(ENGINEER), "engineer")

    team, sessions, comments, mart, figures = call(
        page,
        api,
        api.token("team_admin"),
        ["team", {"engineer_id": str(ENGINEER), "previous": True}],
        ["sessions", {"rated": True, "limit": 10}],
        ["comments", {}],
        ["mart", "daily_outcomes", {"columns": ["day", "sessions"], "order_by": ["-day"]}],
        ["figures"],
    )
    assert team["summary"]["avg_csat"] == 5
    assert team["previous"]["summary"]["total_sessions"] == 0
    assert [each["session_id"] for each in sessions["sessions"]] == [session_id]
    assert comments["comments"][0]["comment"] == "Quick."
    assert [each["sessions"] for each in mart["data"]] == [1]
    assert any(each["name"] == "completion_rate" for each in figures["figures"])


def test_a_session_without_an_id_is_started_once_however_often_it_is_sent(
    page: Page, api: Api, expected_errors: list[str]
) -> None:
    """The first answer gets lost on its way: the session was started all the same."""
    expected_errors.append("net::ERR_")
    lost: list[str] = []

    def lose_the_first(route: Any) -> None:
        answer = route.fetch()
        if lost:
            route.fulfill(response=answer)
        else:
            lost.append(answer.json()["session_id"])
            route.abort("connectionreset")

    page.goto(f"{api.url}/health/live")
    page.route("**/api/v1/sessions", lose_the_first)
    [session] = call(page, api, api.token(), ["start", {"flow_id": str(uuid4())}])
    assert [session["session_id"]] == lost


def test_a_refusal_says_why(page: Page, api: Api, expected_errors: list[str]) -> None:
    expected_errors += ["403 (Forbidden)", "422 (Unprocessable", "401 (Unauthorized)"]
    forbidden, invalid = call(
        page, api, api.token(), ["team"], ["rate", str(uuid4()), {"rating": 6}]
    )
    assert (forbidden["status"], forbidden["code"]) == (403, "forbidden")
    assert invalid["errors"][0]["pointer"] == "/rating"
    [unauthorized] = call(page, api, None, ["me"])
    assert (unauthorized["status"], unauthorized["code"]) == (401, "unauthorized")


def test_without_a_token_the_pages_cookie_reads_and_never_writes(
    page: Page, api: Api, expected_errors: list[str]
) -> None:
    expected_errors.append("401 (Unauthorized)")
    sign_in(page, api.url, api.token(user_id=ENGINEER))
    caller, session = call(page, api, None, ["caller"], ["start", {"flow_id": str(uuid4())}])
    assert caller["user_id"] == str(ENGINEER)
    assert (session["status"], session["code"]) == (401, "unauthorized")


def test_a_super_admin_reads_another_account(page: Page, api: Api) -> None:
    token = api.of(uuid4()).token("super_admin")
    [caller] = call(page, api, token, ["caller"], accountId=str(api.account_id))
    assert caller["account_id"] == str(api.account_id)


def test_what_can_succeed_later_is_tried_again_and_nothing_else(
    page: Page, api: Api, serve: Serve, expected_errors: list[str]
) -> None:
    """The quota is used up for a few seconds; then another call is wrong, for good."""
    expected_errors += ["429 (Too Many Requests)", "404 (Not Found)"]
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url.rpartition("/")[2]))
    small = little_room(api, serve)
    # All that takes its time comes first: there is room again after some seconds.
    call(page, small, small.token(), ["caller"])
    use_up(small)
    session, missing = call(
        page,
        small,
        small.token(),
        ["start", {"flow_id": str(uuid4())}],
        ["complete", str(uuid4()), {"outcome": "resolved"}],
    )
    assert session["outcome"] is None
    assert missing["code"] == "session_not_found"
    assert sent.count("sessions") > 1
