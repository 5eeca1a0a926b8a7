"""`hark bench load`, `scale`, `nodes` and `peers`: the service as the system it is, in numbers, beside others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from serve_app.cli.bench_running import DEFAULT_URL, Pid, Results, Url, command, names, require_packages, run, say


def load(
    *,
    url: Url = DEFAULT_URL,
    steps: Annotated[str, typer.Option(help="Comma-separated loads, in multiples of the capacity.")] = (
        "0.25,0.5,0.8,1,1.5,2,3"
    ),
    seconds: Annotated[float, typer.Option(min=5, help="Of each step.")] = 60.0,
    overload: Annotated[
        float,
        typer.Option(
            min=0,
            help="Instead: 0.8, 1, 1.5 and 3 times the capacity, the last for so many minutes and as long before.",
        ),
    ] = 0.0,
    soak: Annotated[float, typer.Option(min=0, help="Instead: 60 % of the capacity for so many minutes.")] = 0.0,
    capacity: Annotated[
        float | None, typer.Option(help="Audio-seconds a second, if known; measured first when left out.")
    ] = None,
    job_share: Annotated[float, typer.Option(min=0, max=1, help="Of the arriving audio, what comes as jobs.")] = 0.1,
    sockets: Annotated[float, typer.Option(min=0, help="Realtime sessions at once, on average.")] = 2.0,
    diarize: Annotated[bool, typer.Option(help="Ask for speakers.")] = False,
    deadline_s: Annotated[float, typer.Option(min=0, help="In time: within this and the recording's length.")] = 10.0,
    seed: Annotated[int, typer.Option(help="Of the arrivals.")] = 0,
    data_dir: Annotated[
        Path | None,
        typer.Option(envvar="HARK_DATA_DIR", help="Of the service, to count its connections, leases and files."),
    ] = None,
    pid: Pid = None,
    results: Results = None,
) -> None:
    """Requests, jobs and sockets that wait for nobody: latency, goodput, refusals, cost; overload; soak."""
    require_packages()
    from benchmarks.common.report import RESULTS
    from benchmarks.load.measure import Load, measure_load
    from benchmarks.load.scores import Deadlines

    if overload:
        name, loads = "overload", [0.8, 1.0, 1.5, 3.0]
        lengths = [60 * overload * share for share in (0.5, 0.25, 0.25, 1.0)]
    elif soak:
        name, loads, lengths = "soak", [0.6], [60 * soak]
    else:
        name, loads = "load", [float(step) for step in names(steps)]
        lengths = [seconds] * len(loads)
    asked = Load(
        name=name,
        loads=loads,
        seconds=lengths,
        job_share=job_share,
        sockets=sockets,
        seed=seed,
        diarize=diarize,
        capacity=capacity,
        deadlines=Deadlines(base_s=deadline_s),
    )
    run(
        measure_load(
            asked,
            url=url,
            service_pid=pid,
            data_dir=data_dir,
            command=command(),
            results=results or RESULTS,
            say=say,
        )
    )


def scale(
    *,
    real: Annotated[
        str, typer.Option(help="Comma-separated numbers of recognizers of a service of its own; '' for none.")
    ] = "1,2",
    simulated: Annotated[str, typer.Option(help="Comma-separated numbers of simulated recognizers.")] = (
        "1,2,4,8,16,32,64"
    ),
    burst: Annotated[
        int, typer.Option(min=0, help="Hours of audio, all there at once, for the largest simulated service; 0: none.")
    ] = 1000,
    lengths: Annotated[str, typer.Option(help="Comma-separated hours of one recording.")] = "1,2,4,8,16,24",
    file: Annotated[str, typer.Option(help="Recording for the real service: an id of the evaluation data.")] = (
        "meet_dev2"
    ),
    calibrate: Annotated[bool, typer.Option(help="Measure the service times again.")] = False,
    wave: Annotated[bool, typer.Option(help="Instead: a load that comes to a service of its own and goes.")] = False,
    least: Annotated[int, typer.Option(min=0, help="With --wave: recognizers while nobody asks for more.")] = 1,
    most: Annotated[int, typer.Option(min=1, help="With --wave: recognizers at most.")] = 2,
    seconds: Annotated[float, typer.Option(min=10, help="With --wave: of load.")] = 90.0,
    callers: Annotated[int, typer.Option(min=1, help="With --wave: at once.")] = 6,
    results: Results = None,
) -> None:
    """More recognizers: real ones on this machine, and a calibrated simulation of many, checked against the real."""
    require_packages()
    from benchmarks.common.report import RESULTS
    from benchmarks.scale.measure import Scale, measure_scale
    from benchmarks.scale.wave import Wave, measure_wave

    if wave:
        coming = Wave(least=least, most=most, seconds=seconds, callers=callers)
        run(measure_wave(coming, command=command(), results=results or RESULTS, say=say))
        return
    asked = Scale(
        real=[int(n) for n in names(real)],
        simulated=[int(n) for n in names(simulated)],
        burst_hours=burst,
        day_hours=[float(hours) for hours in names(lengths)],
        item_id=file,
        fresh_calibration=calibrate,
    )
    run(measure_scale(asked, command=command(), results=results or RESULTS, say=say))


def nodes(
    *,
    clients: Annotated[int, typer.Option(min=2, help="Asking one after the other; half of them send again once.")] = 6,
    jobs: Annotated[int, typer.Option(min=0, help="At once, beside the requests.")] = 2,
    seconds: Annotated[float, typer.Option(min=5, help="Of load for each thing that is done, at least.")] = 30.0,
    only: Annotated[str, typer.Option(help="Comma-separated parts of the names of what is done; '' for all.")] = "",
    results: Results = None,
) -> None:
    """A service of its own on three nodes loses replicas, controller, node and database, and is changed, under load."""
    from benchmarks.common.report import RESULTS
    from benchmarks.nodes.measure import Asking, measure_nodes

    asking = Asking(clients=clients, jobs_at_once=jobs, window_s=seconds, only=tuple(names(only)))
    run(measure_nodes(asking, command=command(), results=results or RESULTS, say=say))


def peers(
    *,
    url: Url = DEFAULT_URL,
    clips: Annotated[int, typer.Option(min=2, help="Of about ten seconds, sent together.")] = 16,
    rounds: Annotated[int, typer.Option(min=1, help="Every server is asked once in each.")] = 5,
    whisperx: Annotated[
        Path | None, typer.Option(help="Folder of a virtual environment for whisperX, made when missing; none without.")
    ] = None,
    long_file: Annotated[
        str, typer.Option(help="Id of the recording for the pipeline's own share; '' to leave it out.")
    ] = "meet_dev1",
    pid: Pid = None,
    results: Results = None,
) -> None:
    """Clips that come together at Hark and at plain servers, in turns; what the pipeline takes beside its models."""
    require_packages()
    from benchmarks.common.report import RESULTS
    from benchmarks.peers.measure import Peers, measure_peers

    asked = Peers(clips=clips, rounds=rounds, whisperx=whisperx, long_id=long_file or None)
    run(measure_peers(asked, url=url, service_pid=pid, command=command(), results=results or RESULTS, say=say))
