from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from serve_app.errors import Conflict, CorruptMedia, InternalError, ModelQueueFull, ModelUnavailable
from serve_app.jobs import model
from serve_app.jobs.model import LEGAL_MOVES, Job, JobError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
OOPS = JobError(code="INTERNAL_ERROR", message="Oops.")


def slot(**fields) -> Job:
    known = {"id": "j1", "account_id": "a1", "kind": "stt", "status": "waiting_upload", "created_at": NOW}
    return Job(**known | {"slot_expires_at": LATER} | fields)


def started(job: Job | None = None, **fields) -> Job:
    known = {"params": {"model": "small"}, "fingerprint": "f1", "reservation_id": "r1", "credits_reserved": 3}
    return model.start(job or slot(), **known | {"audio_s": 150.0, "now": NOW} | fields)


def running() -> Job:
    return model.pick_up(started(), now=NOW)


# Starting


def test_a_start_queues_the_job_with_its_reservation():
    job = started(params={"webhook_url": "https://example.org/hook"})
    assert (job.status, job.credits_reserved, job.reservation_id, job.queued_at) == ("queued", 3, "r1", NOW)
    assert job.webhook_url == "https://example.org/hook"


def test_a_new_slot_may_be_started():
    assert not model.is_started_with(slot(), fingerprint="f1", now=NOW)


def test_the_same_start_again_finds_the_same_job_even_when_it_has_ended():
    failed = model.give_up(running(), attempt=1, error=OOPS, retryable=False, now=NOW)
    for job in (started(), running(), failed):
        assert model.is_started_with(job, fingerprint="f1", now=LATER)


def test_a_start_with_other_parameters_is_a_conflict():
    with pytest.raises(Conflict, match="other parameters") as caught:
        model.is_started_with(started(), fingerprint="f2", now=NOW)
    assert caught.value.status == 409


@pytest.mark.parametrize("job", [slot(status="expired"), slot(status="cancelled"), slot(slot_expires_at=NOW)])
def test_a_slot_that_is_over_cannot_be_started(job):
    with pytest.raises(Conflict, match="create a new upload"):
        model.is_started_with(job, fingerprint="f1", now=NOW)


def test_a_job_is_not_started_twice():
    for job in (started(), running(), model.cancel(slot(), now=NOW), replace(slot(), status="failed")):
        with pytest.raises(Conflict):
            started(job)


def test_a_slot_expires_at_its_time_and_a_started_job_never():
    assert not model.slot_is_expired(slot(), now=LATER - timedelta(seconds=1))
    assert model.slot_is_expired(slot(), now=LATER)
    assert not model.slot_is_expired(started(), now=LATER)
    assert model.expire(slot(), now=LATER).status == "expired"
    with pytest.raises(Conflict):
        model.expire(started(), now=LATER)


# Running


def test_a_job_runs_from_pick_up_to_result():
    job = running()
    assert (job.status, job.attempts, job.started_at) == ("processing", 1, NOW)
    job = model.advance(job, attempt=1, stage="recognizing", progress=0.5)
    assert (job.stage, job.progress) == ("recognizing", 0.5)
    job = model.complete(job, attempt=1, result_key="results/j1", credits_charged=3, now=LATER)
    assert (job.status, job.progress, job.stage, job.credits_charged) == ("completed", 1.0, None, 3)
    assert job.finished_at == LATER
    assert job.has_ended


def test_progress_stays_in_bounds_and_never_goes_back():
    job = running()
    seen = []
    for progress in (-1.0, 0.4, 0.2, 7.0):
        job = model.advance(job, attempt=1, stage="recognizing", progress=progress)
        seen.append(job.progress)
    assert seen == [0.0, 0.4, 0.4, 1.0]


def test_a_stalled_job_is_picked_up_and_its_first_worker_has_no_say_any_more():
    stalled = running()
    taken = model.pick_up(stalled, now=LATER)
    assert (taken.attempts, taken.started_at) == (2, NOW)
    for words in (
        lambda: model.advance(taken, attempt=1, stage="merging", progress=0.9),
        lambda: model.complete(taken, attempt=1, result_key="x", credits_charged=3, now=LATER),
        lambda: model.give_up(taken, attempt=1, error=OOPS, retryable=True, now=LATER),
        lambda: model.release(taken, attempt=1),
    ):
        with pytest.raises(Conflict, match="Another worker"):
            words()
    assert model.complete(taken, attempt=2, result_key="x", credits_charged=3, now=LATER).status == "completed"


def test_a_job_that_keeps_killing_its_worker_fails_after_three_attempts():
    job = started()
    for attempt in (1, 2, 3):
        job = model.pick_up(job, now=NOW)
        assert (job.status, job.attempts) == ("processing", attempt)
    job = model.pick_up(job, now=LATER)
    assert (job.status, job.attempts, job.finished_at) == ("failed", 3, LATER)
    assert job.error is not None
    assert "workers" in job.error.message


def test_a_fault_that_may_pass_is_tried_again_until_the_attempts_are_used_up():
    job = started()
    for attempt in (1, 2):
        job = model.give_up(model.pick_up(job, now=NOW), attempt=attempt, error=OOPS, retryable=True, now=NOW)
        assert (job.status, job.finished_at) == ("queued", None)
    job = model.give_up(model.pick_up(job, now=NOW), attempt=3, error=OOPS, retryable=True, now=LATER)
    assert (job.status, job.error, job.finished_at) == ("failed", OOPS, LATER)


def test_a_fault_of_the_file_fails_the_job_at_once():
    job = model.give_up(running(), attempt=1, error=OOPS, retryable=False, now=NOW)
    assert job.status == "failed"


