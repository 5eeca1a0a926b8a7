"""What can keep a benchmark from being run; the message says what to do about it."""


class BenchmarkError(Exception):
    """A benchmark cannot be run, or its numbers would mean nothing."""


class DatasetMissing(BenchmarkError):
    """There is no evaluation data where it was looked for."""


class WeightsMissing(BenchmarkError):
    """A peer's weights are not in the data directory."""


class PeerFailed(BenchmarkError):
    """The peer's process ended before it had answered everything."""


class ServiceNotThere(BenchmarkError):
    """No service answers at the address."""


class ServiceRefused(BenchmarkError):
    """The service will not serve this client now."""
