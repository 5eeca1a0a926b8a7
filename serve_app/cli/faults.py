"""What a command says when it fails."""

from __future__ import annotations

from rich.console import Console


def print_fault(fault: object) -> None:
    """Print a fault on stderr as it is: brackets are no markup, and a long line is not broken."""
    Console(stderr=True).print(str(fault), style="red", markup=False, highlight=False, soft_wrap=True)
