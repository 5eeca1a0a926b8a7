from __future__ import annotations

import pytest


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HARK_DATA_DIR", "HARK_OPERATOR_KEY"):
        monkeypatch.delenv(name, raising=False)
