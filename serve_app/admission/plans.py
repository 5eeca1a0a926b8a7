"""What each kind of caller may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

DAY_S = 86_400.0
MONTH_S = 30 * DAY_S
ANONYMOUS = "anonymous"
UNLIMITED = "unlimited"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The limits of a plan; None is unlimited."""

    name: str
    concurrency: int | None = None  # pieces of work at once, over all routes and sockets
    requests_per_day: int | None = None  # transcriptions with a result in any 24 hours
    text_requests_per_day: int | None = None  # answers about texts in any 24 hours
    audio_s_per_month: int | None = None  # seconds transcribed in any 30 days
    max_file_bytes: int | None = None
    max_duration_s: float | None = None  # of one recording
    charged: bool = False  # work is paid with credits


DEFAULT_PLANS: Mapping[str, Plan] = MappingProxyType(
    {
        plan.name: plan
        for plan in (
            Plan(
                name=ANONYMOUS, concurrency=1, requests_per_day=3, text_requests_per_day=60, max_file_bytes=100_000_000
            ),
            Plan(name="free", concurrency=2, audio_s_per_month=600 * 60, max_file_bytes=500_000_000),
            Plan(name="paid", concurrency=5, max_file_bytes=2_000_000_000, charged=True),
            Plan(name=UNLIMITED),
        )
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plans:
    """The plans of a service. `signup` names the plan of accounts that an issuer's token creates."""

    plans: Mapping[str, Plan] = field(default_factory=lambda: DEFAULT_PLANS)
    signup: str = "free"

    def __post_init__(self) -> None:
        missing = {ANONYMOUS, UNLIMITED, self.signup} - set(self.plans)
        if missing:
            raise ValueError(f"plans are missing: {', '.join(sorted(missing))}")

    def named(self, name: str) -> Plan:
        """Return a plan; an account whose plan is not configured any more has the limits of a new one."""
        return self.plans.get(name) or self.plans[self.signup]
