"""How many replicas a model needs, from the seconds of audio that wait for it.

A count of requests says little here: a window may hold 1 s or 30 s, and a GPU takes sixteen of them in the time of one.
Replicas tell what waits in seconds of audio and how many of these they do in a second; their quotient is the time that
callers wait. Serve calls the policy in its controller, and itself adds the bounds and delays of `autoscaling_config`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingTarget:
    """What the policy aims at: the `policy_kwargs` of a deployment."""

    wait_s: float = 10.0  # what waits now is to be done within this time; shorter: more replicas for the same queue
    busy_share: float = 0.85  # replicas busier than this are joined by another
    realtime_headroom: float = 1.0  # idle capacity kept for open sessions, as a multiple of what they use
    shrink_margin: float = 0.2  # a replica goes only when the others have this share to spare without it
    call_audio_s: float = 15.0  # a call that has not reached a replica is taken for so much audio

    def __post_init__(self) -> None:
        if not (self.wait_s > 0 and 0 < self.busy_share <= 1 and 0 <= self.shrink_margin < 1):
            raise ValueError("wait_s must be above 0, busy_share in (0, 1], shrink_margin in [0, 1)")
        if self.realtime_headroom < 0 or self.call_audio_s < 0:
            raise ValueError("realtime_headroom and call_audio_s must not be below 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What is asked of all replicas of a deployment together."""

    waiting_audio_s: float = 0.0  # in front of replicas
    unsent_calls: float = 0.0  # that wait for a replica with room, or for the first one
    busy: float = 0.0  # replicas' worth of work being done
    realtime_busy: float = 0.0  # the part of it for open sessions
    rate: float = 0.0  # audio-seconds that one busy replica does in a second; 0: none has been measured yet


def replicas_needed(demand: Demand, target: ScalingTarget, *, have: int, at_least: int, at_most: int) -> int:
    """Return how many replicas there should be, within the bounds.

    What arrives keeps `busy` replicas at work however many there are; what waits asks for more of them on top. So the
    answer grows with both, and does not depend on `have` except that a replica goes only with a margin. Nothing to do
    is `at_least`, 0 included; anything at all needs one replica.
    """
    needed = _needed(demand, target)
    shrunk = _whole(needed / (1 - target.shrink_margin))
    wanted = max(_whole(needed), min(shrunk, have))
    return min(max(wanted, at_least), at_most)


def _needed(demand: Demand, target: ScalingTarget) -> float:
    """Return replicas, as a fraction; 0 only when there is nothing to do."""
    waiting_s = demand.waiting_audio_s + demand.unsent_calls * target.call_audio_s
    if waiting_s <= 0 and demand.busy < _IDLE and demand.realtime_busy < _IDLE:
        return 0.0
    # Unmeasured, a replica's first work is still before it: more replicas would be started on no evidence.
    catching_up = waiting_s / (demand.rate * target.wait_s) if demand.rate > 0 else 0.0
    sessions = demand.realtime_busy * target.realtime_headroom
    return max(demand.busy / target.busy_share + catching_up + sessions, _IDLE)


def _whole(needed: float) -> int:
    return math.ceil(needed - 1e-9)


_IDLE = 0.005  # the fading memory of work that ended never reaches 0


class AudioBacklogPolicy:
    """An autoscaling policy of Ray Serve's: named as `policy_function`, made with `policy_kwargs`."""

    def __init__(self, **target: float) -> None:
        self._target = ScalingTarget(**target)

    def __call__(self, context: Any) -> tuple[int, dict[str, Any]]:
        """Return how many replicas there should be and no state. `context`: Serve's AutoscalingContext.

        A controller that has just come back, and replicas that have just started, have no reports yet: what runs stays.
        """
        have: int = context.target_num_replicas
        reports: Mapping[str, Mapping[Any, float]] = context.aggregated_metrics or {}
        if "rate" not in reports:
            waits_for_the_first = have == 0 and context.total_num_requests > 0
            return (1 if waits_for_the_first else have), {}
        rates = [rate for rate in reports["rate"].values() if rate > 0]
        demand = Demand(
            waiting_audio_s=sum(reports["waiting_audio_s"].values()),
            unsent_calls=context.total_queued_requests or 0.0,
            busy=sum(reports["busy_share"].values()),
            realtime_busy=sum(reports["realtime_share"].values()),
            rate=sum(rates) / len(rates) if rates else 0.0,
        )
        return replicas_needed(
            demand,
            self._target,
            have=have,
            at_least=context.capacity_adjusted_min_replicas,
            at_most=context.capacity_adjusted_max_replicas,
        ), {}
