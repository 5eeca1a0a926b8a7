import os
import sys
import threading

import pytest

from deployments.yielding import NICENESS, give_way

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere niceness is the whole process's")


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def in_a_thread(device: str) -> tuple[int, int]:
    """Return the niceness of a thread that gave way, and of one that it started afterwards."""
    seen: list[int] = []

    def model() -> None:
        give_way(device=device)
        seen.append(niceness())
        later = threading.Thread(target=lambda: seen.append(niceness()))
        later.start()
        later.join()

    thread = threading.Thread(target=model)
    thread.start()
    thread.join()
    return seen[0], seen[1]


def test_a_model_on_the_cpu_gives_way_with_the_threads_it_starts_and_nobody_else() -> None:
    before = niceness()
    expected = min(before + NICENESS, 19)
    assert in_a_thread("cpu") == (expected, expected)
    assert niceness() == before


def test_a_model_on_a_gpu_keeps_its_priority() -> None:
    assert in_a_thread("cuda") == (niceness(), niceness())
