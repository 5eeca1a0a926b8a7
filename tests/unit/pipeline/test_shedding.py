"""Who is refused: those who would wait too long, by the work there is and the rate at which it gets done."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from serve_app.errors import ModelQueueFull
from serve_app.pipeline.shedding import Admitted, Backlog, SheddingSettings
from serve_app.ports.speech import Progress

SETTINGS = SheddingSettings(longest_wait_s=9, always_admitted=4, expected_audio_s=10, least_speech=0.5)


class Service:
    """Requests that stay at work until the test lets them progress."""

    def __init__(self) -> None:
        self.now = 0.0
        self.backlog = Backlog(SETTINGS, clock=lambda: self.now)
        self._open = ExitStack()

    def arrive(self, account: str = "a", *, deadline_s: float = 3600) -> Admitted:
        return self._open.enter_context(self.backlog.admitted(account, deadline_s=deadline_s))

    def fill(self, n: int, account: str = "a") -> list[Admitted]:
        return [self.arrive(account) for _ in range(n)]

    def work(self, *, rate: float, for_s: float = 60) -> None:
        """Let requests of their own be done at this rate."""
        with ExitStack() as requests:
            at_work = [requests.enter_context(self.backlog.admitted("measured", deadline_s=3600)) for _ in range(4)]
            for request in at_work:
                request.learned(Progress(stage="decoding", done=0, audio_s=rate * for_s / 4))
            for step in range(1, 61):
                self.now += for_s / 60
                for request in at_work:
                    done = Progress(stage="recognizing", done=step / 60, audio_s=rate * for_s / 4)
                    request.learned(done)


@pytest.fixture
def service() -> Service:
    return Service()


def test_without_a_measured_rate_nobody_is_refused(service: Service) -> None:
    assert len(service.fill(100)) == 100


def test_the_wait_is_the_work_ahead_over_the_measured_rate(service: Service) -> None:
    service.work(rate=20)
    service.fill(12)

    assert service.backlog.wait_s("a") == pytest.approx(120 / 20, rel=0.1)


def test_a_request_that_would_wait_too_long_is_refused_and_told_when_it_would_not(service: Service) -> None:
    service.work(rate=5)
    service.fill(5)  # 10 s
    with pytest.raises(ModelQueueFull) as refused:
        service.arrive()

    assert refused.value.retry_after_s in {1, 2}
    assert refused.value.status == 429


def test_after_the_time_it_was_told_a_request_is_let_in(service: Service) -> None:
    service.work(rate=5)
    at_work = service.fill(5)
    with pytest.raises(ModelQueueFull) as refused:
        service.arrive()
    service.now += refused.value.retry_after_s or 0
    left_s = 5 * (refused.value.retry_after_s or 0)
    for request in at_work:
        done_s, left_s = min(left_s, 10), max(left_s - 10, 0)
        request.learned(Progress(stage="recognizing", done=done_s / 10, audio_s=10))

    assert service.arrive()


def test_requests_that_are_still_being_sent_are_waited_for_too(service: Service) -> None:
    service.work(rate=5)
    with ExitStack() as sent:
        for _ in range(5):
            sent.enter_context(service.backlog.arriving("a"))
        with pytest.raises(ModelQueueFull):
            service.backlog.check_wait("a")
    service.backlog.check_wait("a")


def test_a_few_requests_are_let_in_whatever_the_rate(service: Service) -> None:
    service.work(rate=0.1)

    assert len(service.fill(4)) == 4


def test_a_deadline_that_is_nearer_than_the_longest_wait_counts(service: Service) -> None:
    service.work(rate=20)
    service.fill(12)  # 6 s

    assert service.arrive(deadline_s=60)
    with pytest.raises(ModelQueueFull):
        service.arrive(deadline_s=5)


def test_long_recordings_keep_no_short_one_waiting(service: Service) -> None:
    service.work(rate=20)
    for request in service.fill(5):
        request.learned(Progress(stage="decoding", done=0, audio_s=3000))

    assert service.backlog.wait_s("a") == 0
    assert service.arrive()


def test_long_recordings_have_their_share_before_a_short_one_has_its_turn(service: Service) -> None:
    service.work(rate=20)
    service.fill(6)  # 6 s of work, as it is assumed of what was not read yet
    alone_s = service.backlog.wait_s("a")
    for request in service.fill(6):
        request.learned(Progress(stage="decoding", done=0, audio_s=3000))

    assert service.backlog.wait_s("a") == pytest.approx(1.5 * alone_s)


def test_an_account_that_floods_the_queue_is_refused_and_others_are_not(service: Service) -> None:
    service.work(rate=5)
    service.fill(5, "flooding")

    with pytest.raises(ModelQueueFull):
        service.arrive("flooding")
    assert service.arrive("quiet")
    assert service.backlog.wait_s("another") < service.backlog.wait_s("flooding")


def test_what_is_done_keeps_nobody_waiting(service: Service) -> None:
    service.work(rate=20)
    at_work = service.fill(12)
    for request in at_work[:6]:
        request.learned(Progress(stage="recognizing", done=1, audio_s=10))

    assert service.backlog.wait_s("a") == pytest.approx(60 / 20, rel=0.1)


def test_those_who_leave_make_room(service: Service) -> None:
    service.work(rate=5)
    service.fill(3)
    with ExitStack() as leaving:
        for _ in range(2):
            leaving.enter_context(service.backlog.admitted("a", deadline_s=60))
        with pytest.raises(ModelQueueFull):
            service.arrive()

    assert service.arrive()


def test_a_request_that_fails_makes_room_too(service: Service) -> None:
    def fail() -> None:
        with service.backlog.admitted("a", deadline_s=60):
            raise RuntimeError

    service.work(rate=5)
    for _ in range(50):
        with pytest.raises(RuntimeError):
            fail()

    assert service.backlog.wait_s("a") == 0


def test_short_recordings_that_tell_no_progress_are_measured_when_they_end(service: Service) -> None:
    for _ in range(20):
        service.now += 1
        with ExitStack() as requests:
            at_work = [requests.enter_context(service.backlog.admitted("a", deadline_s=60)) for _ in range(5)]
            service.now += 1
            for request in at_work:
                request.learned(Progress(stage="decoding", done=0, audio_s=20))
                request.finished()
    service.fill(12)

    assert service.backlog.wait_s("a") == pytest.approx(120 / 100, rel=0.2)


# Deadlines


def test_a_recording_that_cannot_be_done_in_time_is_refused_while_it_is_read(service: Service) -> None:
    service.work(rate=20)
    request = service.arrive(deadline_s=60)
    request.learned(Progress(stage="decoding", done=0, audio_s=2000))  # half of it, if silent: 50 s

    with pytest.raises(ModelQueueFull) as refused:
        request.learned(Progress(stage="decoding", done=0, audio_s=3000))
    assert refused.value.retry_after_s


def test_a_recording_is_refused_for_what_goes_before_it(service: Service) -> None:
    service.work(rate=20)
    service.arrive("a").learned(Progress(stage="decoding", done=0, audio_s=2000))
    request = service.arrive("a", deadline_s=60)

    with pytest.raises(ModelQueueFull):
        request.learned(Progress(stage="decoding", done=0, audio_s=1000))  # 25 s, after 100 s


def test_what_was_begun_is_not_refused_any_more(service: Service) -> None:
    service.work(rate=20)
    request = service.arrive(deadline_s=60)
    request.learned(Progress(stage="recognizing", done=0.01, audio_s=100_000))


# Long recordings


def long_ones(service: Service, n: int, *, audio_s: float = 160) -> list[Admitted]:
    at_work = service.fill(n)
    for request in at_work:
        request.learned(Progress(stage="decoding", done=0, audio_s=audio_s))
    return at_work


def test_a_long_recording_may_wait_for_half_its_length_beside_what_short_ones_may(service: Service) -> None:
    service.work(rate=8)
    for _ in range(5):
        long_ones(service, 1)
    with pytest.raises(ModelQueueFull) as refused:
        long_ones(service, 1)  # 160 s of each of five at 8 a second are 100 s, with 80 s and 9 s allowed

    assert refused.value.retry_after_s in {100 - 89, 100 - 89 + 1}


def test_a_long_recording_knows_that_short_ones_will_go_on_coming(service: Service) -> None:
    service.work(rate=4)
    long_ones(service, 1)
    for _ in range(5):  # 5 s of work: more than half of what may wait
        service.arrive().learned(Progress(stage="recognizing", done=0, audio_s=4))

    with pytest.raises(ModelQueueFull):
        long_ones(service, 1)  # 160 s, and twice that and its own in short ones


def test_a_long_recording_is_not_refused_while_few_are_at_work(service: Service) -> None:
    service.work(rate=0.5)
    service.fill(2)

    assert long_ones(service, 1)


# The rate


def test_models_that_are_only_being_filled_are_not_taken_for_slow_ones(service: Service) -> None:
    at_work = service.fill(8)
    service.now += 4.9
    at_work[0].learned(Progress(stage="recognizing", done=0.1, audio_s=10))
    service.now += 0.2
    at_work[1].learned(Progress(stage="recognizing", done=0.1, audio_s=10))  # 2 s in 5.1 s

    assert service.backlog.wait_s("a") == 0
    assert service.arrive()


@pytest.mark.parametrize(("before", "after"), [(10, 40), (40, 10)])
def test_a_rate_that_changes_is_believed_within_two_minutes(service: Service, before: float, after: float) -> None:
    service.work(rate=before)
    service.work(rate=after, for_s=120)
    service.fill(8)

    assert service.backlog.wait_s("a") == pytest.approx(80 / after, rel=0.2)


def test_work_that_ends_in_lumps_promises_no_more_than_was_done(service: Service) -> None:
    for _ in range(30):
        with ExitStack() as requests:
            at_work = [requests.enter_context(service.backlog.admitted("a", deadline_s=600)) for _ in range(4)]
            for request in at_work:
                request.learned(Progress(stage="decoding", done=0, audio_s=50))
            for _ in range(4):  # 200 s of audio in 20 s, and most samples see none of it
                service.now += 5
                service.backlog.worked(0.0)
            for request in at_work:
                request.finished()
    service.fill(5)

    assert service.backlog.wait_s("a") == pytest.approx(50 / 10, rel=0.4)


def test_an_hour_of_little_work_says_nothing_about_what_is_possible(service: Service) -> None:
    service.work(rate=20)
    with service.backlog.admitted("a", deadline_s=9999) as lonely:
        service.now += 3600
        lonely.learned(Progress(stage="recognizing", done=0.5, audio_s=10))
    service.fill(12)

    assert service.backlog.wait_s("a") == pytest.approx(120 / 20, rel=0.1)
