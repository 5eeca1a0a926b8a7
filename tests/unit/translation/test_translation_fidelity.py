"""What a translation must not lose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.translation.fidelity import (
    around_parts,
    best_of,
    mark,
    mask,
    missing,
    numbers_of,
    restored,
    says_something,
    unmask,
)

KEPT = (
    "https://example.org/a?b=c", "www.example.org/x", "ada@example.org", "{name}", "{{ user.name }}", "${total}",
    "%(count)d", "%s", "<b>", "</b>", "[PERSON_1]", "`x = 1`", "@ada", "#launch",
)  # fmt: skip


@pytest.mark.parametrize("part", KEPT)
def test_addresses_placeholders_and_the_like_are_hidden_and_come_back_to_the_letter(part: str) -> None:
    text = f"Please see {part}, and answer."
    masked = mask(text)
    assert masked.parts == (part,)
    assert part not in masked.text
    assert unmask(masked.text, masked) == text


def test_marks_come_back_in_whatever_order_and_case_a_model_puts_them() -> None:
    masked = mask("From {a} to {b}.")
    assert unmask(f"À {mark(1).lower()} de {mark(0)}.", masked) == "À {b} de {a}."


@pytest.mark.parametrize("translated", ["De vers.", f"De {mark(0)}.", f"{mark(0)} {mark(1)} {mark(1)}"])
def test_marks_that_were_lost_or_doubled_are_noticed(translated: str) -> None:
    assert unmask(translated, mask("From {a} to {b}.")) is None


def test_a_text_that_holds_a_mark_is_left_alone() -> None:
    text = f"{mark(7)} is at {{a}}."
    assert mask(text).text == text
    assert unmask(text, mask(text)) == text


def test_hidden_numbers_come_back_too() -> None:
    masked = mask("Pay 1,200.50 to {name} by 5 May.", numbers=True)
    assert masked.parts == ("1,200.50", "{name}", "5")
    assert unmask(masked.text, masked) == "Pay 1,200.50 to {name} by 5 May."


@pytest.mark.parametrize(
    ("source", "translated"),
    [
        ("1,234.5 km", "1 234,5 km"),
        ("12,000 people", "12 000 personnes"),
        ("12,000 people", "12.000 Menschen"),
        ("at 10:30", "à 10 h 30"),
        ("3.5 %", "3,5 %"),
        ("42 pages", "४२ पृष्ठ"),
    ],
)
def test_numbers_are_the_same_however_they_are_written(source: str, translated: str) -> None:
    assert missing(source, translated) == []


@pytest.mark.parametrize(
    ("source", "translated", "lost"),
    [
        ("12,000 people", "1 200 personnes", ["12000"]),
        ("7 of 7", "7", ["7"]),
        ("See https://example.org/a.", "Voir https://exemple.org/a.", ["https://example.org/a"]),
        ("Two and 3", "2 et trois", ["3"]),
    ],
)
def test_what_is_lost_is_named(source: str, translated: str, lost: list[str]) -> None:
    assert missing(source, translated) == lost


def test_a_number_inside_an_address_is_no_number_of_the_text() -> None:
    assert missing("See https://example.org/2024.", "Voir https://example.org/2024.") == []


@given(st.integers(0, 10**12))
def test_grouping_never_changes_a_number(number: int) -> None:
    assert numbers_of(f"{number:,}") == numbers_of(f"{number:,}".replace(",", "\u202f")) == numbers_of(str(number))


@given(st.text(alphabet=st.sampled_from("a {}b<>@h.:/"), max_size=60))
def test_runs_around_the_kept_parts_are_the_text(text: str) -> None:
    assert "".join(run for run, _ in around_parts(text)) == text


@pytest.mark.parametrize("text", ["", "  ", "12:30", "…!", "{name}", "https://example.org", "👍"])
def test_nothing_is_to_be_translated_without_letters_of_its_own(text: str) -> None:
    assert not says_something(text)


def test_of_two_translations_the_one_that_lost_less_counts() -> None:
    assert best_of("3 of 4", ["trois sur quatre", "3 sur quatre", "3 sur quatre!"]) == "3 sur quatre"


@pytest.mark.parametrize(
    ("source", "translated"),
    [
        ("bis 18 Uhr", "by 6 PM"),
        ("at 6:30 p.m.", "um 18:30 Uhr"),
        ("at 6 pm", "a las 6 p. m."),
        ("à 12 h", "at 12 pm"),
        ("by 6 PM", "antes de las 6 de la tarde"),
        ("avant 6 heures du soir", "by 6 p.m."),
    ],
)
def test_an_hour_in_the_afternoon_may_be_told_on_either_clock(source: str, translated: str) -> None:
    assert missing(source, translated) == []


def test_another_hour_is_lost() -> None:
    assert missing("bis 18 Uhr", "by 5 PM") == ["18"]
    assert missing("18 Punkte", "6 points") == ["18"]


@pytest.mark.parametrize(
    ("translated", "expected"),
    [
        ("Seite 12 von {bericht} für {name}", "Seite 12 von {report} für {name}"),
        ("für {name} Seite 12 von {bericht}", "für {name} Seite 12 von {report}"),
        ("{name}: {report}", "{name}: {report}"),
        ("Seite 12 für {name}", "Seite 12 für {name}"),
    ],
)
def test_a_placeholder_that_was_translated_is_put_back(translated: str, expected: str) -> None:
    assert restored("page 12 of {report} for {name}", translated) == expected
