"""Real input in any order and cut in any way, amid kills, leaves what a plain load leaves."""

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from api_processes import api_process
from conftest import Upshot
from real_input import ACCOUNT, data_folder, raw_rows
from retrying_clients import Client, clients

from ingest.settings import Settings

SIZES = (1, 2, 5, 20, 100, 500)
KILLS = 3

Event = dict[str, Any]


def cut(events: list[Event]) -> list[list[Event]]:
    """Every event twice, in any order, in batches of any size."""
    shuffled = [*events, *events]
    random.shuffle(shuffled)
    batches = []
    while shuffled:
        size = random.choice(SIZES)
        batches.append(shuffled[:size])
        del shuffled[:size]
    return batches


@pytest.mark.parametrize("workers", [1, 2])
def test_eight_clients_at_once_leave_the_state_of_a_plain_load(
    database_url: str,
    new_database: Callable[[], str],
    tmp_path: Path,
    base_settings: Settings,
    upshot: Upshot,
    workers: int,
) -> None:
    incidents = data_folder(os.environ) / "incidents.ndjson"
    plain = new_database()
    loaded = upshot("load", "--account", str(ACCOUNT), str(incidents), database=plain)
    assert loaded.returncode == 0, loaded.stderr
    events = [json.loads(line) for line in incidents.read_text().splitlines()]
    batches = cut(events)

    def send(client: Client, _: threading.Event) -> None:
        client.api = client.api.of(ACCOUNT)
        while batches:
            client.send(batches.pop())

    with api_process(database_url, tmp_path, workers=workers) as process:
        with clients(process, base_settings, send) as sending:
            for _ in range(KILLS):
                time.sleep(random.uniform(0.2, 0.8))
                process.kill()
                process.start()
        process.await_ready()
    created: Counter[str] = Counter()
    for client in sending:
        created.update(client.created)
    assert created.keys() == {each["id"] for each in events}
    assert set(created.values()) <= {0, 1}
    assert raw_rows(database_url) == raw_rows(plain)
