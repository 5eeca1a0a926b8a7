"""A share of a GPU that an engine keeps to: `num_gpus` only counts, it limits no memory."""

from __future__ import annotations


def bound_torch(share: float | None, *, device: str) -> None:
    """Let this process's torch take at most this share of its card; beyond it torch itself is out of memory.

    So a replica that asks for too much fails alone, instead of those beside it on the card. None: no bound.
    """
    if share is None or not device.startswith("cuda"):
        return
    import torch

    torch.cuda.set_per_process_memory_fraction(share, torch.device(device))
