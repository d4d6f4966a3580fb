"""The `upshot` command."""

import logging
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, cast
from uuid import UUID

import msgspec
import typer

from ingest.auth import ROLES, Identity, Role, issue_token
from ingest.backups import back_up
from ingest.backups import restore as restore_backup
from ingest.check import Difference, repair
from ingest.check import check as find_differences
from ingest.console import Console
from ingest.contracts import added, broken, contracts_of, read_lock, served_in, write_lock
from ingest.dbt_runs import DbtFailed
from ingest.demo import DEMO_ACCOUNTS
from ingest.demo_making import demo_is_unfinished, make_demo
from ingest.embedded import database_url
from ingest.event_files import Unreadable
from ingest.exporting import export_person
from ingest.loading import load_files
from ingest.problems import Problem
from ingest.refresh import build, watch
from ingest.retention import retain as forget_expired
from ingest.settings import MOST_DAYS, Settings, SettingsError, read_settings
from ingest.status import status_of
from ingest.store.bi_users import BiUser, bi_users, make_bi_user, revoke_bi_user
from ingest.store.migrate import migrate as apply_migrations
from ingest.store.operations import known_accounts, libpq_variables
from ingest.store.retention import (
    FOR_EVER,
    Retention,
    list_retentions,
    set_retention,
    unset_retention,
)
from ingest.sync.copying import copy
from ingest.sync.mapping import APPLICATION, read_mapping
from ingest.up import run_everything

app = typer.Typer(
    name="upshot",
    help="Upshot: how guided troubleshooting really turns out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

AccountId = Annotated[UUID, typer.Option("--account", metavar="ID", help="The account's UUID.")]


def main() -> None:
    """Run the command; what a person can mend is said in one sentence, without a traceback."""
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    try:
        app()
    except (SettingsError, DbtFailed, Unreadable) as error:
        sys.exit(f"upshot: {error}")
    except Problem as error:
        sys.exit(f"upshot: {error.detail}")
    except KeyboardInterrupt:
        sys.exit(130)


@app.command()
def up() -> None:
    """Run everything here: the database, the API, Dagster; with demo data if there is none.

    Ctrl-C stops all of it. The data stays in UPSHOT_HOME for the next start.
    """
    run_everything(read_settings(), Console())


@app.command()
def migrate() -> None:
    """Apply the migrations that the database lacks."""
    with _database() as (_, url):
        applied = apply_migrations(url)
    typer.echo("\n".join(f"applied {name}" for name in applied) or "Nothing to apply.")


@app.command()
def token(
    account: AccountId,
    user: Annotated[UUID, typer.Option("--user", metavar="ID", help="The user's UUID.")],
    role: Annotated[
        str,
        typer.Option(
            "--role", metavar="ROLE", help="engineer, team_admin, super_admin or service."
        ),
    ],
    hours: Annotated[
        float, typer.Option("--hours", min=0.01, max=87_600, help="How long it is valid.")
    ] = 24,
) -> None:
    """Print a bearer token, and nothing else."""
    settings = read_settings()
    if role not in ROLES:
        raise typer.BadParameter(f"{role!r} is none of {', '.join(ROLES)}.", param_hint="--role")
    identity = Identity(user_id=user, account_id=account, role=cast("Role", role))
    typer.echo(issue_token(settings, identity, timedelta(hours=hours)))


@app.command()
def load(
    account: AccountId,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="NDJSON or a JSON array, gzipped or not; - is standard input."
        ),
    ],
) -> None:
    """Load events from files, just as POST /events would take them in.

    Loading a file again creates nothing. Exits with 1 if an item was rejected.
    """
    with _database() as (settings, url):
        counts = load_files(settings, url, account, files, Console())
    typer.echo(
        f"{counts.created} created, {counts.duplicate} duplicate, {counts.rejected} rejected"
    )
    if counts.rejected:
        raise typer.Exit(1)


