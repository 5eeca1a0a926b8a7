"""`GET /api/v1/usage/`: what the account used, by day and by feature."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from serve_app.api.account.routing import PREFIX, SlashRouter, private_json, query_of, utc_now
from serve_app.api.account.schemas import ERRORS, query, reference, response
from serve_app.api.callers import account_of
from serve_app.api.context import services_of
from serve_app.ports.records import UsageDay

router = SlashRouter(prefix=PREFIX, tags=["Account"])

DEFAULT_DAYS, MAX_DAYS = 30, 366
_DAYS = {"type": "integer", "minimum": 1, "maximum": MAX_DAYS, "default": DEFAULT_DAYS}


@router.get(
    "/usage/",
    summary="Show usage",
    openapi_extra={"parameters": [query("days", _DAYS, "How many days, today included.")]},
    responses={200: response("Usage.", reference("Usage")), **ERRORS},
    response_class=JSONResponse,
)
async def show_usage(request: Request) -> Response:
    """Show requests, minutes and credits of the last days (UTC), newest first, each day by feature."""
    account = await account_of(request)
    days = query_of(request).integer("days", default=DEFAULT_DAYS, at_least=1, at_most=MAX_DAYS) or DEFAULT_DAYS
    today = utc_now().date()
    used = await services_of(request).stores.usage.by_day(account.id, days=days)
    return private_json(usage_view(used, today=today, days=days))


def usage_view(used: Sequence[UsageDay], *, today: date, days: int) -> dict[str, Any]:
    """Return the JSON of some days' usage, given newest first; days without use are there with zeros."""
    newest = max([today, *(each.day for each in used)])  # midnight may have passed since `today` was
    by_day = {day: list(group) for day, group in groupby(used, key=lambda each: each.day)}
    calendar = [newest - timedelta(days=n) for n in range(days)]
    return {
        "days": days,
        "date_from": calendar[-1].isoformat(),
        "date_to": newest.isoformat(),
        "totals": _sum(used),
        "by_feature": _by_feature(used),
        "by_day": [
            {
                "date": day.isoformat(),
                **_sum(by_day.get(day, ())),
                "by_feature": _by_feature(by_day.get(day, ())),
            }
            for day in calendar
        ],
    }


def _by_feature(used: Iterable[UsageDay]) -> list[dict[str, Any]]:
    in_order = sorted(used, key=lambda each: each.feature)
    groups = groupby(in_order, key=lambda each: each.feature)
    return [{"feature": feature, **_sum(list(group))} for feature, group in groups]


def _sum(used: Sequence[UsageDay]) -> dict[str, Any]:
    return {
        "requests": sum(each.requests for each in used),
        "minutes": round(sum(each.audio_s for each in used) / 60, 3),
        "credits": sum(each.credits for each in used),
    }
