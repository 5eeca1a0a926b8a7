"""Tensors out of a PyTorch checkpoint, without PyTorch and without running anything that is in it.

A checkpoint is a pickle that says how tensors lie in storages, and the storages: as a zip file, or, before PyTorch 1.6,
one after the other. A pickle can name any function to be called; here it can name those that rebuild tensors, and
anything else is refused.
"""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

_DTYPES: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "DoubleStorage": np.dtype("<f8"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
}
_OLD_MAGIC = 0x1950A86A20F9469CFC6C

Storage = npt.NDArray[Any]
FindStorage = Callable[[str, np.dtype[Any], int], Storage]


@dataclass(frozen=True, slots=True)
class _StorageType:
    dtype: np.dtype[Any]


class _Unpickler(pickle.Unpickler):
    """`find` returns the storage of a key, a type and a number of items."""

    def __init__(self, stream: IO[bytes], find: FindStorage) -> None:
        super().__init__(stream)
        self._find = find

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in _DTYPES:
            return _StorageType(_DTYPES[name])
        raise pickle.UnpicklingError(f"the checkpoint names {module}.{name}, which no tensor needs")

    def persistent_load(self, pid: Any) -> Storage:
        _, kind, key, _, items, *_ = pid
        return self._find(str(key), kind.dtype, int(items))


def _tensor(storage: Storage, offset: int, shape: Any, strides: Any, *_: object) -> npt.NDArray[Any]:
    steps = tuple(stride * storage.itemsize for stride in strides)
    return np.lib.stride_tricks.as_strided(storage[offset:], shape=tuple(shape), strides=steps)


def read_tensors(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return a checkpoint's tensors by name."""
    found = _read_zip(path) if zipfile.is_zipfile(path) else _read_old(path)
    return {str(name): value for name, value in found.items() if isinstance(value, np.ndarray)}


def _read_zip(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        root = next(name for name in archive.namelist() if name.endswith("data.pkl")).rpartition("/")[0]

        def find(key: str, dtype: np.dtype[Any], items: int) -> Storage:
            return np.frombuffer(archive.read(f"{root}/data/{key}"), dtype=dtype, count=items)

        with archive.open(f"{root}/data.pkl") as stream:
            return _Unpickler(stream, find).load()


def _read_old(path: Path) -> Any:
    storages: dict[str, Storage] = {}

    def find(key: str, dtype: np.dtype[Any], items: int) -> Storage:
        return storages.setdefault(key, np.empty(items, dtype=dtype))  # filled below, when its bytes come

    with path.open("rb") as stream:
        if _Unpickler(stream, find).load() != _OLD_MAGIC:
            raise pickle.UnpicklingError(f"{path.name} is no checkpoint")
        for _ in ("version of the format", "machine it was written on"):
            _Unpickler(stream, find).load()
        found = _Unpickler(stream, find).load()
        for key in _Unpickler(stream, find).load():
            stream.seek(8, 1)  # the number of items, which is known
            stream.readinto(storages[str(key)].data.cast("B"))
    return found
