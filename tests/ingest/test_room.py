"""A disk that fills up: events are refused in time, and it heals by itself."""

import os
import shutil
import time
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from conftest import Api, Serve, with_changes
from events import event

from ingest.settings import Settings, SettingsError, read_settings

MARGIN = 400_000_000
ENOUGH = 10
"""Seconds within which the API notices."""


def await_readiness(api: Api, status: int) -> httpx.Response:
    until = time.monotonic() + ENOUGH
    while (answer := httpx.get(f"{api.url}/health/ready")).status_code != status:
        assert time.monotonic() < until, answer.text
        time.sleep(0.1)
    return answer


def test_events_are_refused_before_the_disk_is_full(
    serve: Serve, database_url: str, base_settings: Settings, tmp_path: Path
) -> None:
    least = shutil.disk_usage(tmp_path).free - MARGIN
    settings = with_changes(
        base_settings,
        database_url=database_url,
        database_volumes=(tmp_path,),
        min_free_bytes=least,
    )
    api = Api(serve(settings), settings)
    user = f"/users/{uuid4()}"
    body = {"name": "Ada", "role": "engineer"}
    await_readiness(api, 200)
    assert api("PUT", user, body, role="service").status_code == 201

    ballast = tmp_path / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 2 * MARGIN)
    try:
        assert await_readiness(api, 503).json()["code"] == "disk_full"
        for answer in (
            api("PUT", user, {**body, "name": "Eve"}, role="service"),
            api.post_events([event("user.erased", user_id=uuid4())]),
        ):
            assert (answer.status_code, answer.json()["code"]) == (503, "disk_full")
            assert answer.json()["retryable"]
            assert int(answer.headers["retry-after"]) > 0
    finally:
        ballast.unlink()

    await_readiness(api, 200)
    assert api("PUT", user, {**body, "name": "Eve"}, role="service").status_code == 200


def test_a_volume_has_to_be_a_folder(tmp_path: Path) -> None:
    volumes = f"{tmp_path}:{tmp_path / 'absent'}"
    with pytest.raises(SettingsError, match="UPSHOT_DATABASE_VOLUMES"):
        read_settings({"UPSHOT_HOME": str(tmp_path), "UPSHOT_DATABASE_VOLUMES": volumes})
