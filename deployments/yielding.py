"""Models give way, so that on a machine whose cores they fill requests are still read, refused and answered at once."""

from __future__ import annotations

import os
import sys

NICENESS = 10  # a ninth of the share of a core that a request's own work gets beside it


def give_way(*, device: str = "cpu") -> None:
    """Lower the priority of this thread, and with it of those it starts from now on: call it before a model is loaded.

    Where the model computes elsewhere nothing is done: threads that feed a GPU must not wait for a core. Only on Linux
    is niceness a thread's own; on others nothing is done either.
    """
    if device == "cpu" and sys.platform == "linux":
        os.nice(NICENESS)
