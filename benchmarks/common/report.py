"""Tables as Markdown for people and JSON for programs, with the machine they were measured on."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"
_PACKAGES = ("hark-speech", "ray", "faster-whisper", "ctranslate2", "pyannote.audio", "torch", "numpy", "av")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Cells are ready to read; `note` stands under the title."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def markdown(self) -> str:
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        body = "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
        note = f"{self.note}\n\n" if self.note else ""
        return f"## {self.title}\n\n{note}{body}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One benchmark's tables and the numbers behind them; `numbers` is JSON-ready."""

    name: str
    command: str
    tables: Sequence[Table]
    numbers: dict[str, Any]

    def markdown(self, machine: dict[str, Any]) -> str:
        packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
        head = (
            f"# {self.name}\n\n`{self.command}`\n\n"
            f"{machine['date']}, {machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
            f"Python {machine['python']}; {packages}\n"
        )
        return "\n".join([head, *(table.markdown() for table in self.tables)])


def write_report(report: Report, folder: Path = RESULTS) -> str:
    """Write `<name>.md` and `<name>.json`; return the Markdown."""
    machine = machine_facts()
    text = report.markdown(machine)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{report.name}.md").write_text(text, encoding="utf-8")
    content = {
        "command": report.command,
        "machine": machine,
        "tables": [asdict(table) for table in report.tables],
        "numbers": report.numbers,
    }
    (folder / f"{report.name}.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return text


def machine_facts() -> dict[str, Any]:
    """Return what the numbers depend on, JSON-ready."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(pages / 2**30),
        "python": platform.python_version(),
        "packages": {name: number for name in _PACKAGES if (number := _version(name))},
    }


def percent(share: float | None, digits: int = 2) -> str:
    return "–" if share is None else f"{100 * share:.{digits}f}"


def number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def mebibytes(size_bytes: float | None) -> str:
    return "–" if size_bytes is None else f"{size_bytes / 2**20:.0f}"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
