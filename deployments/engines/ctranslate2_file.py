"""The tensors in a `model.bin` of CTranslate2, which has no call to read them."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

VERSION = 6
_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


def read_tensors(path: Path, *, prefix: str) -> dict[str, npt.NDArray[Any]]:
    """Return the tensors whose names begin with `prefix`, by the rest of the name, mapped from the file.

    The layout is that of CTranslate2's own converter (`specs/model_spec.py`). Raises ValueError for another one.
    """
    data = np.memmap(path, dtype=np.uint8, mode="r")
    position = 0

    def number(form: str) -> int:
        nonlocal position
        (value,) = struct.unpack_from(f"<{form}", data.data, position)
        position += struct.calcsize(form)
        return int(value)

    def text() -> str:
        nonlocal position
        length = number("H")
        position += length
        return bytes(data[position - length : position]).rstrip(b"\0").decode()

    if (version := number("I")) != VERSION:
        raise ValueError(f"{path} has the binary version {version} of CTranslate2 instead of {VERSION}")
    text()  # which specification
    number("I")  # and its revision
    tensors: dict[str, npt.NDArray[Any]] = {}
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        kind, size = number("B"), number("I")
        if name.startswith(prefix):
            if kind not in _TYPES:
                raise ValueError(f"{path} holds {name} as type {kind}, which is not known here")
            tensors[name.removeprefix(prefix)] = data[position : position + size].view(_TYPES[kind]).reshape(shape)
        position += size
    return tensors
