"""`/api/v1/account/`: who the caller is, what it may do, what it has left."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Request
from pydantic import Field, StringConstraints
from starlette.responses import JSONResponse, Response

from serve_app.admission.plans import Plan
from serve_app.api.account.bodies import Body, json_body
from serve_app.api.account.routing import PREFIX, SlashRouter, private_json
from serve_app.api.account.schemas import ERRORS, TOO_LARGE, body_of, reference, response
from serve_app.api.callers import account_of, caller_of
from serve_app.api.context import services_of
from serve_app.jobs.views import iso
from serve_app.ports.records import Account

router = SlashRouter(prefix=PREFIX, tags=["Account"])

_EMAIL = "email"  # where e-mail preferences lie among an account's preferences

PreferenceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class AccountChange(Body):
    """What an account may change of itself. Its e-mail address is its issuer's to say."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] | None = Field(
        None, description="a text of at most 200 characters"
    )
    email_preferences: dict[PreferenceName, bool] | None = Field(
        None,
        max_length=32,
        description="an object of at most 32 names (lower case, digits and _) with true or false, which replaces "
        "the one before",
    )


_RESPONSES = {200: response("The account.", reference("Account")), **ERRORS}


@router.get("/account/", summary="Show the account", responses=_RESPONSES, response_class=JSONResponse)
async def show_account(request: Request) -> Response:
    """Show the profile, e-mail preferences, plan with its limits, and credits."""
    account = await account_of(request)
    # What the credentials lead to is remembered for seconds; this is where changes are looked for.
    return await _answer(request, await services_of(request).stores.accounts.get(account.id))


@router.put(
    "/account/",
    summary="Change the account",
    openapi_extra=body_of(AccountChange),
    responses=_RESPONSES | TOO_LARGE,
    response_class=JSONResponse,
)
async def change_account(request: Request) -> Response:
    """Change the name or the e-mail preferences; what is not sent stays, and what is not the caller's to change too."""
    account = await account_of(request)
    change = await json_body(request, AccountChange)
    async with services_of(request).stores.transaction() as stores:
        preferences = None
        if change.email_preferences is not None:
            kept = (await stores.accounts.get(account.id)).preferences
            preferences = {**kept, _EMAIL: change.email_preferences}
        changed = await stores.accounts.update(account.id, name=change.name, preferences=preferences)
    return await _answer(request, changed)


async def _answer(request: Request, account: Account) -> Response:
    balance = await services_of(request).stores.ledger.balance(account.id)
    return private_json(_view(account, credits=balance, plan=(await caller_of(request)).plan))


def _view(account: Account, *, credits: int, plan: Plan) -> dict[str, Any]:
    return {
        "id": account.id,
        "email": account.email,
        "name": account.name,
        "role": account.role,
        "plan": account.plan,
        "limits": _limits(plan),
        "credits": credits,
        "email_preferences": dict(account.preferences.get(_EMAIL, {})),
        "created_at": iso(account.created_at),
    }


def _limits(plan: Plan) -> dict[str, Any]:
    seconds = plan.audio_s_per_month
    return {
        "concurrency": plan.concurrency,
        "requests_per_day": plan.requests_per_day,
        "text_requests_per_day": plan.text_requests_per_day,
        "minutes_per_month": None if seconds is None else seconds // 60,
        "max_file_bytes": plan.max_file_bytes,
        "max_duration_s": plan.max_duration_s,
        "charged": plan.charged,
    }
