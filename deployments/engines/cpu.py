"""What this machine's CPU can compute."""

from __future__ import annotations

from pathlib import Path

_VNNI = frozenset({"avx512_vnni", "avx_vnni"})


def cpu_flags() -> frozenset[str]:
    """Return the CPU's features under Linux's names; none where the system does not tell."""
    try:
        return frozenset(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        return frozenset()


def has_vnni() -> bool:
    """Say whether this CPU multiplies 8-bit integers without the saturation that older ones suffer from."""
    return bool(cpu_flags() & _VNNI)
