"""Whether the segment of a meeting that answers a question is found first."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchmarks.common.database import fresh_database
from benchmarks.common.report import Table, number
from benchmarks.text.meetings import QUESTIONS, meeting
from configs.text import EmbedderOptions
from deployments.local_text import LocalEmbedder
from serve_app.adapters.weights import default_data_dir, installed_path
from serve_app.ports.records import NewTranscript
from serve_app.retrieval.index import TranscriptIndex

Say = Callable[[str], None]


async def measure_retrieval(say: Say) -> tuple[Table, dict[str, Any]]:
    """Whether the segment that answers a question comes first."""
    say("retrieval")
    embedder = LocalEmbedder(EmbedderOptions(threads=2), installed_path(default_data_dir(), "minilm"))
    rows, places, indexed_s = [], [], 0.0
    async with fresh_database() as database:
        account = await database.accounts.create()
        index = TranscriptIndex(embedder=embedder, store=database.passages)
        for name in dict.fromkeys(question.meeting for question in QUESTIONS):
            transcript = meeting(name)
            entry = await database.transcripts.add(
                NewTranscript(account_id=account.id, title=name, text=transcript.text, document={})
            )
            started = time.perf_counter()
            await index.add(account.id, entry.id, transcript)
            indexed_s += time.perf_counter() - started
            for question in (q for q in QUESTIONS if q.meeting == name):
                started = time.perf_counter()
                found = await index.find(account.id, entry.id, question.text)
                took_s = time.perf_counter() - started
                place = next((n for n, f in enumerate(found, 1) if question.answer in f.line.text.lower()), None)
                places.append(place)
                similarity = found[0].similarity if found else None
                rows.append([name, question.text, str(place or "–"), number(similarity), number(1000 * took_s, 0)])
    first = sum(1 for place in places if place == 1)
    note = f"{first} of {len(places)} questions have the answering segment first. Indexing took {indexed_s:.2f} s."
    columns = ["meeting", "question", "place of the segment", "similarity of the first", "ms"]
    return Table(title="Questions to meetings", columns=columns, rows=rows, note=note), {"places": places}
