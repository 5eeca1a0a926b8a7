"""`hark bench nodes`: a service on three nodes loses its parts and is changed, while requests and jobs run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from benchmarks.common.audio import SAMPLE, write_excerpt, write_repeated
from benchmarks.common.errors import ServiceRefused
from benchmarks.common.job_client import JobClient, JobRun
from benchmarks.common.own_service import (
    Config,
    fix_replicas,
    new_account,
    own_config,
    own_directory,
    running,
    write_config,
)
from benchmarks.common.report import RESULTS, write_report
from benchmarks.nodes.cluster import Deployed, three_nodes
from benchmarks.nodes.faults import TWICE, Blow, Target, blows, whole_database
from benchmarks.nodes.report import Happening, Jobs, nodes_report
from benchmarks.nodes.traffic import Asked, Client, Patience, Sent, sent

_CLIP_S = 12.0
_PATIENCE_S = 180.0  # for a service to become whole
_JOB_PATIENCE_S = 900.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How much is asked of the service meanwhile."""

    clients: int = 6  # half of them take the first answer for the last
    jobs_at_once: int = 2
    window_s: float = 30.0  # each happening's least time
    only: tuple[str, ...] = ()  # happenings whose names contain one of these; empty: all


async def measure_nodes(asking: Asking, *, command: str, results: Path = RESULTS, say: Say = lambda _: None) -> str:
    """Start a cluster and a service of its own, do everything to it, write the report and return it as Markdown."""
    with own_directory() as directory:
        config = _three_node_config(directory)
        things, long_recording = _things(directory), _long_recording(directory)
        say("three nodes and a service are started")
        with (
            three_nodes() as nodes,
            running(write_config(config, directory), "--address", nodes.address) as service,
        ):
            deployed = Deployed(nodes.address)
            try:
                target = Target(nodes=nodes, deployed=deployed, service=service, config=_as_served(config, service.url))
                _, key = await service.in_database(partial(new_account, plan="unlimited"))
                happenings, asked, jobs = await _under_load(target, asking, things, long_recording, key=key, say=say)
            finally:
                deployed.leave()
    return write_report(nodes_report(happenings, asked, jobs, notes=target.notes, command=command), results)


async def _under_load(
    target: Target, asking: Asking, things: list[Sent], long_recording: bytes, *, key: str, say: Say
) -> tuple[list[Happening], list[Asked], Jobs]:
    async with AsyncExitStack() as stack:

        async def connected() -> httpx.AsyncClient:
            return await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=target.service.url,
                    headers={"Authorization": f"Bearer {key}"},
                    timeout=httpx.Timeout(120, connect=5),
                    trust_env=False,
                )
            )

        say("undisturbed answers")
        undisturbed = await _undisturbed(await connected(), things)
        job_client = JobClient(await connected(), patience_s=_JOB_PATIENCE_S)
        alone = await job_client.run(JobRun(name="alone", audio_s=0), long_recording)
        if alone.transcript is None:
            raise ServiceRefused(f"A job that nothing disturbed is {alone.status}: {alone.fault}.")
        kinds: tuple[Patience, ...] = ("plain", "as told")
        clients = [
            Client(await connected(), kinds[n % 2], _turned(things, n // 2), undisturbed=undisturbed)
            for n in range(asking.clients)
        ]
        stop, runs = asyncio.Event(), list[JobRun]()
        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(client.run(stop))
            for _ in range(asking.jobs_at_once):
                group.create_task(_jobs(job_client, long_recording, runs, stop))
            try:
                happenings = [await _happen(target, blow, asking, say) for blow in _chosen(asking)]
            finally:
                stop.set()
            say("the last requests and jobs are waited for")
    # What was still under way belongs to the last thing that was done.
    happenings[-1] = replace(happenings[-1], ended_s=time.monotonic())
    unlike = sum(run.transcript != alone.transcript for run in runs if run.transcript is not None)
    return happenings, [asked for client in clients for asked in client.asked], Jobs(runs=runs, unlike=unlike)


async def _happen(target: Target, blow: Blow, asking: Asking, say: Say) -> Happening:
    """Strike, wait until the service is whole, and let the clients go on for a while."""
    say(f"{'killed' if blow.is_fault else 'changed'}: {blow.what}")
    began_s = time.monotonic()
    gone = await asyncio.to_thread(blow.strike, target)
    whole_again_s = None
    while time.monotonic() < began_s + _PATIENCE_S:
        if await asyncio.to_thread(_is_whole, target, gone):
            whole_again_s = time.monotonic() - began_s
            break
        await asyncio.sleep(0.2)
    await asyncio.to_thread(target.nodes.complete)
    await asyncio.sleep(max(began_s + asking.window_s - time.monotonic(), asking.window_s / 3))
    return Happening(
        what=blow.what,
        began_s=began_s,
        ended_s=time.monotonic(),
        whole_again_s=whole_again_s,
        is_fault=blow.is_fault,
    )


def _is_whole(target: Target, gone: Any) -> bool:
    return whole_database(target, gone) and target.deployed.is_whole(without=gone)


async def _jobs(client: JobClient, content: bytes, runs: list[JobRun], stop: asyncio.Event) -> None:
    while not stop.is_set():
        runs.append(run := JobRun(name=f"job {len(runs) + 1}", audio_s=0))
        await client.run(run, content)


async def _undisturbed(http: httpx.AsyncClient, things: list[Sent]) -> Mapping[str, dict[str, Any]]:
    answers = {}
    for thing in things:
        answer = await sent(http, thing)
        if answer.transcript is None:
            raise ServiceRefused(f"A request that nothing disturbed was answered with {answer.fault}.")
        answers[thing.name] = answer.transcript
    return answers


def _chosen(asking: Asking) -> list[Blow]:
    return [blow for blow in blows() if not asking.only or any(name in blow.what for name in asking.only)]


def _turned(things: list[Sent], by: int) -> list[Sent]:
    by %= len(things)
    return things[by:] + things[:by]


def _three_node_config(directory: Path) -> Config:
    """Return the embedded profile with every stage twice, and one proxy: all nodes here have the same address."""
    config = own_config(directory)
    config["proxy_location"] = "HeadOnly"
    for name in TWICE:
        fix_replicas(config, name, 2, max_replicas_per_node=1)
    return config


def _as_served(config: Config, url: str) -> Config:
    """Return the config as `hark serve --port` has deployed it."""
    return config | {"http_options": config["http_options"] | {"port": httpx.URL(url).port}}


def _things(directory: Path) -> list[Sent]:
    path = directory / "clip.wav"
    write_excerpt(SAMPLE, path, seconds=_CLIP_S)
    shapes = {
        "words": {"diarize": "false"},
        "speakers": {"diarize": "true"},
        "stream": {"diarize": "false", "stream": "true"},
    }
    return [
        Sent(name=name, content=path.read_bytes(), fields={"language": "en", **fields})
        for name, fields in shapes.items()
    ]


def _long_recording(directory: Path) -> bytes:
    path = directory / "long.wav"
    write_repeated(SAMPLE, path, times=1)  # 82 s: jobs go behind all requests
    return path.read_bytes()
