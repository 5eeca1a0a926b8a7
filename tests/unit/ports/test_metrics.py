"""The vocabulary of measurements."""

from __future__ import annotations

import re

from serve_app.ports.metrics import VOCABULARY, urgency

UNBOUNDED = {"path", "url", "key", "key_id", "account", "account_id", "request_id", "job_id", "session_id", "client"}


def test_every_metric_has_a_name_of_its_own_and_a_sentence() -> None:
    names = [metric.name for metric in VOCABULARY]
    assert len(names) == len(set(names)) > 20
    assert all(re.fullmatch(r"hark_[a-z_]+", name) and not name.endswith("_total") for name in names)
    assert all(metric.help for metric in VOCABULARY)


def test_no_label_can_hold_what_callers_send_or_who_they_are() -> None:
    assert not {label for metric in VOCABULARY for label in metric.labels} & UNBOUNDED


def test_histograms_and_only_they_have_rising_buckets_above_zero() -> None:
    for metric in VOCABULARY:
        assert bool(metric.buckets) == (metric.kind == "histogram"), metric.name
        assert list(metric.buckets) == sorted({bound for bound in metric.buckets if bound > 0})


def test_every_priority_has_a_name() -> None:
    assert [urgency(priority) for priority in range(5)] == ["realtime", "realtime", "interactive", "long", "background"]