@pytest.mark.parametrize(
    ("fault", "retryable"),
    [
        (CorruptMedia("Damaged."), False),
        (InternalError("Oops."), True),
        (ModelUnavailable("Down."), True),
        (ModelQueueFull("Full."), True),
    ],
)
def test_faults_of_the_service_may_pass_and_faults_of_the_file_stay(fault, retryable):
    assert model.error_of(fault) == (JobError(code=fault.error_code, message=fault.message), retryable)


def test_a_shutdown_costs_the_job_no_attempt():
    job = started()
    for attempt in range(1, 11):
        job = model.release(model.pick_up(job, now=NOW), attempt=attempt)
    assert (job.status, job.attempts_allowed - job.attempts) == ("queued", model.MAX_ATTEMPTS)


# Cancelling and running again


def test_a_job_that_has_not_ended_can_be_cancelled_and_cancelled_again():
    for job in (slot(), started(), running()):
        cancelled = model.cancel(job, now=LATER)
        assert (cancelled.status, cancelled.finished_at) == ("cancelled", LATER)
        assert model.cancel(cancelled, now=LATER + timedelta(hours=1)) == cancelled


def test_a_completed_job_cannot_be_cancelled():
    done = model.complete(running(), attempt=1, result_key="x", credits_charged=3, now=NOW)
    with pytest.raises(Conflict, match="is completed and cannot become cancelled"):
        model.cancel(done, now=NOW)


def test_a_worker_of_a_cancelled_job_hears_of_it():
    cancelled = model.cancel(running(), now=NOW)
    with pytest.raises(Conflict):
        model.advance(cancelled, attempt=1, stage="merging", progress=0.9)


def test_an_operator_may_run_a_failed_job_again_with_a_new_reservation():
    failed = model.give_up(running(), attempt=1, error=OOPS, retryable=False, now=NOW)
    again = model.run_again(failed, reservation_id="r2", credits_reserved=4, now=LATER)
    assert (again.status, again.reservation_id, again.error, again.finished_at) == ("queued", "r2", None, None)
    assert model.pick_up(again, now=LATER).attempts == 2
    assert again.attempts_allowed == 1 + model.MAX_ATTEMPTS
    with pytest.raises(Conflict, match="Only a failed job"):
        model.run_again(again, reservation_id="r3", credits_reserved=4, now=LATER)


class Life(RuleBasedStateMachine):
    """Whatever is done to a job in whatever order, it keeps what it promises."""

    @initialize()
    def create(self) -> None:
        self.job = slot()
        self.held: list[int] = []  # attempts that some worker believes to hold
        self.now = NOW

    def apply(self, move) -> None:
        before = self.job
        try:
            after = move(before)
        except Conflict:
            return
        assert after.status == before.status or after.status in LEGAL_MOVES[before.status]
        assert after.attempts >= before.attempts
        assert after.progress >= before.progress
        assert not before.has_ended or after == before or (before.status, after.status) == ("failed", "queued")
        self.job = after
        self.now += timedelta(seconds=1)

    @rule()
    def start(self) -> None:
        self.apply(lambda job: started(job, now=self.now))

    @rule()
    def pick_up(self) -> None:
        self.apply(lambda job: model.pick_up(job, now=self.now))
        if self.job.status == "processing":
            self.held.append(self.job.attempts)

    @rule(which=st.integers(0, 5), progress=st.floats(allow_nan=False))
    def advance(self, which: int, progress: float) -> None:
        self.act(which, lambda job, attempt: model.advance(job, attempt=attempt, stage="merging", progress=progress))

    @rule(which=st.integers(0, 5))
    def complete(self, which: int) -> None:
        self.act(
            which,
            lambda job, attempt: model.complete(
                job, attempt=attempt, result_key="x", credits_charged=job.credits_reserved, now=self.now
            ),
        )

    @rule(which=st.integers(0, 5), retryable=st.booleans())
    def give_up(self, which: int, retryable: bool) -> None:
        self.act(
            which,
            lambda job, attempt: model.give_up(job, attempt=attempt, error=OOPS, retryable=retryable, now=self.now),
        )

    @rule(which=st.integers(0, 5))
    def release(self, which: int) -> None:
        self.act(which, lambda job, attempt: model.release(job, attempt=attempt))

    def act(self, which: int, move) -> None:
        """Let some worker, perhaps one that has lost the job, act on it."""
        if not self.held:
            return
        attempt = self.held[which % len(self.held)]
        before = self.job
        self.apply(lambda job: move(job, attempt))
        if (before.status, before.attempts) != ("processing", attempt):
            assert self.job == before

    @rule()
    def cancel(self) -> None:
        self.apply(lambda job: model.cancel(job, now=self.now))

    @rule()
    def expire(self) -> None:
        self.apply(lambda job: model.expire(job, now=self.now))

    @rule()
    def run_again(self) -> None:
        self.apply(lambda job: model.run_again(job, reservation_id="r9", credits_reserved=1, now=self.now))

    @invariant()
    def ends_carry_their_time_and_only_they(self) -> None:
        assert self.job.has_ended == (self.job.finished_at is not None)

    @invariant()
    def a_failed_job_says_why_and_only_a_completed_one_is_charged(self) -> None:
        assert self.job.status != "failed" or self.job.error is not None
        assert self.job.credits_charged == 0 or self.job.status == "completed"

    @invariant()
    def attempts_never_exceed_what_is_allowed(self) -> None:
        assert self.job.attempts <= self.job.attempts_allowed


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
