"""Ray's failures in the product's own terms."""

from __future__ import annotations

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError
from ray.serve.exceptions import BackPressureError

from deployments.remote import translated
from serve_app.errors import CorruptMedia, InternalError, ModelQueueFull, ModelUnavailable, ReplicaLost


def in_a_replica(cause: Exception) -> Exception:
    """Return what a handle raises for a replica's exception."""
    raised: Exception = RayTaskError("recognize", "", cause).as_instanceof_cause()
    return raised


@pytest.mark.parametrize("fault", [ActorDiedError(), ActorUnavailableError("gone", None)])
def test_a_replica_that_is_gone_is_known_as_such(fault: Exception) -> None:
    assert type(translated(fault)) is ReplicaLost


@pytest.mark.parametrize("wrapped", [in_a_replica, lambda fault: fault])
def test_a_loss_further_behind_is_no_loss_of_the_replica_that_tells_of_it(wrapped: object) -> None:
    assert callable(wrapped)
    assert type(translated(wrapped(ReplicaLost("gone")))) is ModelUnavailable


def test_a_replicas_own_fault_is_passed_on() -> None:
    assert type(translated(in_a_replica(CorruptMedia("damaged")))) is CorruptMedia


def test_a_full_queue_and_a_bug_are_told_apart() -> None:
    assert type(translated(BackPressureError(num_queued_requests=1, max_queued_requests=1))) is ModelQueueFull
    assert type(translated(ZeroDivisionError())) is InternalError
