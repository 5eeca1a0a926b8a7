from dataclasses import dataclass
from types import SimpleNamespace

import psutil
import pytest

from benchmarks.common.processes import is_service_command, process_name, watched


@dataclass
class FakeProcess:
    pid: int
    cpu_s: float
    pss_bytes: int
    gone: bool = False

    def cpu_times(self) -> SimpleNamespace:
        if self.gone:
            raise psutil.NoSuchProcess(self.pid)
        return SimpleNamespace(user=self.cpu_s * 0.75, system=self.cpu_s * 0.25)

    def create_time(self) -> float:
        return 1000.0 + self.pid

    def memory_full_info(self) -> SimpleNamespace:
        if self.gone:
            raise psutil.AccessDenied(self.pid)
        return SimpleNamespace(pss=self.pss_bytes)


def test_cpu_is_what_was_used_while_watching() -> None:
    old, vanished = FakeProcess(1, cpu_s=10, pss_bytes=100), FakeProcess(2, cpu_s=5, pss_bytes=50)
    processes = [old, vanished]

    with watched(lambda: processes) as usage:
        old.cpu_s = 13
        vanished.gone = True
        processes.append(FakeProcess(3, cpu_s=2, pss_bytes=70))

    assert usage.cpu_s == pytest.approx(5)
    assert usage.idle_pss_bytes == 150
    assert usage.n_processes == 3


def test_without_processes_nothing_was_used() -> None:
    with watched(list) as usage:
        pass

    assert (usage.cpu_s, usage.peak_pss_bytes, usage.n_processes) == (0, 0, 0)


@pytest.mark.parametrize(
    "command",
    [
        ["ray::ServeReplica:hark:Recognizer"],
        ["/env/lib/python3.11/site-packages/ray/core/src/ray/raylet/raylet", "--x"],
        ["/env/bin/python", "/env/bin/hark", "serve"],
        ["/env/bin/python", "-u", "/env/lib/python3.11/site-packages/ray/dashboard/agent.py"],
    ],
)
def test_processes_of_the_service_are_recognised(command: list[str]) -> None:
    assert is_service_command(command)


@pytest.mark.parametrize(
    "command", [[], ["python", "-m", "benchmarks.library_peers.worker"], ["/env/bin/hark", "bench"]]
)
def test_peers_and_the_benchmark_itself_are_not_the_service(command: list[str]) -> None:
    assert not is_service_command(command)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["ray::ServeReplica:hark:recognizer-base"], "recognizer-base"),
        (["ray::ServeReplica:hark-stream:realtime-platform.handle_request"], "realtime-platform"),
        (["ray::ServeController"], "ServeController"),
        (["/opt/ray/core/src/ray/raylet/raylet", "--x"], "raylet"),
        (["/usr/bin/python", "-m", "serve_app.cli", "serve"], "hark serve"),
    ],
)
def test_a_process_is_called_by_what_it_does(command: list[str], name: str) -> None:
    assert process_name(command) == name
