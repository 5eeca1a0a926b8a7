"""The text features' smaller models: embeddings, finding what a meeting says, translation, beside what they replace.

    python -m benchmarks.text --parts embeddings,retrieval,translation

In one process, on weights that `hark models pull` has fetched; no service is needed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence

from benchmarks.common.report import RESULTS, Report, write_report
from benchmarks.text.embeddings import measure_embeddings
from benchmarks.text.retrieval import measure_retrieval
from benchmarks.text.translation import DIRECTIONS, Direction, measure_translation

Say = Callable[[str], None]


async def measure(
    parts: Sequence[str],
    *,
    directions: Sequence[Direction],
    sentences: int | None,
    name: str,
    command: str,
    say: Say,
) -> str:
    """Take the measurements asked for, write the report and return it as Markdown."""
    tables, numbers = [], {}
    if "embeddings" in parts:
        table, numbers["embeddings"] = measure_embeddings(say)
        tables.append(table)
    if "retrieval" in parts:
        table, numbers["retrieval"] = await measure_retrieval(say)
        tables.append(table)
    if "translation" in parts:
        table, numbers["translation"] = await measure_translation(
            say, directions=directions, sentences_at_most=sentences
        )
        tables.append(table)
    return write_report(Report(name=name, command=command, tables=tables, numbers=numbers), RESULTS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="embeddings,retrieval,translation")
    parser.add_argument(
        "--directions", default=",".join("-".join(pair) for pair in DIRECTIONS), help="like en-fr,fr-en"
    )
    parser.add_argument("--sentences", type=int, help="translate only so many")
    parser.add_argument("--name", default="text", help="of the report")
    arguments = parser.parse_args()
    command = " ".join(["python -m benchmarks.text", *sys.argv[1:]])

    def say(progress: str) -> None:
        print(progress, file=sys.stderr)

    pairs = [(source, target) for source, _, target in (d.partition("-") for d in arguments.directions.split(","))]
    report = measure(
        arguments.parts.split(","),
        directions=pairs,
        sentences=arguments.sentences,
        name=arguments.name,
        command=command,
        say=say,
    )
    print(asyncio.run(report))


if __name__ == "__main__":
    main()
