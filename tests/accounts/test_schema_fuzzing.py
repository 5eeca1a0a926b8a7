"""Schemathesis over everything that OpenAPI describes: no 5xx, and nothing that is not described."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

from world import AccountsWorld, form, short_clip

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,unsupported_method"
)
MAX_EXAMPLES = 15
FEWEST_CASES = 300
LONGEST_S = 120
LANGUAGE_MODELS = "^/v1/(chat/|translate|summarize|analyze|generate)|/transcripts/.*/(chat|summarize|analyze|generate)/"


async def test_no_input_makes_the_service_fail_or_answer_what_it_does_not_describe(
    world: AccountsWorld, clip: bytes, tmp_path: Path
) -> None:
    tenant = await world.new_tenant(plan="unlimited", role="admin")
    async with world.client(tenant) as client:
        stored = (await client.post("/v1/transcribe", **form(clip))).json()["transcript_id"]
    short = tmp_path / "short.wav"
    short.write_bytes(short_clip(0.8))
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{world.service.url}/openapi.json"),
        *("--header", f"Authorization: Bearer {tenant.key}"),
        *("--checks", CHECKS, "--phases", "coverage,fuzzing", "--max-examples", str(MAX_EXAMPLES)),
        *("--generation-deterministic", "--continue-on-failure", "--request-timeout", "60", "--no-color"),
        *("--suppress-health-check", "filter_too_much"),
        # What the language models answer takes a core for seconds; their routes are fuzzed over models that are quick.
        *("--exclude-path-regex", LANGUAGE_MODELS),
    ]
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "fuzzing_hooks",
        "PYTHONPATH": str(Path(__file__).parent),
        "HARK_FUZZ_TRANSCRIPT": stored,
        "HARK_FUZZ_CLIP": str(short),
    }
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=LONGEST_S, check=False, env=environment
    )
    print(done.stdout)  # pytest shows it where the test fails
    assert done.returncode == 0, done.stderr[-2000:]
    generated = re.search(r"(\d+) generated", done.stdout)
    assert generated is not None
    assert int(generated[1]) > FEWEST_CASES
    async with world.client(tenant) as client:  # some of it was heard
        usage = (await client.get("/api/v1/usage/")).json()["totals"]
    assert usage["requests"] > 1