@app.command()
def sync(
    mapping: Annotated[
        Path | None,
        typer.Option(
            "--mapping",
            metavar="FILE",
            help="Which rows are which events; UPSHOT_SYNC_MAPPING, or the one that comes along.",
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Read everything, as if for the first time.")
    ] = False,
) -> None:
    """Copy what changed in the application's own database, at UPSHOT_SYNC_URL, since the last sync.

    May be stopped at any moment: the next one goes on. Exits with 1 if a row was rejected.
    """
    with _database() as (settings, url):
        if settings.sync_url is None:
            raise SettingsError("UPSHOT_SYNC_URL has to say where the application's database is.")
        read = read_mapping(mapping or settings.sync_mapping or APPLICATION)
        copied = copy(settings, url, read, settings.sync_url, Console(), again=again)
    for each in copied:
        counts = each.counts
        typer.echo(
            f"{each.stream}: {counts.created} created, {counts.duplicate} duplicate, "
            f"{counts.rejected} rejected"
        )
    if any(each.counts.rejected for each in copied):
        raise typer.Exit(1)


@app.command()
def refresh(
    keep_going: Annotated[
        bool,
        typer.Option("--watch", help="Stay, and take in whatever is written, without tests."),
    ] = False,
) -> None:
    """Take what was written into the marts, build what changed in dbt, and test (dbt build).

    The figures are exact without it: refreshing keeps reading them cheap.
    """
    console = Console()
    with _database() as (settings, url):
        if keep_going:
            watch(settings, url, console.say)
        with console.steps("Building the marts") as progress:
            build(settings, url, progress)


@app.command()
def check(
    account: Annotated[
        UUID | None, typer.Option("--account", metavar="ID", help="Only this account's rows.")
    ] = None,
    mend: Annotated[
        bool, typer.Option("--repair", help="Mend what differs, and compare again.")
    ] = False,
) -> None:
    """Compare the marts, as read and as stored, with a computation from all raw events.

    Prints what differs. Exits with 1 if something does.
    """
    console = Console()
    with _database() as (settings, url):
        with console.steps("Comparing") as progress:
            differences = find_differences(settings, url, account, progress)
        _tell(differences)
        if differences and mend:
            with console.spinner("Repairing"):
                repair(settings, url, account)
            with console.steps("Comparing again") as progress:
                differences = find_differences(settings, url, account, progress)
            _tell(differences)
    if differences:
        raise typer.Exit(1)
    typer.echo("Live, stored and recomputed figures are the same.")


def _tell(differences: Sequence[Difference]) -> None:
    for each in differences:
        typer.echo(f"{each.model}: {each.rows} rows differ")
        for row in each.shown:
            typer.echo("  " + "  ".join(f"{name}={value}" for name, value in row.items()))
        if len(each.shown) < each.rows:
            typer.echo("  ...")


@app.command()
def backup(
    target: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A new file; or a folder, in which it is named after the time."
        ),
    ],
    keep: Annotated[
        int | None,
        typer.Option(
            "--keep",
            min=1,
            metavar="N",
            help="Of the folder's backups delete all but the newest N.",
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", min=1, max=64, metavar="N", help="Write a folder, by N connections at once."
        ),
    ] = None,
    without_dagster: Annotated[
        bool, typer.Option("--without-dagster", help="Leave out what Dagster knows of its runs.")
    ] = False,
) -> None:
    """Back up all of the database as it is at one moment, while everybody goes on (pg_dump).

    Passwords are the server's and not in it.
    """
    with _database() as (_, url):
        path = back_up(
            url, target, Console(), jobs=jobs, keep=keep, with_dagster=not without_dagster
        )
    typer.echo(path)


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="What `upshot backup` wrote.")],
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", min=1, max=64, metavar="N", help="By N connections at once."),
    ] = None,
) -> None:
    """Restore a backup into an empty database, and bring it up to date (pg_restore, migrate).

    Without --jobs it is one transaction: all of it, or nothing.
    """
    with _database() as (_, url):
        restored = restore_backup(url, source, Console(), jobs=jobs)
    for role in restored.roles:
        typer.echo(f"Made the role {role}, without a login, for the rights that it has.")
    for user in restored.lost:
        typer.echo(
            f"The BI user {user.name} is not restored; make it again: "
            f"upshot bi-user {user.name} --account {user.account_id}"
        )
    typer.echo("Restored.")


