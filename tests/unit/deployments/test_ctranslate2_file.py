"""Tensors are read from CTranslate2's files as they were written."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from deployments.engines.ctranslate2_file import VERSION, read_tensors
from deployments.engines.whisper_graph import encoder_graph

KINDS = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4, "bfloat16": 5}


def text(value: str) -> bytes:
    return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"


def tensor(name: str, values: npt.NDArray[np.generic], *, kind: str | None = None) -> bytes:
    shape = struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape)
    return text(name) + shape + struct.pack("<BI", KINDS[kind or values.dtype.name], values.nbytes) + values.tobytes()


def write(path: Path, *tensors: bytes, version: int = VERSION) -> Path:
    head = struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, len(tensors))
    path.write_bytes(head + b"".join(tensors))
    return path


def test_tensors_come_back_by_name_with_their_shapes(tmp_path: Path) -> None:
    weight, heads = np.arange(6, dtype=np.float16).reshape(2, 3), np.array(8, dtype=np.int16)
    other = np.zeros(5, dtype=np.float32)
    path = write(
        tmp_path / "model.bin",
        tensor("decoder/weight", other),
        tensor("encoder/weight", weight),
        tensor("encoder/num_heads", heads),
    )

    found = read_tensors(path, prefix="encoder/")

    assert set(found) == {"weight", "num_heads"}
    assert np.array_equal(found["weight"], weight)
    assert found["weight"].dtype == np.float16
    assert int(found["num_heads"]) == 8


def test_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="binary version 5"):
        read_tensors(write(tmp_path / "model.bin", version=5), prefix="")


def test_a_type_that_is_not_known_is_refused_where_it_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "model.bin", tensor("encoder/weight", np.zeros(2, dtype=np.float16), kind="bfloat16"))

    assert read_tensors(path, prefix="decoder/") == {}
    with pytest.raises(ValueError, match="encoder/weight as type 5"):
        read_tensors(path, prefix="encoder/")


def test_weights_stored_as_integers_make_no_graph() -> None:
    weight = np.zeros((4, 80, 3), dtype=np.int8)

    with pytest.raises(ValueError, match="conv1/weight is stored as int8"):
        encoder_graph({"conv1/weight": weight}, n_heads=1)
