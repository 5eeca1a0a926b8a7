"""Every fault a caller can meet.

SpeechError
├── InvalidRequest            400  INVALID_REQUEST
│   ├── MissingFile           400  MISSING_FILE
│   ├── UnsupportedFormat     400  UNSUPPORTED_FORMAT
│   ├── CorruptMedia          400  CORRUPT_MEDIA
│   ├── UnknownModel          400  UNKNOWN_MODEL
│   └── UnknownLanguage       400  UNKNOWN_LANGUAGE
├── Unauthenticated           401  UNAUTHENTICATED
├── InsufficientCredits       402  INSUFFICIENT_CREDITS
│   └── ZeroBalance           402  ZERO_BALANCE
├── Forbidden                 403  FORBIDDEN
├── NotFound                  404  NOT_FOUND
├── Conflict                  409  CONFLICT
│   ├── UploadMissing         409  UPLOAD_MISSING
│   └── NotReady              409  NOT_READY
├── FileTooLarge              413  FILE_TOO_LARGE
├── AudioTooLong              413  AUDIO_TOO_LONG
├── RateLimited               429  RATE_LIMITED
├── QuotaExceeded             429  QUOTA_EXCEEDED
├── ConcurrencyLimit          429  STT_CONCURRENCY_LIMIT
├── ModelQueueFull            429  STT_UPSTREAM_RATE_LIMIT
├── ClientCancelled           499  STT_CLIENT_CANCELLED
├── InternalError             500  INTERNAL_ERROR
├── DatabaseUnavailable       503  DATABASE_UNAVAILABLE
├── ModelUnavailable          503  STT_UPSTREAM_UNAVAILABLE
│   └── ReplicaLost           503  STT_UPSTREAM_UNAVAILABLE
└── StorageUnavailable        503  STORAGE_UNAVAILABLE
"""

from __future__ import annotations

from typing import Any, ClassVar


class SpeechError(Exception):
    """A fault with the HTTP status and error code it is reported under.

    `message` is one sentence a person can act on; `details` is JSON-ready; `retry_after_s` is whole seconds.
    """

    status: ClassVar[int] = 500
    error_code: ClassVar[str] = "INTERNAL_ERROR"

    def __init__(self, message: str, *, retry_after_s: int | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_s = retry_after_s
        self.details = details

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.retry_after_s, self.details)


def _rebuild(kind: type[SpeechError], message: str, retry_after_s: int | None, details: dict[str, Any]) -> SpeechError:
    return kind(message, retry_after_s=retry_after_s, **details)


class InvalidRequest(SpeechError):
    """A field is missing or has a value that is not accepted."""

    status = 400
    error_code = "INVALID_REQUEST"


class MissingFile(InvalidRequest):
    """The request carries neither a file nor a URL."""

    error_code = "MISSING_FILE"


class UnsupportedFormat(InvalidRequest):
    """The file is not audio or video that can be decoded."""

    error_code = "UNSUPPORTED_FORMAT"


class CorruptMedia(InvalidRequest):
    """The file claims a known format but nothing in it can be decoded."""

    error_code = "CORRUPT_MEDIA"


class UnknownModel(InvalidRequest):
    """No model of this name."""

    error_code = "UNKNOWN_MODEL"


class UnknownLanguage(InvalidRequest):
    """No language of this code."""

    error_code = "UNKNOWN_LANGUAGE"


class ContextTooLong(InvalidRequest):
    """A prompt is longer than the language model's window."""

    error_code = "CONTEXT_TOO_LONG"


class UnsupportedPair(InvalidRequest):
    """No translator knows this pair of languages."""

    error_code = "UNSUPPORTED_LANGUAGE_PAIR"


class Unauthenticated(SpeechError):
    """Credentials are missing, unknown, revoked or expired."""

    status = 401
    error_code = "UNAUTHENTICATED"


class InsufficientCredits(SpeechError):
    """The balance does not cover the work; `details["balance"]` and `details["needed"]` are credits."""

    status = 402
    error_code = "INSUFFICIENT_CREDITS"


class ZeroBalance(InsufficientCredits):
    """There are no credits left."""

    error_code = "ZERO_BALANCE"


class Forbidden(SpeechError):
    """The caller may not do this."""

    status = 403
    error_code = "FORBIDDEN"


class NotFound(SpeechError):
    """There is nothing of this name."""

    status = 404
    error_code = "NOT_FOUND"


class Conflict(SpeechError):
    """The thing is in a state, or was made with parameters, that does not allow this."""

    status = 409
    error_code = "CONFLICT"


class UploadMissing(Conflict):
    """A job is started before its media was uploaded."""

    error_code = "UPLOAD_MISSING"


class NotReady(Conflict):
    """A job's result is asked for before there is one."""

    error_code = "NOT_READY"


class FileTooLarge(SpeechError):
    """The file has more bytes than the caller may send; `details["limit"]` is the limit in bytes."""

    status = 413
    error_code = "FILE_TOO_LARGE"


class AudioTooLong(SpeechError):
    """The recording lasts longer than the caller may send; `details["limit"]` is the limit in seconds."""

    status = 413
    error_code = "AUDIO_TOO_LONG"


class RateLimited(SpeechError):
    """Too many requests in too little time."""

    status = 429
    error_code = "RATE_LIMITED"


class QuotaExceeded(SpeechError):
    """The allowance of the period is used up."""

    status = 429
    error_code = "QUOTA_EXCEEDED"


class ConcurrencyLimit(SpeechError):
    """Too many requests at once; `details["limit"]` is the cap."""

    status = 429
    error_code = "STT_CONCURRENCY_LIMIT"


class ModelQueueFull(SpeechError):
    """The queue in front of a model is full."""

    status = 429
    error_code = "STT_UPSTREAM_RATE_LIMIT"


class ClientCancelled(SpeechError):
    """The client hung up; the work behind the request is stopped too."""

    status = 499
    error_code = "STT_CLIENT_CANCELLED"


class InternalError(SpeechError):
    """A fault of the service that is nobody else's."""


class DatabaseUnavailable(SpeechError):
    """The database does not answer in time."""

    status = 503
    error_code = "DATABASE_UNAVAILABLE"


class ModelUnavailable(SpeechError):
    """A model deployment is down or failed, after retries."""

    status = 503
    error_code = "STT_UPSTREAM_UNAVAILABLE"


class ReplicaLost(ModelUnavailable):
    """The replica that ran a call is gone; another one can be asked the same."""


class ModelLoading(SpeechError):
    """The weights of a model are on their way."""

    status = 503
    error_code = "MODEL_LOADING"


class StorageUnavailable(SpeechError):
    """The object store is down, full or refuses this service, after retries."""

    status = 503
    error_code = "STORAGE_UNAVAILABLE"