@app.command()
def contracts(
    accept: Annotated[
        bool, typer.Option("--accept", help="Take what is served now as what others rely on.")
    ] = False,
) -> None:
    """Compare the contracts of the served marts with those that others rely on.

    Needs no database. Exits with 1 if one is broken: a mart or column gone, a type changed. What is
    new may be accepted: from then on it is held to.
    """
    catalog = served_in(read_settings())
    accepted = read_lock()
    breaking, new = broken(accepted, catalog), added(accepted, catalog)
    if accept:
        write_lock(contracts_of(catalog))
        typer.echo("\n".join([*breaking, *new]) or "Nothing to accept.")
        return
    for each in breaking:
        typer.echo(f"{each} Give the model a version, or accept it: upshot contracts --accept")
    for each in new:
        typer.echo(f"{each} Accept it: upshot contracts --accept")
    if breaking:
        raise typer.Exit(1)
    typer.echo("Every contract holds.")


@app.command()
def bi_user(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The login's name in PostgreSQL.")
    ] = None,
    account: Annotated[
        UUID | None,
        typer.Option("--account", metavar="ID", help="Whose marts it sees."),
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option(
            "--password-file",
            metavar="FILE",
            help="Without, a password is made and printed.",
        ),
    ] = None,
    revoke: Annotated[bool, typer.Option("--revoke", help="Drop the login.")] = False,
    show: Annotated[bool, typer.Option("--list", help="Print the BI users and quit.")] = False,
) -> None:
    """Make a read-only SQL login that sees one account's marts, for psql, Metabase or Superset."""
    if (name is None) != show or (account is None) != (show or revoke):
        raise typer.BadParameter("Say NAME --account ID, NAME --revoke, or --list.")
    with _database() as (_, url):
        if name is None:
            for user in bi_users(url):
                typer.echo(f"{user.name} {user.account_id}")
        elif account is None:
            revoke_bi_user(url, name)
            typer.echo(f"{name} is no BI user any more.")
        else:
            given = _read_password(password_file) if password_file else None
            password = make_bi_user(url, BiUser(name, account), given)
            typer.echo(f"{name} sees the marts of account {account}.")
            if given is None:
                typer.echo(f"Its password, shown this once: {password}")


