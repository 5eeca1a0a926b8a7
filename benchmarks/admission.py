"""What accounts cost: milliseconds that admission adds to a request, and lists and searches among many transcripts."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles

from benchmarks.common.database import fresh_database
from benchmarks.common.report import RESULTS, Report, Table, number, write_report
from serve_app.adapters.database import Database
from serve_app.admission.callers import Caller
from serve_app.admission.gate import Gate
from serve_app.admission.keys import new_key
from serve_app.admission.plans import Plans
from serve_app.billing.prices import PriceList
from serve_app.ports.records import Account, NewTranscript, TranscriptFilter

_WARM_UPS = 20
_AUDIO_S = 90.0  # covered by one credit at first, then by two: the reservation is raised, as for most recordings
_WORDS_EACH = 200
_VOCABULARY = 5000
_IN_ONE_TRANSACTION = 500
_PAGE = 20

Say = Callable[[str], None]
Call = Callable[[], Awaitable[object]]
Milliseconds = dict[str, list[float]]


async def measure_admission(
    *, runs: int, transcripts: int, command: str, results: Path = RESULTS, say: Say = lambda _: None
) -> str:
    """Measure on an embedded database of its own, write the report and return it as Markdown."""
    async with fresh_database() as database:
        say("admission")
        admission = await admission_ms(database, runs)
        say(f"{transcripts} transcripts are stored")
        account = await database.accounts.create()
        await _store(database, account, transcripts)
        say("lists and searches")
        reading = await reading_ms(database, account, transcripts, runs)
    return write_report(admission_report(admission, reading, transcripts=transcripts, command=command), results)


async def admission_ms(database: Database, runs: int) -> Milliseconds:
    """Time what the gate does for a paying caller, one request after the other, and the look at its key before."""
    account, key = await database.accounts.create(plan="paid"), new_key()
    await database.keys.create(account.id, name="bench", digest=key.digest, prefix=key.prefix)
    await database.ledger.grant(account.id, 10 * (runs + _WARM_UPS), reference="bench")
    caller = Caller(account=account, plan=Plans().named("paid"), bucket=f"account:{account.id}")
    gate = Gate(database, PriceList())
    times: Milliseconds = {"key": [], "lease and reserve": [], "cover": [], "capture": [], "leave": [], "together": []}
    for run in range(_WARM_UPS + runs):
        marks = [time.perf_counter()]
        await database.keys.owner_of(key.digest)
        marks.append(time.perf_counter())
        async with gate.admit(caller, feature="stt", reference=f"bench-{run}") as ticket:
            marks.append(time.perf_counter())
            await ticket.cover(_AUDIO_S)
            marks.append(time.perf_counter())
            await ticket.complete(audio_s=_AUDIO_S)
            marks.append(time.perf_counter())
        marks.append(time.perf_counter())
        if run >= _WARM_UPS:
            steps = [1000 * (after - before) for before, after in pairwise(marks)]
            for name, step in zip(times, [*steps, sum(steps[1:])], strict=True):
                times[name].append(step)
    return times


async def reading_ms(database: Database, account: Account, transcripts: int, runs: int) -> Milliseconds:
    """Time pages of the account's list and of searches in it."""
    pages = database.transcripts

    def page(offset: int = 0, **where: str) -> Call:
        return lambda: pages.page(account.id, limit=_PAGE, offset=offset, where=TranscriptFilter(**where))

    calls = {
        "first page": page(),
        "last page": page(max(transcripts - _PAGE, 0)),
        "of one language": page(language="de"),
        "search: a word in most": page(q=_word(0)),
        "search: a word in few": page(q=_word(_VOCABULARY - 1)),
        "search: two words": page(q=f"{_word(3)} {_word(40)}"),
        "search: beginning of a word": page(q=_word(7)[:3]),
    }
    return {name: await _timed(call, runs) for name, call in calls.items()}


def admission_report(admission: Milliseconds, reading: Milliseconds, *, transcripts: int, command: str) -> Report:
    """Lay out medians and 95th percentiles."""
    runs = len(next(iter(admission.values())))
    columns = ["what", "p50 ms", "p95 ms"]
    return Report(
        name="admission",
        command=command,
        tables=[
            Table(
                title="Admission of a paying caller",
                columns=columns,
                rows=_rows(admission),
                note=f"{runs} requests, one after the other, on the embedded database. The key is looked at again "
                "every few seconds only; `together` is the rest.",
            ),
            Table(
                title=f"Reading among {transcripts:,} stored transcripts",
                columns=columns,
                rows=_rows(reading),
                note=f"Pages of {_PAGE} with the count of all, {_WORDS_EACH} words a transcript.",
            ),
        ],
        numbers={"admission_ms": admission, "reading_ms": reading, "transcripts": transcripts},
    )


def percentile_95(times: Sequence[float]) -> float:
    return quantiles(times, n=20, method="inclusive")[-1] if len(times) > 1 else times[0]


def _rows(times: Milliseconds) -> list[list[str]]:
    return [[name, number(median(each), 1), number(percentile_95(each), 1)] for name, each in times.items()]


async def _timed(call: Call, runs: int) -> list[float]:
    times = []
    for run in range(_WARM_UPS + runs):
        started = time.perf_counter()
        await call()
        if run >= _WARM_UPS:
            times.append(1000 * (time.perf_counter() - started))
    return times


async def _store(database: Database, account: Account, count: int) -> None:
    """Store transcripts whose words are as unevenly common as those of a language."""
    chance = random.Random(0)  # noqa: S311 - the same words at every run
    weights = [1 / (rank + 1) for rank in range(_VOCABULARY)]
    words = [_word(rank) for rank in range(_VOCABULARY)]
    for start in range(0, count, _IN_ONE_TRANSACTION):
        async with database.transaction() as stores:
            for n in range(start, min(start + _IN_ONE_TRANSACTION, count)):
                text = " ".join(chance.choices(words, weights, k=_WORDS_EACH))
                await stores.transcripts.add(
                    NewTranscript(
                        account_id=account.id,
                        title=f"Meeting {n}",
                        text=text,
                        document={"text": text},
                        language=chance.choice(["en", "de", "fr"]),
                        duration_s=60.0,
                    )
                )


def _word(rank: int) -> str:
    """Return a made-up word, another for each rank."""
    letters = "bdfgklmnprst"
    syllables = []
    for _ in range(4):
        rank, letter = divmod(rank, len(letters))
        syllables.append(letters[letter] + "aeiou"[(letter + rank) % 5])
    return "".join(syllables)
