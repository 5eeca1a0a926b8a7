import json
from pathlib import Path

from benchmarks.common.report import Report, Table, mebibytes, number, percent, write_report


def test_a_report_is_written_for_people_and_for_programs(tmp_path: Path) -> None:
    table = Table(title="Speed", columns=["system", "RTFx"], rows=[["hark", "40.0"], ["a|b", "1.0"]], note="Warm.")

    text = write_report(Report(name="speed", command="hark bench", tables=[table], numbers={"x": 1}), tmp_path)

    assert (tmp_path / "speed.md").read_text() == text
    assert "## Speed\n\nWarm.\n\n| system | RTFx |\n| --- | --- |\n| hark | 40.0 |\n| a/b | 1.0 |\n" in text
    written = json.loads((tmp_path / "speed.json").read_text())
    assert written["numbers"] == {"x": 1}
    assert {"cpu", "cores", "date", "packages", "memory_gib", "python"} <= written["machine"].keys()


def test_unknown_numbers_are_dashes() -> None:
    assert (percent(None), number(None), mebibytes(None)) == ("–", "–", "–")
    assert (percent(0.0912), number(1.239), mebibytes(3 * 2**20)) == ("9.12", "1.24", "3")
