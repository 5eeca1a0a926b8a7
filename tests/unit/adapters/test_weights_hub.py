"""Weights from a model hub, whose client is stood in for."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import huggingface_hub
import pytest
from huggingface_hub import errors

from serve_app.adapters import weights
from serve_app.adapters.weights import WeightsError, WeightSet, installed_path, pull

CONTENT = b"weights" * 1000
REVISION = "0123456789abcdef0123456789abcdef01234567"


def hub_set(*repos: str, gated: bool = False) -> WeightSet:
    return WeightSet.model_validate(
        {
            "name": "hubbed",
            "title": "From the hub",
            "licence": "MIT",
            "attribution": "nobody",
            "files": [
                {
                    "path": "deep/model.bin",
                    "size_bytes": len(CONTENT),
                    "sha256": hashlib.sha256(CONTENT).hexdigest(),
                }
            ],
            "sources": [{"kind": "hub", "repo": repo, "revision": REVISION, "gated": gated} for repo in repos],
        }
    )


class Hub:
    """Answers like the client does: files land under `local_dir`, beside notes of its own."""

    def __init__(self, answers: dict[str, bytes | Exception]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str, str]] = []

    def download(self, repo_id: str, filename: str, *, revision: str, local_dir: Path) -> str:
        self.asked.append((repo_id, filename, revision))
        answer = self.answers[repo_id]
        if isinstance(answer, Exception):
            raise answer
        notes = local_dir / ".cache" / "huggingface" / "download"
        notes.mkdir(parents=True, exist_ok=True)
        (notes / "model.bin.metadata").write_text("etag")
        target = local_dir / filename
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(answer)
        return str(target)


def refusal(kind: type[errors.HfHubHTTPError], status: int) -> Exception:
    return kind("no", response=httpx.Response(status, request=httpx.Request("GET", "https://hub.invalid")))


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    hub = Hub({})
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hub.download)
    return hub.answers


def test_a_set_from_the_hub_holds_its_files_and_nothing_of_the_client(answers: dict[str, Any], tmp_path: Path) -> None:
    answers["good/repo"] = CONTENT
    weight_set = hub_set("good/repo")
    assert pull(tmp_path, weight_set).source == "model hub (good/repo)"
    root = installed_path(tmp_path, "hubbed")
    assert [str(path.relative_to(root)) for path in root.rglob("*")] == ["deep", "deep/model.bin"]
    assert weights.verify(tmp_path, weight_set).intact


def test_another_file_than_the_pinned_one_makes_the_next_source_be_tried(
    answers: dict[str, Any], tmp_path: Path
) -> None:
    answers.update({"bad/repo": bytes(len(CONTENT)), "good/repo": CONTENT})
    notes: list[str] = []
    pulled = pull(tmp_path, hub_set("bad/repo", "good/repo"), on_note=notes.append)
    assert pulled.source == "model hub (good/repo)"
    assert "handed out another file than the pinned one" in notes[0]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (refusal(errors.GatedRepoError, 403), "accept the conditions at .*some/repo and set HF_TOKEN"),
        (refusal(errors.RepositoryNotFoundError, 401), "accept the conditions"),
        (errors.LocalEntryNotFoundError("offline"), "cannot be reached: check the network"),
        (errors.OfflineModeIsEnabled("offline"), "unset it for the pull"),
        (refusal(errors.RevisionNotFoundError, 404), "has no deep/model.bin at revision 0123456789ab"),
        (ConnectionResetError("reset by peer"), r"ConnectionResetError: reset by peer.*try again"),
    ],
)
def test_what_the_hub_refuses_is_said_with_what_to_do(
    answers: dict[str, Any], tmp_path: Path, fault: Exception, sentence: str
) -> None:
    answers["some/repo"] = fault
    with pytest.raises(WeightsError, match=sentence):
        pull(tmp_path, hub_set("some/repo", gated=True))
    assert not installed_path(tmp_path, "hubbed").exists()


def test_a_full_disk_under_the_client_is_called_a_full_disk(answers: dict[str, Any], tmp_path: Path) -> None:
    answers["some/repo"] = OSError(28, "No space left on device")
    with pytest.raises(weights.DiskFullError, match="is full: make room"):
        pull(tmp_path, hub_set("some/repo", "some/repo"))


def test_the_client_of_the_hub_is_not_even_imported_before_it_is_needed() -> None:
    code = "import sys, serve_app.adapters.weights, serve_app.cli; sys.exit('huggingface_hub' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
