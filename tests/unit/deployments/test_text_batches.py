"""Texts in batches of like length, and sentences cut to what a model takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deployments.engines.minilm import batches
from deployments.engines.token_windows import joined, windows


@given(st.lists(st.integers(1, 256), max_size=60))
def test_every_text_is_in_one_batch_and_no_batch_is_too_large(lengths: list[int]) -> None:
    found = list(batches(lengths, most_tokens=512))
    assert sorted(index for batch in found for index in batch) == list(range(len(lengths)))
    assert all(len(batch) * max(lengths[index] for index in batch) <= 512 for batch in found)


@given(st.lists(st.sampled_from(["▁a", "b", "▁c"]), max_size=60), st.integers(2, 12))
def test_windows_put_together_are_the_tokens(tokens: list[str], longest: int) -> None:
    runs = windows(tokens, longest)
    assert [token for run in runs for token in run] == tokens
    assert all(0 < len(run) <= longest for run in runs)


def test_a_window_ends_before_a_word() -> None:
    assert windows(["▁one", "▁two", "▁thr", "ee"], 3) == [["▁one", "▁two"], ["▁thr", "ee"]]


def test_a_sentence_is_the_texts_of_its_windows() -> None:
    assert joined([[["a"], ["b"]], [], [["c"]]], iter(["A", " B", "C"])) == ["A B", "", "C"]
