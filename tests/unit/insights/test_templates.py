import pytest

from serve_app.insights.templates import prompt, prompt_names

_VALUES = dict.fromkeys(
    ("write_in", "most", "count", "task", "question", "segment", "wish", "history", "terms", "about"),
    "a $name {and} braces",
)


@pytest.mark.parametrize("name", prompt_names())
def test_every_prompt_has_a_version_and_takes_values_as_they_are(name: str):
    found = prompt(name)
    assert found.version >= 1
    filled = found.fill(**_VALUES)
    assert filled
    assert "version:" not in filled
    assert filled.count("$") == filled.count("a $name {and} braces")
