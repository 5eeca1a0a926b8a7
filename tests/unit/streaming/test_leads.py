"""An utterance is decoded with the sound and the words of the one before it."""

from __future__ import annotations

from dataclasses import replace

from spoken import Spoken, run, spoken

from serve_app.ports.speech import KnownText, Recognition
from serve_app.streaming.decode import Decode
from serve_app.streaming.engine import StreamEngine
from serve_app.streaming.events import SpeechStarted
from serve_app.streaming.settings import StreamSettings
from serve_app.transcript.model import join_words

SETTINGS = StreamSettings()
SENTENCE = [0.1] * 6


class Watched(Spoken):
    """Remembers what the recognizer was asked."""

    def __init__(self, speech: Spoken) -> None:
        object.__setattr__(self, "words", speech.words)
        object.__setattr__(self, "duration_s", speech.duration_s)
        object.__setattr__(self, "asked", [])

    def hear(self, decode: Decode) -> Recognition:
        self.asked.append(decode)  # type: ignore[attr-defined]
        return super().hear(decode)


def asked_of(utterance: int, gaps_s: list[float], **settings: float) -> list[Decode]:
    speech = Watched(spoken(gaps_s))
    run(StreamEngine(replace(SETTINGS, **settings), language="en"), speech)
    return [decode for decode in speech.asked if decode.utterance.id == utterance]  # type: ignore[attr-defined]


def said(known: tuple[KnownText, ...]) -> list[str]:
    return " ".join(part.text for part in known).split()


def test_the_words_before_a_short_pause_are_known() -> None:
    first = asked_of(2, [0.5, *SENTENCE, 1.5, *SENTENCE])[0]

    assert said(first.prefix)[-1] == "w6"
    assert first.prefix[0].end_s is not None, "what ended before the pause is closed"
    assert first.prefix[-1].end_s is None, "and what comes now begins afresh"
    assert first.start_s < 3.0 < first.prefix[-1].start_s + first.start_s


def test_no_more_of_them_than_is_worth_its_cost() -> None:
    first = asked_of(2, [0.5, *[0.1] * 40, 1.5, *SENTENCE])[0]

    speech_from_s = first.prefix[-1].start_s
    assert 1.5 < speech_from_s <= SETTINGS.lead_s + 0.1
    assert len(said(first.prefix)) < 20


def test_what_was_said_before_a_long_pause_is_not() -> None:
    first = asked_of(2, [0.5, *SENTENCE, SETTINGS.lead_gap_s + 1.0, *SENTENCE])[0]

    assert first.prefix == ()
    assert first.start_s > 3.0 + SETTINGS.lead_gap_s


def test_nor_what_was_said_in_another_language() -> None:
    speech = spoken([0.5, *[0.1] * 12, 1.5, *[0.1] * 12])
    engine = StreamEngine(SETTINGS)
    heard: list[Decode] = []
    hear = speech.hear

    class Bilingual(Spoken):
        def hear(self, decode: Decode) -> Recognition:
            heard.append(decode)
            return replace(hear(decode), language="en" if decode.utterance.id == 1 else "de")

    run(engine, Bilingual(words=speech.words, duration_s=speech.duration_s))

    second = [decode for decode in heard if decode.utterance.id == 2]
    assert second
    assert all("w12" not in said(decode.prefix) for decode in second)


def test_decoding_that_stopped_short_goes_on_behind_what_it_wrote() -> None:
    speech = spoken([0.5, *[0.1] * 11])
    heard: list[Decode] = []

    class ShortOfBreath(Spoken):
        def hear(self, decode: Decode) -> Recognition:
            heard.append(decode)
            found = speech.hear(decode)
            if decode.kind == "final" and not decode.utterance.rests:
                words = found.segments[0].words[:-4]
                found = replace(found, segments=(replace(found.segments[0], words=words, text=join_words(words)),))
            return found

    events = run(
        StreamEngine(replace(SETTINGS, first_partial_s=99), language="en"),
        ShortOfBreath(words=speech.words, duration_s=speech.duration_s),
    )

    words = [w for _, e in events if not isinstance(e, SpeechStarted) for w in e.new]
    assert [w.text for w in words] == [w.text for w in speech.words]
    assert said(heard[1].prefix) == [w.text for w in speech.words[:-4]]
    assert (heard[1].prefix[-1].text, heard[1].prefix[-1].end_s) == ("", None)


def test_a_session_forgets_what_nothing_can_follow_any_more() -> None:
    speech = spoken([0.5, *SENTENCE], tail_s=30.0)
    engine = StreamEngine(SETTINGS, language="en")

    run(engine, speech)

    assert engine._sound.held_s < SETTINGS.lead_s + SETTINGS.lead_gap_s + 5
