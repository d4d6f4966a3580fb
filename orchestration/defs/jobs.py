"""What runs, by name."""

import dagster as dg

from orchestration.defs.warehouse import warehouse

refresh = dg.define_asset_job(
    "refresh",
    description=(
        "Take what was written into the live models, build what changed in the project, and test"
        " everything: `dbt build`."
    ),
    selection=dg.AssetSelection.assets(warehouse) | dg.AssetSelection.checks(warehouse),
)

check = dg.define_asset_job(
    "check",
    description=(
        "Compare the live models of some accounts, chosen by chance, with a computation from raw:"
        " `dbt test --select test_name:exact`."
    ),
    selection=dg.AssetSelection.checks(
        *(key for key in warehouse.check_keys if key.name.startswith("exact_"))
    ),
)
