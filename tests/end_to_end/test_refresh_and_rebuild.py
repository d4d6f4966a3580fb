"""A refresh that waits for a rebuild works with what that has built."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import refresh_lock
from conftest import Api, Serve
from exactness import compare, snapshot
from lock_waits import waits_for_a_lock

from ingest.refresh import refresh
from ingest.settings import Settings


def test_a_model_that_is_registered_while_a_refresh_waits_is_refreshed(
    serve: Serve, new_live_settings: Callable[[], Settings]
) -> None:
    settings = new_live_settings()
    api, database_url = Api(serve(settings), settings), str(settings.database_url)
    body = {"flow_id": str(uuid4())}
    assert api("POST", "/sessions", body).status_code == 201
    with (
        ThreadPoolExecutor() as threads,
        psycopg.connect(database_url, autocommit=True) as owner,
        psycopg.connect(database_url) as rebuild,
    ):
        # As it is before the model is built for the first time.
        owner.execute("create table kept as table live.models")
        owner.execute("delete from live.models where model = 'account_days'")
        # What a rebuild does: the lock, the model, its registration, the commit.
        rebuild.execute(refresh_lock.TAKE_IN_TRANSACTION)
        refreshing = threads.submit(refresh, settings, database_url)
        while not waits_for_a_lock(owner, of="advisory"):
            assert not refreshing.done()
            time.sleep(0.01)
        rebuild.execute("insert into live.models select * from kept where model = 'account_days'")
        rebuild.commit()
        refreshing.result()
    with snapshot(database_url) as connection:
        assert compare(connection).wrong == []
