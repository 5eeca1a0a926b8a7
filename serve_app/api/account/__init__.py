"""The Account API under `/api/v1`: what an account is, may do, has used and has stored."""

from serve_app.api.account import account, cloud, exports, keys, transcripts, usage

ROUTERS = (account.router, keys.router, usage.router, transcripts.router, exports.router, cloud.router)

__all__ = ["ROUTERS"]
