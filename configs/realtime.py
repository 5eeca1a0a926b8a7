"""Settings of realtime sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from configs.base import Settings

if TYPE_CHECKING:
    from serve_app.api.streaming.services import SocketSettings


class RealtimeOptions(Settings):
    """Bounds of the sockets of one replica; the algorithm's own thresholds have measured defaults in the code."""

    max_sessions: int = Field(default=32, ge=1)  # further ones are told to come back
    idle_s: float = Field(default=120, gt=0)  # a socket that sends nothing for so long is closed
    longest_s: float = Field(default=14_000, gt=0)  # http_options.request_timeout_s ends a socket without a word
    slow_reader_s: float = Field(default=20, gt=0)  # one that takes nothing for so long, too

    def socket_settings(self) -> SocketSettings:
        from serve_app.api.streaming.services import SocketSettings

        return SocketSettings(**self.model_dump())
