"""The widgets, in another application's page, with a real API behind them."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from conftest import Api, Serve, with_changes
from playwright.sync_api import BrowserContext, Dialog, Locator, Page, Request, Route, expect

from browser.host import Host, hosting
from browser.quota import little_room, use_up
from browser.visits import no_serious_violations, wait_until

ENGINEER = uuid4()
NOT_REACHED = "net::ERR_"
MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture(scope="module")
def application() -> Iterator[Host]:
    with hosting() as host:
        yield host


@pytest.fixture(scope="module")
def widget_api(serve_module: Serve, shared_api: Api, application: Host) -> Api:
    settings = with_changes(shared_api.settings, cors_origins=(application.url,))
    return Api(serve_module(settings), settings)


@pytest.fixture
def api(widget_api: Api) -> Api:
    return widget_api.of(uuid4())


@pytest.fixture
def host(application: Host, api: Api) -> Host:
    """The other application, with an engineer signed in."""
    application.api, application.token = api.url, api.token(user_id=ENGINEER)
    application.body = ""
    return application


@pytest.fixture
def stored(api: Api) -> Callable[[str], list[tuple[Any, ...]]]:
    def rows(statement: str) -> list[tuple[Any, ...]]:
        assert api.settings.database_url
        with psycopg.connect(api.settings.database_url) as connection:
            return connection.execute(statement.encode(), [api.account_id]).fetchall()

    return rows


@pytest.fixture
def sent(context: BrowserContext) -> list[tuple[str, str]]:
    """What was sent to the API to be stored, from any tab: methods and the last words of paths."""
    seen: list[tuple[str, str]] = []

    def see(request: Request) -> None:
        if "/api/v1/" in request.url and request.method in {"POST", "DELETE"}:
            seen.append((request.method, request.url.partition("?")[0].rpartition("/")[2]))

    context.on("request", see)
    return seen


QUEUE_IS_EMPTY = "!Object.keys(localStorage).some((name) => name.startsWith('upshot.queue.'))"
RATINGS = "select rating, comment from raw.session_ratings where account_id = %s"
VOTES = "select step_id, was_helpful from raw.step_feedback where account_id = %s"
RATED = ("POST", "rate")
VOTED = ("POST", "feedback")
WITHDRAWN = ("DELETE", "feedback")


def completed(api: Api, user_id: UUID = ENGINEER) -> str:
    """Return the id of a session that is completed."""
    started = api("POST", "/sessions", {"flow_id": str(uuid4())}, user_id=user_id)
    session_id = str(started.json()["session_id"])
    path = f"/sessions/{session_id}/complete"
    assert api("POST", path, {"outcome": "resolved"}, user_id=user_id).status_code == 200
    return session_id


def rating_of(session_id: str, more: str = "") -> str:
    return f'<upshot-rating session-id="{session_id}" {more}></upshot-rating>'


def thumbs_of(session_id: str, step_id: str = "check-cable", more: str = "") -> str:
    return f'<upshot-thumbs session-id="{session_id}" step-id="{step_id}" {more}></upshot-thumbs>'


def heard(page: Page, name: str) -> list[dict[str, Any]]:
    """Return what events of the widgets the page has heard of."""
    events: list[Any] = page.evaluate("window.heard ?? []")
    return [detail for kind, detail in events if kind == name]


def wait_for(page: Page, name: str, times: int = 1) -> dict[str, Any]:
    wait_until(
        page,
        """([name, times]) =>
            (window.heard ?? []).filter((each) => each[0] === name).length >= times""",
        [name, times],
    )
    return heard(page, name)[-1]


def kept(page: Page) -> dict[str, Any]:
    """Return what the widgets keep in the browser."""
    entries: dict[str, str] = page.evaluate("({ ...localStorage })")
    return {name: json.loads(value) for name, value in entries.items()}


def queue(page: Page) -> list[str]:
    return [name for name in kept(page) if name.startswith("upshot.queue.")]


def star(page: Page, n: int) -> Locator:
    return page.get_by_role("radio", name=f"{n} of 5 stars")


def rate(page: Page, n: int, comment: str = "") -> None:
    star(page, n).check()
    page.get_by_label("Comment").fill(comment)
    page.get_by_role("button", name="Send").click()


def up(page: Page) -> Locator:
    return page.get_by_role("button", name="It helped", exact=True)


def down(page: Page) -> Locator:
    return page.get_by_role("button", name="It did not help")


def cut_off(context: BrowserContext, api: Api) -> Callable[[], None]:
    """Have the API not be reached; return what has it reached again."""
    address = f"{api.url}/api/**"
    context.route(address, lambda route: route.abort("connectionrefused"))
    return lambda: context.unroute(address)


# --- the rating ---------------------------------------------------------------------------------


def test_a_session_is_rated(page: Page, host: Host, api: Api, stored: Any) -> None:
    session_id = completed(api)
    host.body = rating_of(session_id)
    page.goto(host.url)
    rate(page, 4, "  Quick.\n")
    expect(page.get_by_role("status")).to_have_text("Thank you!")
    said = {"sessionId": session_id, "rating": 4, "comment": "Quick."}
    assert wait_for(page, "delivered") == said
    assert heard(page, "rated") == [said]
    assert stored(RATINGS) == [(4, "Quick.")]
    assert queue(page) == []


def test_the_keyboard_alone_rates(page: Page, host: Host, api: Api, stored: Any) -> None:
    host.body = rating_of(completed(api))
    page.goto(host.url)
    expect(star(page, 1)).to_be_visible()
    for key in ("Tab", "Space", "ArrowRight", "ArrowRight", "Tab", "F", "i", "n", "e", "Tab"):
        page.keyboard.press(key)
    expect(page.get_by_role("button", name="Send")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_be_focused()
    wait_for(page, "delivered")
    assert stored(RATINGS) == [(3, "Fine")]


def test_without_a_star_nothing_is_sent(
    page: Page, host: Host, api: Api, sent: list[tuple[str, str]]
) -> None:
    host.body = rating_of(completed(api))
    page.goto(host.url)
    page.get_by_label("Comment").fill("Hm.")
    page.get_by_role("button", name="Send").click()
    expect(star(page, 1)).to_be_focused()
    assert (heard(page, "rated"), sent) == ([], [])


def test_a_double_click_sends_once(
    page: Page, host: Host, api: Api, stored: Any, sent: list[tuple[str, str]]
) -> None:
    host.body = rating_of(completed(api))
    page.goto(host.url)
    star(page, 5).check()
    page.get_by_role("button", name="Send").dblclick()
    wait_for(page, "delivered")
    assert sent == [RATED]
    assert stored(RATINGS) == [(5, None)]


def test_a_rated_session_is_not_asked_about_again(
    page: Page, context: BrowserContext, host: Host, api: Api, sent: list[tuple[str, str]]
) -> None:
    host.body = rating_of(completed(api))
    page.goto(host.url)
    rate(page, 5)
    wait_for(page, "delivered")
    page.reload()
    expect(page.locator("upshot-rating")).to_be_hidden()
    other = context.new_page()
    other.goto(host.url)
    expect(other.locator("upshot-rating")).to_have_attribute("hidden", "")
    # Another session is another question, in the same element.
    page.evaluate("id => (document.querySelector('upshot-rating').sessionId = id)", completed(api))
    rate(page, 2)
    wait_for(page, "delivered")
    assert sent == [RATED, RATED]


def test_a_skipped_session_is_not_asked_about_again(
    page: Page, host: Host, api: Api, sent: list[tuple[str, str]]
) -> None:
    session_id = completed(api)
    host.body = rating_of(session_id)
    page.goto(host.url)
    page.get_by_role("button", name="Skip").click()
    expect(page.locator("upshot-rating")).to_be_hidden()
    assert heard(page, "skipped") == [{"sessionId": session_id}]
    page.reload()
    expect(page.locator("upshot-rating")).to_have_attribute("hidden", "")
    assert sent == []


def test_a_tab_falls_silent_when_another_has_rated(
    page: Page, context: BrowserContext, host: Host, api: Api
) -> None:
    host.body = rating_of(completed(api))
    other = context.new_page()
    for tab in (page, other):
        tab.goto(host.url)
        expect(star(tab, 1)).to_be_visible()
    rate(page, 5)
    expect(other.locator("upshot-rating")).to_be_hidden()
    expect(page.get_by_role("status")).to_have_text("Thank you!")


def test_elements_for_the_same_agree(
    page: Page, host: Host, api: Api, sent: list[tuple[str, str]]
) -> None:
    session_id = completed(api)
    host.body = 2 * rating_of(session_id) + 2 * thumbs_of(session_id)
    page.goto(host.url)
    up(page).first.click()
    expect(up(page).last).to_have_attribute("aria-pressed", "true")
    star(page, 4).first.check()
    page.get_by_role("button", name="Send").first.click()
    expect(page.locator("upshot-rating").last).to_be_hidden()
    expect(page.get_by_role("status").first).to_have_text("Thank you!")
    wait_for(page, "delivered", 2)
    assert sent == [VOTED, RATED]


def test_a_comment_is_counted_and_ends_at_500(
    page: Page, host: Host, api: Api, stored: Any
) -> None:
    host.body = rating_of(completed(api))
    page.goto(host.url)
    comment = page.get_by_label("Comment")
    expect(comment).to_have_accessible_description("0 of 500 characters")
    comment.fill("x" * 499)
    comment.press_sequentially("yz")
    expect(comment).to_have_accessible_description("500 of 500 characters")
    star(page, 1).check()
    page.get_by_role("button", name="Send").click()
    wait_for(page, "delivered")
    assert stored(RATINGS) == [(1, "x" * 499 + "y")]


def test_markup_is_text(page: Page, host: Host, api: Api, stored: Any) -> None:
    dialogs: list[str] = []

    def note(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    host.body = rating_of(completed(api), 'id="rating"')
    page.goto(host.url)
    page.evaluate("text => (rating.question = text)", MARKUP)
    page.evaluate("rating.sessionId = null")
    page.evaluate("id => (rating.sessionId = id)", completed(api))
    expect(page.get_by_text(MARKUP)).to_be_visible()
    rate(page, 1, MARKUP)
    wait_for(page, "delivered")
    assert stored(RATINGS) == [(1, MARKUP)]
    assert page.evaluate("rating.shadowRoot.querySelectorAll('img, script').length") == 0
    assert dialogs == []


def test_a_rating_that_is_refused_can_be_mended(
    page: Page, host: Host, api: Api, stored: Any, expected_errors: list[str]
) -> None:
    """Here the application asks before it has completed the session."""
    expected_errors.append("400 (Bad Request)")
    started = api("POST", "/sessions", {"flow_id": str(uuid4())}, user_id=ENGINEER)
    session_id = started.json()["session_id"]
    host.body = rating_of(session_id)
    page.goto(host.url)
    rate(page, 4, "Fine.")
    problem = wait_for(page, "problem")
    assert (problem["code"], problem["willRetry"]) == ("session_not_completed", False)
    expect(page.get_by_role("status")).to_have_text("This could not be sent.")
    assert queue(page) == []
    path = f"/sessions/{session_id}/complete"
    assert api("POST", path, {"outcome": "resolved"}, user_id=ENGINEER).is_success
    expect(star(page, 4)).to_be_checked()
    page.get_by_role("button", name="Send").click()
    wait_for(page, "delivered")
    assert stored(RATINGS) == [(4, "Fine.")]


def test_what_was_rated_before_counts_as_delivered(
    page: Page, host: Host, api: Api, stored: Any, expected_errors: list[str]
) -> None:
    expected_errors.append("409 (Conflict)")
    session_id = completed(api)
    host.body = rating_of(session_id)
    page.goto(host.url)
    api("POST", f"/sessions/{session_id}/rate", {"rating": 5}, user_id=ENGINEER)
    rate(page, 1)
    wait_for(page, "delivered")
    assert (heard(page, "problem"), queue(page)) == ([], [])
    assert stored(RATINGS) == [(5, None)]


# --- thumbs -------------------------------------------------------------------------------------


def test_a_vote_is_cast_changed_and_withdrawn(
    page: Page, host: Host, api: Api, stored: Any, sent: list[tuple[str, str]]
) -> None:
    session_id = completed(api)
    host.body = thumbs_of(session_id, "check the cable? 100%")
    page.goto(host.url)
    for number, (click, votes, pressed) in enumerate(
        [
            (up, [("check the cable? 100%", True)], (True, False)),
            (down, [("check the cable? 100%", False)], (False, True)),
            (down, [("check the cable? 100%", None)], (False, False)),
            (up, [("check the cable? 100%", True)], (True, False)),
        ],
        start=1,
    ):
        click(page).click()
        # A second click at once would be taken for a double click.
        page.mouse.move(0, 0)
        wait_for(page, "delivered", number)
        assert stored(VOTES) == votes
        for button, is_pressed in zip((up(page), down(page)), pressed, strict=True):
            expect(button).to_have_attribute("aria-pressed", str(is_pressed).lower())
    assert sent == [VOTED, VOTED, WITHDRAWN, VOTED]
    about = {"sessionId": session_id, "stepId": "check the cable? 100%"}
    assert [each["helpful"] for each in heard(page, "voted")] == [True, False, None, True]
    assert heard(page, "delivered")[2] == {**about, "helpful": None}


def test_the_keyboard_alone_votes_and_takes_back(
    page: Page, host: Host, api: Api, sent: list[tuple[str, str]]
) -> None:
    host.body = thumbs_of(completed(api))
    page.goto(host.url)
    expect(up(page)).to_be_visible()
    page.keyboard.press("Tab")
    for number in (1, 2):
        page.keyboard.press("Space")
        wait_for(page, "delivered", number)
    expect(up(page)).to_be_focused()
    assert sent == [VOTED, WITHDRAWN]


def test_a_vote_is_shown_after_a_reload(page: Page, host: Host, api: Api) -> None:
    host.body = thumbs_of(completed(api)) + thumbs_of(completed(api))
    page.goto(host.url)
    down(page).first.click()
    expect(down(page).first).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(down(page).first).to_have_attribute("aria-pressed", "true")
    expect(down(page).last).to_have_attribute("aria-pressed", "false")


def test_a_double_click_is_one_vote(
    page: Page, host: Host, api: Api, stored: Any, sent: list[tuple[str, str]]
) -> None:
    host.body = thumbs_of(completed(api))
    page.goto(host.url)
    up(page).dblclick()
    wait_for(page, "delivered")
    expect(up(page)).to_have_attribute("aria-pressed", "true")
    assert sent == [VOTED]
    assert stored(VOTES) == [("check-cable", True)]


def test_the_first_vote_of_a_browser_is_told_how_to_take_it_back(
    page: Page, host: Host, api: Api
) -> None:
    session_id = completed(api)
    host.body = thumbs_of(session_id, "first") + thumbs_of(session_id, "second")
    page.goto(host.url)
    hint = "Thank you! Click again to take it back."
    up(page).first.click()
    expect(page.get_by_role("status").first).to_have_text(hint)
    up(page).last.click()
    expect(page.get_by_role("status").last).to_have_text("Thank you!")
    page.reload()
    down(page).first.click()
    expect(page.get_by_role("status").first).to_have_text("Thank you!")


def test_a_vote_that_is_refused_leaves_what_stood(
    page: Page, host: Host, api: Api, expected_errors: list[str]
) -> None:
    expected_errors.append("403 (Forbidden)")
    somebody_elses = completed(api, user_id=uuid4())
    host.body = thumbs_of(somebody_elses)
    page.goto(host.url)
    up(page).click()
    assert wait_for(page, "problem")["code"] == "not_your_session"
    expect(up(page)).to_have_attribute("aria-pressed", "false")
    expect(page.get_by_role("status")).to_have_text("This could not be sent.")
    assert queue(page) == []


# --- the queue ----------------------------------------------------------------------------------


def test_what_is_said_offline_is_sent_online(
    page: Page,
    context: BrowserContext,
    host: Host,
    api: Api,
    stored: Any,
    sent: list[tuple[str, str]],
    expected_errors: list[str],
) -> None:
    expected_errors.append(NOT_REACHED)
    session_id = completed(api)
    host.body = rating_of(session_id) + thumbs_of(session_id)
    # No time goes by: it is not a pause that ends, but the browser that says it is online.
    page.clock.install()
    page.goto(host.url)
    expect(star(page, 1)).to_be_visible()
    page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))
    context.set_offline(True)
    up(page).click()
    down(page).click()
    rate(page, 2, "Slow.")
    expect(page.get_by_role("status").first).to_have_text("Thank you!")
    assert len(queue(page)) == 2
    context.set_offline(False)
    wait_for(page, "delivered", 2)
    assert stored(RATINGS) == [(2, "Slow.")]
    # Of two votes on a step only the later one was worth sending.
    assert stored(VOTES) == [("check-cable", False)]
    assert (sent.count(RATED), sent.count(VOTED)) == (1, 1)
    assert queue(page) == []


def test_what_could_not_be_sent_is_tried_again(
    page: Page,
    context: BrowserContext,
    host: Host,
    api: Api,
    stored: Any,
    expected_errors: list[str],
) -> None:
    expected_errors.append(NOT_REACHED)
    host.body = rating_of(completed(api))
    page.goto(host.url)
    reach = cut_off(context, api)
    with page.expect_event("requestfailed"):
        rate(page, 3)
    reach()
    wait_for(page, "delivered")
    assert stored(RATINGS) == [(3, None)]


@pytest.mark.parametrize("again", ["reload", "another tab"])
def test_what_could_not_be_sent_survives(
    page: Page,
    context: BrowserContext,
    host: Host,
    api: Api,
    stored: Any,
    expected_errors: list[str],
    again: str,
) -> None:
    expected_errors.append(NOT_REACHED)
    session_id = completed(api)
    host.body = rating_of(session_id) + thumbs_of(session_id)
    page.goto(host.url)
    context.set_offline(True)
    rate(page, 3)
    up(page).click()
    assert len(queue(page)) == 2
    if again == "reload":
        page.goto("about:blank")
    else:
        page.close()
        # The elements are not even on the page any more.
        host.body = ""
        page = context.new_page()
    context.set_offline(False)
    page.goto(host.url)
    wait_until(page, QUEUE_IS_EMPTY)
    assert stored(RATINGS) == [(3, None)]
    assert stored(VOTES) == [("check-cable", True)]


WITHOUT_LOCKS = "Object.defineProperty(Navigator.prototype, 'locks', { value: undefined });"
LOCKS_THAT_LET_ALL_IN = "if (navigator.locks) navigator.locks.request = (name, work) => work();"


@pytest.mark.parametrize(
    ("script", "times"),
    [("", 1), (WITHOUT_LOCKS, 1), (LOCKS_THAT_LET_ALL_IN, 2)],
    ids=["locks", "no locks", "control"],
)
def test_two_tabs_send_once(
    page: Page,
    context: BrowserContext,
    host: Host,
    api: Api,
    sent: list[tuple[str, str]],
    expected_errors: list[str],
    script: str,
    times: int,
) -> None:
    expected_errors += [NOT_REACHED, "409 (Conflict)"]
    context.add_init_script(script)
    host.body = rating_of(completed(api))
    other = context.new_page()
    for tab in (page, other):
        tab.goto(host.url)
        expect(star(tab, 1)).to_be_visible()
    context.set_offline(True)
    rate(page, 5)
    assert len(queue(page)) == 1
    page.wait_for_timeout(200)
    sent.clear()
    # Nobody is answered before the other tab had its chance.
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    context.route(f"{api.url}/api/**", hold)
    context.set_offline(False)
    deadline = time.monotonic() + (2 if times == 1 else 30)
    while len(held) < 2 and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    # Those that are held go on by this.
    context.unroute(f"{api.url}/api/**", hold)
    for tab in (page, other):
        wait_until(tab, QUEUE_IS_EMPTY)
    assert sent == [RATED] * times


def test_what_one_user_said_is_not_sent_as_another(
    page: Page,
    context: BrowserContext,
    host: Host,
    api: Api,
    stored: Any,
    sent: list[tuple[str, str]],
    expected_errors: list[str],
) -> None:
    expected_errors.append(NOT_REACHED)
    first = host.token
    host.body = thumbs_of(completed(api)) + rating_of(completed(api))
    page.goto(host.url)
    # Known since the first thing that was sent: whose page this is.
    up(page).click()
    wait_for(page, "delivered")
    context.set_offline(True)
    rate(page, 3, "Mine.")
    page.goto("about:blank")
    context.set_offline(False)
    somebody_else = uuid4()
    host.token = api.token(user_id=somebody_else)
    theirs = completed(api, user_id=somebody_else)
    host.body = thumbs_of(theirs)
    sent.clear()
    page.goto(host.url)
    up(page).click()
    wait_for(page, "delivered")
    assert sent == [VOTED]
    assert stored(RATINGS) == []
    host.token = first
    page.goto(host.url)
    wait_for(page, "delivered")
    assert stored(RATINGS) == [(3, "Mine.")]


def test_a_token_that_has_ended_is_waited_for(
    page: Page, host: Host, api: Api, stored: Any, expected_errors: list[str]
) -> None:
    expected_errors.append("401 (Unauthorized)")
    good = host.token
    host.token = f"{good[:-4]}AAAA"
    host.body = rating_of(completed(api))
    page.goto(host.url)
    rate(page, 4)
    problem = wait_for(page, "problem")
    assert (problem["code"], problem["willRetry"]) == ("unauthorized", True)
    assert len(queue(page)) == 1
    page.evaluate(
        "async ([api, token]) => (await import(`${api}/widgets.js`)).configure({ token })",
        [host.api, good],
    )
    wait_for(page, "delivered")
    assert stored(RATINGS) == [(4, None)]


def test_no_token_is_kept_and_nobodys_name(page: Page, host: Host, api: Api) -> None:
    session_id = completed(api)
    host.body = rating_of(session_id, f'token="{host.token}"') + thumbs_of(session_id)
    page.goto(host.url)
    up(page).click()
    rate(page, 4, "Mine.")
    wait_for(page, "delivered", 2)
    text = json.dumps(kept(page))
    assert session_id in text
    assert "Mine." not in text
    for part in host.token.split("."):
        assert part not in text


def test_a_browser_without_storage_sends_all_the_same(
    page: Page, context: BrowserContext, host: Host, api: Api, stored: Any
) -> None:
    context.add_init_script(
        """Object.defineProperty(window, "localStorage", {
            get() { throw new DOMException("It is forbidden.", "SecurityError"); },
        });"""
    )
    host.body = rating_of(completed(api)) + thumbs_of(completed(api))
    page.goto(host.url)
    down(page).click()
    rate(page, 2)
    wait_for(page, "delivered", 2)
    assert (stored(RATINGS), stored(VOTES)) == ([(2, None)], [("check-cable", False)])


def test_who_is_not_signed_in_is_waited_for(
    page: Page, host: Host, api: Api, sent: list[tuple[str, str]]
) -> None:
    token, host.token = host.token, ""
    host.body = rating_of(completed(api))
    page.goto(host.url)
    rate(page, 5)
    expect(page.get_by_role("status")).to_have_text("Thank you!")
    assert (len(queue(page)), sent) == (1, [])
    host.token = token
    page.reload()
    wait_for(page, "delivered")
    assert sent == [RATED]


def test_retry_after_is_honoured_also_after_a_reload(
    page: Page,
    host: Host,
    api: Api,
    serve: Serve,
    stored: Any,
    sent: list[tuple[str, str]],
    expected_errors: list[str],
) -> None:
    expected_errors.append("429 (Too Many Requests)")
    host.body = rating_of(completed(api))
    small = little_room(api, serve)
    host.api = small.url
    page.goto(host.url)
    star(page, 5).check()
    use_up(small)
    page.get_by_role("button", name="Send").click()
    wait_until(page, "Object.keys(localStorage).some((name) => name.includes('wait.'))")
    [until] = [each["until"] for name, each in kept(page).items() if ".wait." in name]
    page.reload()
    wait_for(page, "delivered")
    assert page.evaluate("Date.now()") >= until
    # Once too early, once in time; the reload did not ask.
    assert sent == [RATED, RATED]
    assert stored(RATINGS) == [(5, None)]


# --- how they look ------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page: Page, host: Host, api: Api, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    session_id = completed(api)
    host.body = rating_of(session_id) + thumbs_of(session_id)
    page.goto(host.url)
    page.evaluate("(document.documentElement.style.colorScheme = 'light dark')")
    star(page, 4).check()
    up(page).click()
    no_serious_violations(page)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("status").first).to_have_text("Thank you!")
    no_serious_violations(page)


def test_variables_change_how_they_look(page: Page, host: Host, api: Api) -> None:
    host.body = rating_of(completed(api))
    page.goto(host.url)
    star(page, 3).check()
    page.evaluate("document.body.style.setProperty('--upshot-star', 'rgb(1, 2, 3)')")
    fills = """[...document.querySelector("upshot-rating").shadowRoot.querySelectorAll("svg")]
        .map((star) => getComputedStyle(star).fill)"""
    wait_until(page, f"{fills}[0] === 'rgb(1, 2, 3)'")
    assert page.evaluate(fills) == ["rgb(1, 2, 3)"] * 3 + ["none"] * 2


def test_texts_may_be_others(page: Page, host: Host, api: Api) -> None:
    host.body = rating_of(completed(api), 'question="Und?"') + rating_of(completed(api))
    page.goto(host.url)
    page.evaluate(
        """async (api) => {
            const { configure } = await import(`${api}/widgets.js`);
            configure({ texts: { question: "Wie war es?", star: "{n} von 5 Sternen" } });
        }""",
        host.api,
    )
    expect(page.get_by_role("group", name="Und?")).to_be_visible()
    expect(page.get_by_role("group", name="Wie war es?")).to_be_visible()
    expect(page.get_by_role("radio", name="2 von 5 Sternen")).to_have_count(2)


def test_properties_of_a_framework_work_before_the_script_has_come(
    page: Page, host: Host, api: Api, stored: Any
) -> None:
    """React may set a property, and only then is the element defined."""
    session_id = completed(api)
    page.goto(host.url)
    page.evaluate(
        """async ([session, token, api]) => {
            const early = document.implementation.createHTMLDocument();
            const element = early.createElement("upshot-rating");
            Object.assign(element, { sessionId: session, token, api });
            document.body.append(element);
        }""",
        [session_id, host.token, host.api],
    )
    rate(page, 5)
    wait_for(page, "delivered")
    assert stored(RATINGS) == [(5, None)]


def test_a_token_that_never_comes_holds_nothing_up(
    page: Page, api: Api, host: Host, stored: Callable[[str], Any]
) -> None:
    """It is asked for again, in this tab and in others."""
    host.body = rating_of(completed(api))
    page.goto(host.url)
    page.evaluate(
        """async ([api, token]) => {
            const { configure } = await import(`${api}/widgets.js`);
            window.asked = 0;
            configure({ token: () => (++window.asked > 1 ? token : new Promise(() => {})) });
        }""",
        [host.api, host.token],
    )
    rate(page, 4)
    wait_for(page, "delivered")
    assert page.evaluate("window.asked") == 2
    assert stored(RATINGS) == [(4, None)]


@pytest.mark.parametrize("step_id", ["cable/power", "100 % of ü?", "a//b/"])
def test_thumbs_work_for_every_step(
    page: Page, api: Api, host: Host, stored: Callable[[str], Any], step_id: str
) -> None:
    host.body = thumbs_of(completed(api), escape(step_id))
    page.goto(host.url)
    up(page).click()
    wait_for(page, "delivered")
    assert stored(VOTES) == [(step_id, True)]
    up(page).click()
    wait_for(page, "delivered", 2)
    assert stored(VOTES) == [(step_id, None)]


def test_it_is_one_script_of_a_few_kilobytes(page: Page, host: Host) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(host.url)
    page.wait_for_load_state("networkidle")
    scripts = [url for url in asked if url.startswith(host.api)]
    assert scripts == [f"{host.api}/widgets.js"]
    script = httpx.get(scripts[0], headers={"Accept-Encoding": "gzip"})
    assert int(script.headers["content-length"]) < 8_000
