"""Lets some of schemathesis's cases name what exists and send what can be transcribed (SCHEMATHESIS_HOOKS).

HARK_FUZZ_TRANSCRIPT   id of a stored transcript
HARK_FUZZ_CLIP         path of a short recording
"""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path
from typing import Any

import schemathesis

_CLIP = Path(os.environ["HARK_FUZZ_CLIP"]).read_bytes()
_TRANSCRIPT = os.environ["HARK_FUZZ_TRANSCRIPT"]
_cases = count()


@schemathesis.hook
def map_case(context: Any, case: Any) -> Any:
    """Every other case has something to read, every third something to hear."""
    number = next(_cases)
    if number % 2 and case.method.upper() != "DELETE" and "transcript_id" in (case.path_parameters or {}):
        case.path_parameters["transcript_id"] = _TRANSCRIPT
    if number % 3 == 0 and isinstance(case.body, dict) and "file" in case.body:
        case.body["file"] = _CLIP
        case.body.pop("url", None)
    return case
