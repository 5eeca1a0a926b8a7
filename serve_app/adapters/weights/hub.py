"""Weights from a model hub repository, through its own client (which resumes and keeps the user's token to itself)."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from serve_app.adapters.weights.sets import HubSource, WeightFile, WeightsError
from serve_app.adapters.weights.store import OnBytes, bytes_under, file_problem

_POLL_S = 0.2


def fetch_from_hub(source: HubSource, files: Sequence[WeightFile], directory: Path, *, on_done_bytes: OnBytes) -> None:
    """Download the files into `directory` under their own paths; each has the registry's size and sha256 afterwards."""
    try:
        import huggingface_hub
        from huggingface_hub.utils import logging as hub_logging
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError:
        raise WeightsError("the hub's client is missing: `pip install huggingface_hub` and pull again.") from None

    disable_progress_bars()  # ours shows the same bytes, and our sentence the last of its retries
    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    with _growth_reported(directory, on_done_bytes):
        for file in files:
            try:
                huggingface_hub.hf_hub_download(source.repo, file.path, revision=source.revision, local_dir=directory)
            except OSError as fault:
                if fault.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise
                raise _explained(source, file, fault) from fault
            except Exception as fault:
                raise _explained(source, file, fault) from fault
            if problem := file_problem(directory / file.path, file):
                (directory / file.path).unlink(missing_ok=True)
                raise WeightsError(f"{source.repo} handed out another file than the pinned one: {problem}.")


def _explained(source: HubSource, file: WeightFile, fault: Exception) -> WeightsError:
    """Turn the client's exception into one sentence."""
    from huggingface_hub import errors

    page = f"https://huggingface.co/{source.repo}"
    if isinstance(fault, errors.OfflineModeIsEnabled):
        return WeightsError("HF_HUB_OFFLINE is set, so the hub is not asked: unset it for the pull.")
    if isinstance(fault, errors.GatedRepoError) or (source.gated and isinstance(fault, errors.RepositoryNotFoundError)):
        return WeightsError(f"its owner asks for consent: accept the conditions at {page} and set HF_TOKEN.")
    if isinstance(fault, errors.RepositoryNotFoundError):
        return WeightsError(f"{source.repo} does not exist, or HF_TOKEN does not open it.")
    if isinstance(fault, errors.LocalEntryNotFoundError):
        return WeightsError("the model hub cannot be reached: check the network, the proxy and HF_ENDPOINT.")
    if isinstance(fault, errors.EntryNotFoundError | errors.RevisionNotFoundError):
        return WeightsError(f"{source.repo} has no {file.path} at revision {source.revision[:12]}.")
    reason = (str(fault).strip().splitlines() or ["no reason given"])[0]
    return WeightsError(f"the model hub failed ({type(fault).__name__}: {reason}): check the network and try again.")


@contextmanager
def _growth_reported(directory: Path, on_done_bytes: OnBytes) -> Iterator[None]:
    """Report the bytes under a directory from a thread while the block runs, since the client has no callback."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_POLL_S):
            on_done_bytes(bytes_under(directory))

    thread = threading.Thread(target=watch, name="hub-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
