import itertools
from collections import defaultdict
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from serve_app.jobs.fairness import Place, cost, placed


@dataclass
class Line:
    """All tenants' waiting jobs, and a worker that takes the first one."""

    waiting: dict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))
    used_until: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    virtual_time: int = 0
    submitted: int = 0

    def submit(self, tenant: str, audio_s: float, at_s: float = 0.0) -> str:
        self.submitted += 1
        new = Place(job_id=f"{self.submitted:06}", audio_s=audio_s, submitted_s=at_s)
        self.waiting[tenant] = placed(
            new, waiting=self.waiting[tenant], virtual_time=self.virtual_time, used_until=self.used_until[tenant]
        )
        return new.job_id

    def take(self) -> tuple[str, Place]:
        tenant, place = min(
            ((tenant, place) for tenant, places in self.waiting.items() for place in places),
            key=lambda it: (-it[1].priority, it[1].job_id),
        )
        self.waiting[tenant].remove(place)
        self.used_until[tenant] = max(self.used_until[tenant], place.end)
        self.virtual_time = max(self.virtual_time, place.start)
        return tenant, place

    def take_all(self) -> list[tuple[str, Place]]:
        return [self.take() for _ in range(sum(map(len, self.waiting.values())))]


lengths = st.floats(1.0, 4 * 3600.0)
tenants = st.sampled_from("ABCD")
arrivals = st.tuples(st.just("arrive"), tenants, lengths)
events = st.lists(st.one_of(arrivals, arrivals, st.just(("take",))), max_size=60)


@given(events)
def test_tenants_that_wait_get_the_same_minutes_within_the_longest_job_of_each(events):
    line = Line()
    spans: dict[tuple[str, str], tuple[int, int]] = {}  # of pairs that both wait: what each had when that began
    given_to: dict[str, int] = defaultdict(int)
    longest: dict[str, int] = defaultdict(int)
    for n, event in enumerate([*events, *[("take",)] * 60]):
        backlogged = {tenant for tenant in "ABCD" if line.waiting[tenant]}
        for one in "ABCD":
            for two in "ABCD":
                if one < two and {one, two} <= backlogged:
                    had = spans.setdefault((one, two), (given_to[one], given_to[two]))
                    got = given_to[one] - had[0], given_to[two] - had[1]
                    assert abs(got[0] - got[1]) <= longest[one] + longest[two]
                else:
                    spans.pop((one, two), None)
        if event[0] == "arrive":
            line.submit(event[1], event[2], at_s=n)
            longest[event[1]] = max(longest[event[1]], cost(event[2]))
        elif backlogged:
            tenant, place = line.take()
            given_to[tenant] += cost(place.audio_s)


@given(st.lists(st.tuples(tenants, lengths), max_size=40))
def test_what_one_tenant_sends_together_runs_shortest_first(jobs):
    line = Line()
    for tenant, audio_s in jobs:
        line.submit(tenant, audio_s)
    ran: dict[str, list[float]] = defaultdict(list)
    for tenant, place in line.take_all():
        ran[tenant].append(place.audio_s)
    assert all(lengths == sorted(lengths) for lengths in ran.values())


@given(events)
def test_a_tenants_places_follow_each_other_without_overlap(events):
    line = Line()
    for n, event in enumerate(events):
        if event[0] == "arrive":
            line.submit(event[1], event[2], at_s=n)
            places = line.waiting[event[1]]
            assert all(before.end <= after.start for before, after in itertools.pairwise(places))
            assert places[0].start >= line.used_until[event[1]]
        elif any(line.waiting.values()):
            line.take()


@given(events, lengths)
def test_a_new_tenant_waits_for_no_more_than_one_job_of_each_other(events, audio_s):
    line = Line()
    for n, event in enumerate(events):
        if event[0] == "arrive":
            line.submit(event[1], event[2], at_s=n)
        elif any(line.waiting.values()):
            line.take()
    mine = line.submit("new", audio_s, at_s=1e6)
    before: list[str] = []
    while (taken := line.take())[1].job_id != mine:
        before.append(taken[0])
    assert len(before) == len(set(before)) <= 4


def test_a_thousand_files_of_one_tenant_delay_anothers_first_by_one():
    line = Line()
    for n in range(1000):
        line.submit("flood", 600.0, at_s=n)
    line.take()
    mine = line.submit("light", 3600.0, at_s=1001.0)
    assert [line.take()[1].job_id for _ in range(2)].count(mine) == 1


def test_use_of_idle_hours_is_not_held_against_a_tenant():
    line = Line()
    for n in range(100):
        line.submit("night", 3600.0, at_s=n)
        line.take()
    for n in range(10):
        line.submit("day", 3600.0, at_s=200.0 + n)
        line.submit("night", 3600.0, at_s=200.0 + n)
    ran = [line.take()[0] for _ in range(10)]
    assert ran.count("day") == ran.count("night")


def test_a_short_file_passes_a_long_one_that_waits_but_not_for_ever():
    line = Line()
    long = line.submit("A", 3600.0, at_s=0.0)
    soon = line.submit("A", 60.0, at_s=3000.0)
    late = line.submit("A", 60.0, at_s=3700.0)
    assert [place.job_id for _, place in line.take_all()] == [soon, long, late]


def test_jobs_cost_whole_minutes():
    assert [cost(seconds) for seconds in (0.0, 0.3, 60.0, 60.1, 3600.0)] == [1, 1, 1, 2, 60]
