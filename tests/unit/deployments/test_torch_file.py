"""Checkpoints read without PyTorch: their numbers come out right, and nothing in them runs."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deployments.engines.torch_file import read_tensors

NUMBERS = np.arange(6, dtype="<f4")
STORAGE = b"ctorch\nFloatStorage\n"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"


def described(*, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    """Return the pickle of {"weight": tensor}, written by hand: PyTorch is not there to write it."""

    def number_tuple(numbers: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(b"I%d\n" % number for number in numbers) + b"t"

    storage = b"(X\x07\x00\x00\x00storage" + STORAGE + b"X\x01\x00\x00\x007X\x03\x00\x00\x00cpuI6\n" + b"Nt" + b"Q"
    tensor = REBUILD + b"(" + storage + b"I%d\n" % offset + number_tuple(shape) + number_tuple(strides) + b"I00\nNtR"
    return b"\x80\x02(X\x06\x00\x00\x00weight" + tensor + b"d."


def as_zip(path: Path, content: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", content)
        archive.writestr("model/data/7", NUMBERS.tobytes())


def as_old(path: Path, content: bytes) -> None:
    stream = io.BytesIO()
    for head in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
        pickle.dump(head, stream, protocol=2)
    stream.write(content)
    pickle.dump(["7"], stream, protocol=2)
    stream.write(len(NUMBERS).to_bytes(8, "little") + NUMBERS.tobytes())
    path.write_bytes(stream.getvalue())


Write = Callable[[Path, bytes], None]


@pytest.mark.parametrize("write", [as_zip, as_old])
def test_tensors_are_views_of_their_storage(write: Write, tmp_path: Path) -> None:
    write(tmp_path / "model.bin", described(offset=1, shape=(2, 2), strides=(1, 2)))
    tensor = read_tensors(tmp_path / "model.bin")["weight"]
    assert tensor.tolist() == [[1.0, 3.0], [2.0, 4.0]]


class _Call:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("called",)


@pytest.mark.parametrize("write", [as_zip, as_old])
def test_a_checkpoint_that_names_anything_else_is_refused(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "model.bin", pickle.dumps(OrderedDict(weight=_Call()), protocol=2))
    with pytest.raises(pickle.UnpicklingError, match="print"):
        read_tensors(tmp_path / "model.bin")
    assert capsys.readouterr().out == ""


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(pickle.dumps({"weight": 1}))
    with pytest.raises(pickle.UnpicklingError, match="no checkpoint"):
        read_tensors(tmp_path / "model.bin")
