"""Telling people that a run failed: by webhook, by mail, by both, or not at all.

An alert says what failed and where to look. It holds no message of an error and no row: those may
be somebody's personal data, and go to whoever reads the channel.
"""

import logging
import smtplib
import ssl
import time
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from http import HTTPStatus

import urllib3
from msgspec import Struct, to_builtins

from orchestration.settings import MailServer, Settings

PAUSES = (0, 1, 2)
"""Seconds before each try."""
ANSWER_SECONDS = 5
"""Both channels have to give up before Dagster gives the sensor up, after a minute."""


class Alert(Struct, frozen=True, kw_only=True):
    """What is posted as JSON. Chats that take webhooks show `text`."""

    text: str
    job: str
    run_id: str
    failed_steps: Sequence[str]
    failed_checks: Sequence[str]
    """As asset:check, those of severity error only."""
    url: str


class NotDelivered(Exception):
    """A channel did not take an alert; the message repeats nothing that may be a secret."""


def deliver(settings: Settings, alert: Alert, log: logging.Logger) -> bool:
    """Send by every channel that is configured; say whether each took it.

    What goes wrong is logged: a receiver that is away must not keep the sensor from the next run.
    """
    channels: dict[str, Callable[[], None]] = {}
    if settings.webhook_url:
        channels["webhook"] = lambda: _post(settings.webhook_url or "", alert)
    if settings.mail_to and (server := settings.mail_server):
        channels["mail"] = lambda: _mail(server, settings, alert)
    # Each is tried, whether or not another took it.
    taken = [_try(name, send, alert, log) for name, send in channels.items()]
    return all(taken)


def is_configured(settings: Settings) -> bool:
    return bool(settings.webhook_url or settings.mail_to)


def _try(name: str, send: Callable[[], None], alert: Alert, log: logging.Logger) -> bool:
    reason = ""
    for pause in PAUSES:
        time.sleep(pause)
        try:
            send()
        except NotDelivered as error:
            reason = str(error)
        else:
            log.info("Told of run %s by %s.", alert.run_id, name)
            return True
    log.error("Could not tell of run %s by %s: %s.", alert.run_id, name, reason)
    return False


def _post(url: str, alert: Alert) -> None:
    try:
        answer = urllib3.request(
            "POST",
            url,
            json=to_builtins(alert),
            headers={"User-Agent": "upshot"},
            timeout=ANSWER_SECONDS,
            retries=False,
            redirect=False,
        )
    except urllib3.exceptions.HTTPError as error:
        # Not its message: that has the address, which may be all that one needs to post there.
        raise NotDelivered(type(error).__name__) from None
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        raise NotDelivered(f"it answered {answer.status}")


def _mail(server: MailServer, settings: Settings, alert: Alert) -> None:
    message = _message(settings, alert)
    context = ssl.create_default_context()
    try:
        with _connected(server, context) as connection:
            if not server.over_tls and (server.needs_tls or _offers_tls(connection)):
                connection.starttls(context=context)
            if server.user is not None and server.password is not None:
                connection.login(server.user, server.password)
            connection.send_message(message)
    except (smtplib.SMTPException, OSError) as error:
        # Nor here: a server may repeat what it was told.
        raise NotDelivered(type(error).__name__) from None


def _connected(server: MailServer, context: ssl.SSLContext) -> smtplib.SMTP:
    if server.over_tls:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=ANSWER_SECONDS, context=context)
    return smtplib.SMTP(server.host, server.port, timeout=ANSWER_SECONDS)


def _offers_tls(connection: smtplib.SMTP) -> bool:
    connection.ehlo_or_helo_if_needed()
    return connection.has_extn("starttls")


def _message(settings: Settings, alert: Alert) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = f"Upshot: {alert.job} failed"
    message["From"] = settings.mail_from
    message["To"] = ", ".join(settings.mail_to)
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=settings.mail_from.partition("@")[2])
    # Robots that are away do not answer to it.
    message["Auto-Submitted"] = "auto-generated"
    lines = [
        alert.text,
        "",
        f"Job: {alert.job}",
        f"Run: {alert.run_id}",
        *(f"Failed step: {each}" for each in alert.failed_steps),
        *(f"Failed check: {each}" for each in alert.failed_checks),
        "",
        alert.url,
    ]
    message.set_content("\n".join(lines))
    return message
