"""How texts are worked through."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightsSettings:
    """Tokens are the language model's."""

    window_tokens: int = 1_000  # of text in one call: of more, small models tell of the beginning
    overlap_tokens: int = 120  # repeated at the next window's beginning
    whole_windows: int = 12  # quotes, cards and topics of a longer text are drawn from an excerpt
    answer_tokens: int = 900  # of the longest answer of one call
    calls_at_once: int = 6  # of one request; the engine batches them
    call_deadline_s: float = 1_800.0  # of one call, its time in the queue included: slow cores write a token a second
    longest_prompt: int = 500  # characters of a user's own wish that are heeded
    short_words: int = 25  # a text of so few words is its own summary
    most_items: int = 12  # of quotes, flashcards, quiz questions
    most_chapters: int = 24
    retrieval_floor: float = 0.15  # cosine; passages farther off do not answer a question
    history_turns: int = 3  # earlier questions that the model is shown
