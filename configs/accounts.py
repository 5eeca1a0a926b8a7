"""Settings of accounts: who may do what, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from configs.base import Settings

if TYPE_CHECKING:
    from serve_app.admission.plans import Plans
    from serve_app.billing.prices import PriceList

Access = Literal["auto", "open", "keys"]


class PlanSettings(Settings):
    """The limits of a plan; null is unlimited."""

    concurrency: int | None = Field(default=None, ge=1)
    requests_per_day: int | None = Field(default=None, ge=0)
    text_requests_per_day: int | None = Field(default=None, ge=0)
    minutes_per_month: int | None = Field(default=None, ge=0)
    max_file_bytes: int | None = Field(default=None, ge=1)
    max_duration_s: float | None = Field(default=None, gt=0)
    charged: bool = False  # work is paid with credits


class PriceSettings(Settings):
    """Credits for every started unit; surcharges are fractions of it, as text so that they stay exact: "0.3"."""

    credits: float = Field(default=1, ge=0)
    per: Literal["minute", "request", "thousand_characters"] = "minute"
    surcharges: dict[str, str] = Field(default_factory=dict)


class IssuerSettings(Settings):
    """An OpenID Connect issuer whose ID tokens are accepted, e.g. https://securetoken.google.com/<project>."""

    issuer: str
    audiences: tuple[str, ...] = Field(min_length=1)
    jwks_uri: str | None = None  # null: by discovery


class AccountsSettings(Settings):
    """Who may do what. Plans and prices that are named here replace the defaults of the same name."""

    access: Access = (
        "auto"  # open: callers without credentials are the owner; auto: only where loopback is all there is
    )
    issuers: tuple[IssuerSettings, ...] = ()
    plans: dict[str, PlanSettings] = Field(default_factory=dict)
    signup_plan: str = "free"
    prices: dict[str, PriceSettings] = Field(default_factory=dict)
    hold_s: float = Field(default=60, ge=3)  # slots and credits that a crashed process held are free after this
    retention_days: float | None = Field(default=None, gt=0)  # of stored transcripts; null: until deleted

    def plan_table(self) -> Plans:
        """Return the plans. Raises ValueError for a signup plan that does not exist."""
        from serve_app.admission.plans import DEFAULT_PLANS, Plan, Plans

        named = {
            name: Plan(
                name=name,
                audio_s_per_month=None if plan.minutes_per_month is None else plan.minutes_per_month * 60,
                **plan.model_dump(exclude={"minutes_per_month"}),
            )
            for name, plan in self.plans.items()
        }
        return Plans(plans={**DEFAULT_PLANS, **named}, signup=self.signup_plan)

    def price_list(self) -> PriceList:
        """Return the prices."""
        from serve_app.billing.prices import DEFAULT_PRICES, Price, PriceList

        named = {name: Price(**price.model_dump()) for name, price in self.prices.items()}
        return PriceList(prices={**DEFAULT_PRICES, **named})
