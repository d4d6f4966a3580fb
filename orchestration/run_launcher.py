"""Launches runs as Dagster does by default, and can tell whether one is still at work."""

import json
import time
from typing import Any

import dagster as dg
from dagster import DagsterRun
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value
from grpc import RpcError, StatusCode

ANSWER_SECONDS = 10
RESTART_SECONDS = 300
"""How long a code server may be gone until its runs count as lost."""


class WatchfulRunLauncher(dg.DefaultRunLauncher):
    """Lets Dagster's run monitoring find runs whose code server is gone, and their worker with it.

    A code server notices when a worker of its dies. When the machine or the container goes down,
    there is none to notice it: with the default launcher the run would count as started, and hold
    its place in the queue, until the longest run time has passed.

    A run that has failed starts again only if its code server is there and known to the daemon at
    that moment: otherwise Dagster gives it up. So a server with a port of its own, which is
    started again there, is waited for, and asked once more when it is back.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._gone_since: dict[str, float] = {}
        self._unknown: set[str] = set()

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        if GRPC_INFO_TAG not in run.tags:
            # By `dg launch`, in a process of somebody's own.
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        client: DagsterGrpcClient | None = self._get_grpc_client_for_termination(  # type: ignore[no-untyped-call]
            run.run_id
        )
        if client is None:
            return CheckRunHealthResult(WorkerStatus.SUCCESS, "It has ended.")
        try:
            answer = client.can_cancel_execution(
                CanCancelExecutionRequest(run_id=run.run_id), timeout=ANSWER_SECONDS
            )
        except DagsterUserCodeUnreachableError as error:
            if _nobody_listens(error):
                return self._gone(run)
            # Busy, perhaps. It is asked again.
            return CheckRunHealthResult(WorkerStatus.RUNNING, "Its code server does not answer.")
        self._gone_since.pop(run.run_id, None)
        if deserialize_value(answer, CanCancelExecutionResult).can_cancel:
            self._unknown.discard(run.run_id)
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if run.run_id not in self._unknown:
            self._unknown.add(run.run_id)
            return CheckRunHealthResult(WorkerStatus.RUNNING, "Its code server may be a new one.")
        self._unknown.discard(run.run_id)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "Its code server does not know it.")

    def _gone(self, run: DagsterRun) -> CheckRunHealthResult:
        # Behind a socket of `dg dev` another server never comes.
        is_awaited = "port" in json.loads(run.tags[GRPC_INFO_TAG])
        since = self._gone_since.setdefault(run.run_id, time.monotonic())
        if is_awaited and time.monotonic() - since < RESTART_SECONDS:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "Its code server is awaited.")
        del self._gone_since[run.run_id]
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "Its code server is gone.")


def _nobody_listens(error: DagsterUserCodeUnreachableError) -> bool:
    cause = error.__cause__
    return isinstance(cause, RpcError) and cause.code() == StatusCode.UNAVAILABLE
