"""How fast a language model writes alone and eight answers at once, how soon it lets go, whether it keeps to schemas.

    python -m benchmarks.language [--model <weight set>] [--engine vllm] [--parts speed,cancel,turns,prefixes]

In one process, on weights that `hark models pull` has fetched; no service is needed. The schema part takes long on two
cores: with `--minutes 5` it stops then, and the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from dataclasses import asdict
from typing import Any

from benchmarks.common.report import RESULTS, Report, Table, write_report
from benchmarks.language.cancelling import cancelling_table, measure_cancelling
from benchmarks.language.injections import injections_table, measure_injections
from benchmarks.language.prefixes import measure_prefixes, prefixes_table
from benchmarks.language.schema import measure_schema, schema_table
from benchmarks.language.speed import AT_ONCE, measure_language, speed_table
from benchmarks.language.turns import measure_turns, turns_table
from configs.language import LanguageModelOptions
from deployments.local_language import LanguageEngine, open_engine
from serve_app.adapters.weights import default_data_dir, installed_path


async def measure(arguments: argparse.Namespace, *, command: str) -> str:
    """Take the measurements asked for, write the report and return it as Markdown."""
    weights = installed_path(default_data_dir(), arguments.model)

    async def opened(cache_tokens: int) -> LanguageEngine:
        options = LanguageModelOptions(
            engine=arguments.engine, weights=arguments.model, context_tokens=2560, cache_tokens=cache_tokens
        )
        return await asyncio.to_thread(open_engine, options, weights)

    engine = await opened(AT_ONCE * 2560)
    name = "language" if arguments.engine == "openvino" else f"language_{arguments.engine}"
    tables: list[Table] = []
    numbers: dict[str, Any] = {}

    def tell(table: Table) -> None:
        tables.append(table)
        print(table.markdown(), file=sys.stderr, flush=True)

    try:
        if "speed" in arguments.parts:
            speed = await measure_language(engine, tokens=arguments.tokens, rounds=arguments.rounds)
            tell(speed_table(speed, model=f"{arguments.model} by {arguments.engine}"))
            numbers["speed"] = {str(n): [asdict(r) for r in rounds] for n, rounds in speed.items()}
        if "cancel" in arguments.parts:
            numbers["cancel"] = await measure_cancelling(engine)
            tell(cancelling_table(numbers["cancel"]))
        if "turns" in arguments.parts:
            turns = await measure_turns(engine)
            tell(turns_table(turns))
            numbers["turns"] = {order: [asdict(each) for each in waited] for order, waited in turns.items()}
        if "schema" in arguments.parts:
            state = RESULTS / f"{name}_schema.tmp"
            until = time.monotonic() + 60 * arguments.minutes if arguments.minutes else None
            calls = await measure_schema(engine, state, calls=arguments.calls, until=until)
            tell(schema_table(calls, wanted=arguments.calls))
            numbers["schema"] = [asdict(call) for call in calls]
        if "injections" in arguments.parts:
            cases = await measure_injections(engine)
            tell(injections_table(cases))
            numbers["injections"] = [asdict(case) for case in cases]
    finally:
        await engine.close()
    if "prefixes" in arguments.parts:
        prefixes = await measure_prefixes(opened)
        tell(prefixes_table(prefixes))
        numbers["prefixes"] = [asdict(each) for each in prefixes]
    return write_report(Report(name=arguments.name or name, command=command, tables=tables, numbers=numbers), RESULTS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-1.5b-instruct-q4", help="a weight set")
    parser.add_argument("--engine", default="openvino", choices=["openvino", "vllm"])
    parser.add_argument("--parts", default="speed,cancel,turns,schema,injections,prefixes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=96, help="of each answer")
    parser.add_argument("--calls", type=int, default=200, help="of the schema part")
    parser.add_argument("--minutes", type=float, help="of the schema part; go on with the same command")
    parser.add_argument("--name", help="of the report")
    arguments = parser.parse_args()
    arguments.parts = arguments.parts.split(",")
    print(asyncio.run(measure(arguments, command=" ".join(["python -m benchmarks.language", *sys.argv[1:]]))))


if __name__ == "__main__":
    main()
