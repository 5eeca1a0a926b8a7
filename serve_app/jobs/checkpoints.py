"""The checkpoints of one attempt at a job."""

from __future__ import annotations

from serve_app.errors import Conflict
from serve_app.jobs.patience import Patience
from serve_app.jobs.ports import JobStores


class AttemptCheckpoints:
    """Implements ports.Checkpoints. What is not there is known without asking; a short outage is waited out."""

    def __init__(
        self, stores: JobStores, *, job_id: str, attempt: int, upload: str, known: set[str], patience: Patience
    ) -> None:
        """`upload` tells the job's upload from one that might have replaced it; `known` are the keys in the store."""
        self._stores = stores
        self._upload = upload
        self._job_id = job_id
        self._attempt = attempt
        self._known = known
        self._patience = patience

    async def load(self, key: str) -> bytes | None:
        name = f"{self._upload}/{key}"
        if name not in self._known:
            return None
        return await self._patience(lambda: self._stores.jobs.load_checkpoint(self._job_id, name))

    async def save(self, key: str, content: bytes) -> None:
        name = f"{self._upload}/{key}"
        kept = await self._patience(
            lambda: self._stores.jobs.save_checkpoint(self._job_id, name, content, attempt=self._attempt)
        )
        if not kept:
            raise Conflict("Another worker runs this job now, or it has ended.")
        self._known.add(name)
