from __future__ import annotations

import os
import sys

import pytest

from benchmarks.common.scheduling import ahead_of_others

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="scheduling policies are Linux's")


def test_who_measures_goes_first_while_it_measures_and_no_longer() -> None:
    before = os.sched_getscheduler(0)
    with ahead_of_others() as ahead:
        assert os.sched_getscheduler(0) == (os.SCHED_RR if ahead else before)
    assert os.sched_getscheduler(0) == before


def test_where_it_may_not_it_stays_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    before = os.sched_getscheduler(0)
    with ahead_of_others() as ahead:
        assert not ahead
    assert os.sched_getscheduler(0) == before
