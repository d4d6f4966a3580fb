"""Making the stored figures of one account anew, from Dagster's page."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import dagster as dg
from dagster_dbt import DbtCliResource
from pydantic import Field

from orchestration.connection import connected
from orchestration.dbt_project import copy_partial_parse, dbt_project
from orchestration.defs.jobs import TURN
from orchestration.defs.warehouse import manifest

IS_KNOWN = """
select
    exists (select from raw.accounts where account_id = %(account_id)s)
    or exists (select from raw.sessions where account_id = %(account_id)s)
    or exists (select from live.accounts where account_id = %(account_id)s)
"""
PLACEHOLDER = "00000000-0000-0000-0000-000000000000"


class Account(dg.Config):
    account_id: str = Field(
        description=(
            "The id of the account whose stored figures are made anew: a UUID, such as"
            f" {PLACEHOLDER}. Names do not do."
        ),
    )


@dg.op(
    description=(
        "Compare the account with raw, have `dbt run-operation repair` make what is stored of it"
        " what raw gives, and compare again."
    ),
)
def rebuild(context: dg.OpExecutionContext, config: Account, dbt: DbtCliResource) -> None:
    account_id = known_account(config.account_id)
    with TemporaryDirectory(prefix="upshot-rebuild-") as folder:
        target = Path(folder)
        copy_partial_parse(dbt_project, target)
        before = compare(dbt, account_id, target)
        repair(dbt, account_id, target)
        after = compare(dbt, account_id, target)
    context.add_output_metadata(
        {
            "account_id": str(account_id),
            "models_compared": len(after),
            "rows_that_differed_before": sum(before.values()),
            "rows_that_differ_now": sum(after.values()),
            "models": dg.MetadataValue.table(differences(before, after)),
        }
    )
    if any(after.values()):
        raise dg.Failure(
            "The account still differs from raw after it was rebuilt.",
            metadata={"rows_that_differ_now": sum(after.values())},
            allow_retries=False,
        )


@dg.job(
    description=(
        "Make the stored figures of one account anew from raw, and show what was wrong: for an"
        " account that a check found to differ. Readers see no gap."
    ),
    config=dg.RunConfig(ops={"rebuild": Account(account_id=PLACEHOLDER)}),
    tags={TURN: "write"},
)
def rebuild_account() -> None:
    rebuild()


def known_account(text: str) -> UUID:
    """Return the id of an account that something is known of.

    Raises:
        dg.Failure: there is none.
    """
    try:
        account_id = UUID(text.strip())
    except ValueError:
        raise dg.Failure(
            f"account_id is {text!r}: it has to be the UUID of an account.", allow_retries=False
        ) from None
    with connected() as connection:
        row = connection.execute(IS_KNOWN, {"account_id": account_id}).fetchone()
    if row != (True,):
        raise dg.Failure(f"There is no account {account_id}.", allow_retries=False)
    return account_id


def repair(dbt: DbtCliResource, account_id: UUID, target: Path) -> None:
    arguments = json.dumps({"account_id": str(account_id)})
    dbt.cli(
        # Other variables than those of the comparisons would have dbt parse the project anew.
        ["run-operation", "repair", "--args", arguments, "--vars", chosen(account_id)],
        manifest=manifest,
        target_path=target,
    ).wait()


def chosen(account_id: UUID) -> str:
    return json.dumps({"account_to_check": str(account_id)})


def compare(dbt: DbtCliResource, account_id: UUID, target: Path) -> Mapping[str, int]:
    """Return how many rows of each model differ from a computation from raw.

    Raises:
        dg.Failure: dbt could not compare.
    """
    invocation = dbt.cli(
        ["test", "--select", "test_name:exact", "--vars", chosen(account_id)],
        manifest=manifest,
        target_path=target,
        raise_on_error=False,
    ).wait()
    file = invocation.target_path / "run_results.json"
    said = json.loads(file.read_bytes())["results"] if file.exists() else []
    # The project's hooks are among them.
    results: Sequence[Mapping[str, Any]] = [
        each for each in said if each["unique_id"].startswith("test.")
    ]
    if not results or any(each["status"] not in {"pass", "fail"} for each in results):
        raise dg.Failure("dbt could not compare the account; its log says why.")
    return {model_of(each["unique_id"]): each["failures"] or 0 for each in results}


def model_of(test_id: str) -> str:
    node = manifest["nodes"][test_id]
    return str(manifest["nodes"][node["attached_node"]]["name"])


def differences(before: Mapping[str, int], after: Mapping[str, int]) -> list[dg.TableRecord]:
    """Return a row per model that differs or did; an account may differ in none.

    >>> [row.data for row in differences({"facts": 0, "flows": 2}, {"facts": 0, "flows": 0})]
    [{'model': 'flows', 'rows that differed': 2, 'rows that differ now': 0}]
    """
    return [
        dg.TableRecord(
            {
                "model": model,
                "rows that differed": before.get(model, 0),
                "rows that differ now": after[model],
            }
        )
        for model in sorted(after)
        if before.get(model) or after[model]
    ]
