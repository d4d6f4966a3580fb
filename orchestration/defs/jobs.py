"""What runs dbt, by name."""

import dagster as dg
from dagster._core.storage.tags import MAX_RUNTIME_SECONDS_TAG

from orchestration.defs.warehouse import Scope, warehouse
from orchestration.settings import read_settings

TURN = "upshot/turn"
"""Of the runs with the same value one is at work at a time: dagster.yaml says so."""

LONGEST_FULL_CHECK_SECONDS = 6 * 3600

exactness = dg.AssetSelection.checks(
    *(key for key in warehouse.check_keys if key.name.startswith("exact_"))
)

refresh = dg.define_asset_job(
    "refresh",
    description=(
        "Take what was written into the live models, build what changed in the project, and test"
        " everything: `dbt build`."
    ),
    selection=dg.AssetSelection.assets(warehouse) | dg.AssetSelection.checks(warehouse),
    tags={TURN: "write"},
)

check = dg.define_asset_job(
    "check",
    description=(
        "Compare the live models of some accounts, chosen by chance, with a computation from raw:"
        " `dbt test --select test_name:exact`."
    ),
    selection=exactness,
    tags={TURN: "check"},
)

full_check = dg.define_asset_job(
    "full_check",
    description=(
        "Compare the live models of all accounts with a computation from raw; of"
        " `UPSHOT_FULL_CHECK_ACCOUNTS` at the most, chosen by chance."
    ),
    selection=exactness,
    config=dg.RunConfig(
        ops={warehouse.op.name: Scope(accounts_to_check=read_settings().full_check_accounts)}
    ),
    tags={TURN: "check", MAX_RUNTIME_SECONDS_TAG: str(LONGEST_FULL_CHECK_SECONDS)},
)
