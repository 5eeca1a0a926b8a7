from __future__ import annotations

from typing import Any

from benchmarks.common.own_service import Config
from benchmarks.scale.wave import Asked, Course, Wave, bound, wave_report
from configs.load import read_profile


def asked(kind: str, began_s: float, took_s: float, *, text: str = "words", error: str | None = None) -> Asked:
    return Asked(kind=kind, began_s=began_s, took_s=took_s, text=text, error=error)


def course(**others: list[Asked]) -> Course:
    found = Course(begins_s=20.0, ends_s=80.0, **others)
    for at_s, n in ((0.0, 1), (10.0, 1), (33.5, 2), (50.0, 2), (170.0, 1)):
        found.note(at_s, n)
    return found


def test_only_changes_of_the_number_of_replicas_are_kept() -> None:
    assert course().replicas == [(0.0, 1), (33.5, 2), (170.0, 1)]


def test_growth_is_counted_from_the_load_and_shrinking_from_its_last_answer() -> None:
    requests = [asked("short", 5, 1), asked("load", 20, 30), asked("load", 79, 21), asked("load", 40, 2, error="503")]
    report = wave_report(Wave(least=1, most=2, seconds=60, callers=2), course(asked=requests), command="")
    assert [row[1] for row in report.tables[0].rows] == [
        "1, 2, 1",
        "13.5",
        "70.0",
        "3, 1, 21.0, 30.0",
        "1, 0, 1.0, 1.0",
        "0",
    ]


def test_a_transcript_that_differs_from_the_first_of_its_kind_is_counted() -> None:
    requests = [asked("load", 20, 3), asked("load", 24, 3), asked("load", 28, 3, text="other"), asked("short", 1, 1)]
    report = wave_report(Wave(least=1, most=2, seconds=60, callers=2), course(asked=requests), command="")
    assert report.tables[0].rows[-1][1] == "1"


def recognizer_scaling(config: Config) -> dict[str, Any]:
    own = next(d for d in config["applications"][0]["deployments"] if d["name"] == "recognizer-base")
    scaling: dict[str, Any] = own["autoscaling_config"]
    return scaling


def test_the_profiles_own_policy_decides_between_the_bounds() -> None:
    config = read_profile("embedded")
    bound(config, Wave(least=0, most=3, seconds=60, callers=2))
    assert recognizer_scaling(config) == recognizer_scaling(read_profile("embedded")) | {
        "min_replicas": 0,
        "max_replicas": 3,
    }