def _read_password(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The password cannot be read from {path}: {error}.") from None


@app.command()
def export_user(
    account: AccountId,
    user: Annotated[UUID, typer.Option("--user", metavar="ID", help="The person's UUID.")],
    events: Annotated[
        bool, typer.Option("--events", help="Print the events alone, as `upshot load` takes them.")
    ] = False,
) -> None:
    """Print all that is held about a person in an account, as JSON."""
    with _database() as (settings, url):
        export_person(settings, url, account, user, sys.stdout.buffer, as_events=events)


@app.command()
def retention(
    account: Annotated[
        UUID | None, typer.Option("--account", metavar="ID", help="The account's UUID.")
    ] = None,
    days: Annotated[
        int | None,
        typer.Option("--days", min=1, max=MOST_DAYS, help="Keep the sessions of so many days."),
    ] = None,
    comments_days: Annotated[
        int | None,
        typer.Option(
            "--comments-days", min=1, max=MOST_DAYS, help="Keep comments for so many days only."
        ),
    ] = None,
    off: Annotated[
        bool, typer.Option("--off", help="Keep everything for ever, whatever others keep.")
    ] = False,
    default: Annotated[
        bool, typer.Option("--default", help="Keep what UPSHOT_RETENTION_DAYS says.")
    ] = False,
    show: Annotated[
        bool, typer.Option("--list", help="Print what each account keeps, and quit.")
    ] = False,
) -> None:
    """Set for how many days an account keeps its sessions, today included.

    `upshot retain` deletes what is older, once a day where Dagster runs.
    """
    is_set = days is not None or comments_days is not None
    if sum([is_set, off, default, show]) != 1 or (account is None) != show:
        raise typer.BadParameter(
            "Say --account ID with --days N, --comments-days N or both; with --off or --default; "
            "or say --list."
        )
    with _database() as (settings, url):
        if account is not None and default:
            unset_retention(url, account)
        elif account is not None:
            kept = FOR_EVER if off else None
            set_retention(
                url,
                account,
                session_days=kept if days is None else days,
                comment_days=kept if comments_days is None else comments_days,
            )
        for each in list_retentions(url, settings.retention_days, account_id=account):
            typer.echo(_kept(each))


def _kept(retention: Retention) -> str:
    """Say in a line what an account keeps."""
    sessions = f"{retention.session_days} days" if retention.session_days else "for ever"
    by_default = "" if retention.is_own else " (default)"
    comments = f", comments {retention.comment_days} days" if retention.comment_days else ""
    name = retention.name or "Unknown"
    return f"{retention.account_id} {name}: sessions {sessions}{by_default}{comments}"


@app.command()
def retain(
    account: Annotated[
        UUID | None, typer.Option("--account", metavar="ID", help="Only this account's.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Delete nothing; say how much it would be.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> None:
    """Delete what accounts do not keep any longer, as `upshot retention` says.

    For good, and in small batches, beside whoever writes. Interrupted, the next call goes on.
    """
    with _database() as (settings, url):
        deleted = forget_expired(settings, url, Console(), account_id=account, is_trial=dry_run)
    if as_json:
        typer.echo(msgspec.json.encode(deleted))
        return
    verb = "would be" if dry_run else "were"
    for each in deleted:
        typer.echo(
            f"{each.account_id} {each.name or 'Unknown'}: {each.sessions} sessions and "
            f"{each.comments} comments {verb} deleted"
        )
    if not deleted:
        typer.echo("Every account keeps everything.")


@app.command()
def demo(
    sessions: Annotated[
        int | None,
        typer.Option("--sessions", min=1, max=1_000_000, help="About how many sessions."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another story.")] = 1,
) -> None:
    """Make demo data: a few support organisations over the last 120 days."""
    with _database() as (settings, url):
        known = known_accounts(url, [each.account_id for each in DEMO_ACCOUNTS])
        if known and not demo_is_unfinished(settings):
            raise SettingsError("The demo's accounts are in this database already.")
        counts = make_demo(settings, url, Console(), sessions=sessions, seed=seed)
    typer.echo(f"{counts.created} events created; `upshot refresh` shows them in the figures.")


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Say how the database, the marts, the API and Dagster are doing.

    Exits with 1 when something needs attention.
    """
    settings = read_settings()
    # An embedded database is looked at as it is: asking starts none.
    if settings.database_url is None and not (settings.embedded_data / "postmaster.pid").exists():
        raise SettingsError("Nothing runs here: start it with `upshot up`.")
    with database_url(settings) as url:
        found = status_of(settings, url)
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        for each in found.findings:
            typer.echo(f"{'ok' if each.is_well else '!!'}  {each.about:<11} {each.says}")
    if not found.is_well:
        raise typer.Exit(1)


@app.command()
def env() -> None:
    """Print the database as PG* variables, for dbt and psql: eval "$(upshot env)"."""
    with _database() as (_, url):
        for name, value in libpq_variables(url).items():
            typer.echo(f"export {name}={shlex.quote(value)}")


@contextmanager
def _database() -> Iterator[tuple[Settings, str]]:
    settings = read_settings()
    with database_url(settings) as url:
        yield settings, url
