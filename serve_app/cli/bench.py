"""`hark bench`: how accurate, how fast and how responsive a running service is, beside what one would run instead."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from serve_app.cli.bench_cluster import load, nodes, peers, scale
from serve_app.cli.bench_running import DEFAULT_URL, Results, Url, command, names, require_packages, run, say

Model = Annotated[str | None, typer.Option(help="Model to ask the service for; its own default when left out.")]


def register(app: typer.Typer) -> None:
    """Add the `bench` command group."""
    bench = typer.Typer(help="Measure a running service beside its peers.", no_args_is_help=True)
    bench.command("accuracy")(accuracy)
    bench.command("throughput")(throughput)
    bench.command("latency")(latency)
    bench.command("admission")(admission)
    bench.command("kills")(kills)
    bench.command("realtime")(realtime)
    bench.command("load")(load)
    bench.command("scale")(scale)
    bench.command("nodes")(nodes)
    bench.command("peers")(peers)
    app.add_typer(bench, name="bench")


def accuracy(
    *,
    url: Url = DEFAULT_URL,
    model: Model = None,
    sets: Annotated[str, typer.Option(help="Comma-separated: meet,conv,long,utt_en,utt_lang,hard.")] = (
        "meet,conv,long,utt_en,utt_lang,hard"
    ),
    peers: Annotated[
        str | None, typer.Option(help="Comma-separated peers, '' for none; the usual three when left out.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many recordings of each set.")] = None,
    detect_language: Annotated[bool, typer.Option(help="Let every system find the language out.")] = False,
    hark: Annotated[bool, typer.Option(help="Measure the service; --no-hark measures only the peers.")] = True,
    fresh: Annotated[bool, typer.Option(help="Run peers again instead of using their kept answers.")] = False,
    stock_turns: Annotated[
        Path | None, typer.Option(help="Folder of <id>.rttm files that stand in for running stock pyannote.")
    ] = None,
    results: Results = None,
) -> None:
    """Word, speaker and hallucination errors on the evaluation data."""
    require_packages()
    from benchmarks.accuracy.measure import DEFAULT_PEERS, measure_accuracy
    from benchmarks.common.report import RESULTS

    run(
        measure_accuracy(
            url=url,
            model=model,
            sets=names(sets),
            peers=DEFAULT_PEERS if peers is None else names(peers),
            limit=limit,
            detect_language=detect_language,
            with_hark=hark,
            fresh=fresh,
            stock_turns=stock_turns,
            command=command(),
            results=results or RESULTS,
            say=say,
        )
    )


def throughput(
    *,
    url: Url = DEFAULT_URL,
    model: Model = None,
    file: Annotated[str, typer.Option(help="Recording: an id of the evaluation data.")] = "meet_dev2",
    runs: Annotated[int, typer.Option(min=1, help="Rounds; every system runs once in each.")] = 3,
    glued_excerpt_s: Annotated[
        float, typer.Option(help="Seconds of the recording for the glued peer, which is slow; 0 for all, <0 for none.")
    ] = 120.0,
    pid: Annotated[
        int | None, typer.Option(help="Process of the service, to count it and its children; found by name otherwise.")
    ] = None,
    results: Results = None,
) -> None:
    """Seconds of audio per second, CPU and memory on a long recording, systems alternating."""
    require_packages()
    from benchmarks.common.report import RESULTS
    from benchmarks.throughput import measure_throughput

    run(
        measure_throughput(
            url=url,
            model=model,
            item_id=file,
            runs=runs,
            glued_excerpt_s=glued_excerpt_s,
            service_pid=pid,
            command=command(),
            results=results or RESULTS,
            say=say,
        )
    )


def latency(
    *,
    url: Url = DEFAULT_URL,
    model: Model = None,
    clip: Annotated[str | None, typer.Option(help="Id of a short recording; one of about 10 s when left out.")] = None,
    long_file: Annotated[str, typer.Option(help="Id of the long recording that runs beside short requests.")] = (
        "meet_dev1"
    ),
    runs: Annotated[int, typer.Option(min=2, help="Requests of each kind.")] = 20,
    results: Results = None,
) -> None:
    """Overhead of HTTP, eight requests at once, time to the first event, and fairness beside a long file."""
    require_packages()
    from benchmarks.common.report import RESULTS
    from benchmarks.latency import measure_latency

    run(
        measure_latency(
            url=url,
            model=model,
            clip_id=clip,
            long_id=long_file,
            runs=runs,
            command=command(),
            results=results or RESULTS,
            say=say,
        )
    )


def admission(
    *,
    runs: Annotated[int, typer.Option(min=2, help="Requests of each kind.")] = 200,
    transcripts: Annotated[int, typer.Option(min=1, help="Stored transcripts to list and search.")] = 10_000,
    results: Results = None,
) -> None:
    """What accounts add to a request, and lists and searches, on a database of its own; no service is needed."""
    from benchmarks.admission import measure_admission
    from benchmarks.common.report import RESULTS

    run(measure_admission(runs=runs, transcripts=transcripts, command=command(), results=results or RESULTS, say=say))


def kills(
    *,
    jobs: Annotated[int, typer.Option(min=1, help="Jobs, begun within the first half of the time.")] = 10,
    minutes: Annotated[float, typer.Option(min=0.1, help="How long to kill for.")] = 4.0,
    seed: Annotated[int, typer.Option(help="Of what is killed, and when.")] = 0,
    results: Results = None,
) -> None:
    """Jobs while their service is killed piece by piece, on a service of its own; none may be lost or charged twice."""
    from benchmarks.common.report import RESULTS
    from benchmarks.kills.measure import measure_kills

    run(measure_kills(jobs=jobs, minutes=minutes, seed=seed, command=command(), results=results or RESULTS, say=say))


def realtime(
    *,
    url: Url = DEFAULT_URL,
    sessions: Annotated[str, typer.Option(help="Comma-separated: so many sessions at once, one after the other.")] = (
        "1,2,4,8"
    ),
    sets: Annotated[str, typer.Option(help="Comma-separated sets of recordings.")] = "utt_en",
    limit: Annotated[int | None, typer.Option(help="At most so many recordings of each set.")] = None,
    seconds: Annotated[
        float, typer.Option(help="What each session is told; 0 to tell every recording once, to one of them.")
    ] = 90.0,
    naive_seconds: Annotated[
        float, typer.Option(help="Seconds of recordings for the design that decodes all again each second; 0 for none.")
    ] = 40.0,
    both_dialects: Annotated[bool, typer.Option(help="On /ws/stt as well as on /v1/stream.")] = True,
    hour: Annotated[bool, typer.Option(help="Instead: one session of an hour, its cost at both ends.")] = False,
    minutes: Annotated[float, typer.Option(min=10, help="With --hour: how long.")] = 60.0,
    at_pace: Annotated[bool, typer.Option(help="With --hour: at the pace of speech, not as fast as it is taken.")] = (
        False
    ),
    file: Annotated[str, typer.Option(help="With --hour: id of the recording whose beginning is repeated.")] = (
        "meet_dev1"
    ),
    crowd: Annotated[int, typer.Option(min=0, help="Instead: so many sockets at once, and HTTP beside them.")] = 0,
    pid: Annotated[
        int | None, typer.Option(help="Process of the service, to count it and its children; found by name otherwise.")
    ] = None,
    results: Results = None,
) -> None:
    """Captions at the pace of speech: delays, cost and errors by the number of sessions; a long session; a crowd."""
    require_packages()
    from benchmarks.common.report import RESULTS
    from benchmarks.realtime.crowd import measure_crowd
    from benchmarks.realtime.hour import measure_hour
    from benchmarks.realtime.measure import measure_realtime

    common: dict[str, Any] = {
        "url": url,
        "service_pid": pid,
        "command": command(),
        "results": results or RESULTS,
        "say": say,
    }
    if hour:
        run(measure_hour(item_id=file, minutes=minutes, at_pace=at_pace, **common))
    elif crowd:
        run(measure_crowd(sockets=crowd, **common))
    else:
        run(
            measure_realtime(
                sets=names(sets),
                limit=limit,
                sessions=[int(number) for number in names(sessions)],
                seconds=seconds or None,
                naive_s=naive_seconds,
                both_dialects=both_dialects,
                **common,
            )
        )
