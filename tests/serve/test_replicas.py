"""A transcript depends on the recording alone: not on how many replicas there are, nor on whether they live."""

from __future__ import annotations

from typing import Any

import pytest
from cluster import OwnService, without_id


@pytest.mark.parametrize(("deployment", "at_work"), [("recognizer-base", "recognizing"), ("diarizer", "diarizing")])
def test_a_replica_killed_in_mid_file_costs_no_word(
    service: OwnService, meeting: bytes, undisturbed: dict[str, Any], deployment: str, at_work: str
) -> None:
    victim = service.replicas(deployment)[0]
    with service.events(meeting) as events:
        for name, data in events:
            if name == "progress" and data["stage"] == at_work:
                assert data["done"] < 0.8
                victim.kill()
                break
        victim.wait(timeout=10)
        name, data = list(events)[-1]
    assert name == "done", data
    assert without_id(data["transcript"]) == undisturbed
    service.wait_until_ready({deployment: 2})


def test_a_coordinator_killed_in_mid_file_costs_no_word_and_nothing_is_told_twice(
    service: OwnService, meeting: bytes, undisturbed: dict[str, Any]
) -> None:
    with service.events(meeting) as events:
        told = []
        for name, data in events:
            told.append((name, data))
            if name == "segment":
                (victim,) = service.replicas("transcription")
                victim.kill()
                break
        told.extend(events)
    name, data = told[-1]
    assert name == "done", data
    assert without_id(data["transcript"]) == undisturbed
    starts = [data["start"] for name, data in told if name == "segment"]
    assert starts == sorted(set(starts))
    shares = [data["done"] for name, data in told if name == "progress"]
    assert shares == sorted(shares)
    service.wait_until_ready({"transcription": 1})


def test_a_transcript_does_not_depend_on_the_number_of_replicas(
    service: OwnService, meeting: bytes, undisturbed: dict[str, Any]
) -> None:
    service.scale("recognizer-base", 3)
    try:
        assert service.transcript(meeting) == undisturbed
    finally:
        service.scale("recognizer-base", 2)
