"""Every engine behind ports.LanguageModel answers, streams and counts."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import aclosing
from typing import Any

import pytest
from talking import CONTEXT_TOKENS, NARROW_TOKENS, STORY, user

from deployments.local_language import LanguageEngine
from serve_app.errors import ContextTooLong, InvalidRequest
from serve_app.ports.language import ChatMessage, GenerateOptions, Generation, TextDelta

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]


async def streamed(model: LanguageEngine, messages: list[ChatMessage], options: GenerateOptions) -> list[Any]:
    async with aclosing(model.stream(messages, options)) as answer:
        return [item async for item in answer]


# Answers


async def test_a_question_is_answered_with_what_it_cost(model: LanguageEngine, makes_sense: bool) -> None:
    question = "What is the capital of France? Answer with one word."
    answer = await model.generate(user(question), GenerateOptions(max_tokens=32))
    (alone,) = await model.count_tokens([question])

    assert answer.text.strip()
    assert answer.finish_reason in ("stop", "length")
    assert alone < answer.prompt_tokens < alone + 60  # the template around it
    assert 0 < answer.completion_tokens <= 32
    if makes_sense:
        assert "paris" in answer.text.lower()
        assert answer.finish_reason == "stop"


async def test_earlier_turns_and_the_system_are_heard(model: LanguageEngine, makes_sense: bool) -> None:
    talk = [
        ChatMessage(role="system", content="Answer in capital letters."),
        ChatMessage(role="user", content="My name is Zaphod. Remember it."),
        ChatMessage(role="assistant", content="I WILL."),
        ChatMessage(role="user", content="What is my name?"),
    ]
    whole = await model.generate(talk, GenerateOptions(max_tokens=24))
    last = await model.generate(talk[-1:], GenerateOptions(max_tokens=1))

    assert whole.prompt_tokens > last.prompt_tokens
    if makes_sense:
        assert "ZAPHOD" in whole.text.upper()


async def test_pieces_of_a_stream_join_to_the_answer_that_ends_it(model: LanguageEngine) -> None:
    items = await streamed(model, user("Name five rivers. 🚣"), GenerateOptions(max_tokens=48))
    pieces, last = items[:-1], items[-1]

    assert isinstance(last, Generation)
    assert len(pieces) > 5
    assert all(isinstance(piece, TextDelta) and piece.text for piece in pieces)
    assert "".join(piece.text for piece in pieces) == last.text
    assert len(pieces) <= last.completion_tokens <= 48


async def test_an_answer_that_is_too_long_ends_with_its_limit(model: LanguageEngine) -> None:
    answer = await model.generate(STORY, GenerateOptions(max_tokens=7))

    assert (answer.finish_reason, answer.completion_tokens) == ("length", 7)


async def test_an_answer_ends_before_a_stop_string(model: LanguageEngine) -> None:
    options = GenerateOptions(max_tokens=40)
    free = await model.generate(STORY, options)
    stop = free.text[len(free.text) // 2 :][:6]
    items = await streamed(model, STORY, GenerateOptions(max_tokens=40, stop=("never said", stop)))
    stopped = items[-1]

    assert stopped.text == free.text[: free.text.index(stop)]
    assert "".join(piece.text for piece in items[:-1]) == stopped.text
    assert stopped.finish_reason == "stop"


async def test_temperature_zero_gives_the_same_answer_again(model: LanguageEngine) -> None:
    answers = [await model.generate(STORY, GenerateOptions(max_tokens=32)) for _ in range(3)]

    assert answers[1] == answers[2] == answers[0]


async def test_a_seed_gives_the_same_answer_again_and_another_one_another(model: LanguageEngine) -> None:
    def seeded(seed: int) -> Awaitable[Generation]:
        return model.generate(STORY, GenerateOptions(max_tokens=24, temperature=1.0, seed=seed))

    first, again, other = await seeded(7), await seeded(7), await seeded(8)

    assert first.text == again.text
    assert first.text != other.text


async def test_without_a_limit_an_answer_may_fill_the_window(narrow_model: LanguageEngine) -> None:
    filler = " ".join(["word"] * (NARROW_TOKENS // 2))
    story = user(f"{filler} Write a very long story.")
    answer = await narrow_model.generate(story, GenerateOptions(temperature=0.8, seed=1))

    assert answer.prompt_tokens > NARROW_TOKENS // 2
    assert answer.prompt_tokens + answer.completion_tokens <= NARROW_TOKENS


async def test_no_message_is_no_request(model: LanguageEngine) -> None:
    with pytest.raises(InvalidRequest):
        await model.generate([], GenerateOptions())


# Tokens


async def test_a_prompt_that_leaves_no_room_is_refused_with_its_size(model: LanguageEngine) -> None:
    with pytest.raises(ContextTooLong) as refused:
        await model.generate(user("word " * 2100), GenerateOptions(max_tokens=32))

    assert refused.value.details["limit"] == CONTEXT_TOKENS
    assert refused.value.details["prompt_tokens"] > 2100
    assert await model.context_tokens() == CONTEXT_TOKENS


async def test_tokens_are_counted_text_by_text(model: LanguageEngine) -> None:
    nothing, word, three, long = await model.count_tokens(["", "word", "one two three", "word " * 500])

    assert (nothing, word) == (0, 1)
    assert 3 <= three <= 6
    assert 500 <= long <= 1002
    assert await model.count_tokens([]) == []


async def test_an_engine_that_works_says_so(model: LanguageEngine) -> None:
    await model.ping()
