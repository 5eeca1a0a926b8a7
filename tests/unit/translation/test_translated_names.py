"""Which names a translation lost, as far as letters tell."""

from __future__ import annotations

import pytest

from serve_app.translation.names import lost_names

LOST = [
    ("en", "es", "Marta Kowalczyk will write.", "Martina Kowalczyk escribirá.", ["Marta"]),
    ("de", "en", "Marta Kowalczyk schreibt.", "Martina Kowalczyk writes.", ["Marta"]),
    ("en", "de", "According to Brandt, it leaks.", "Es ist undicht.", ["Brandt"]),
    ("en", "fr", "Ask Yusuf Aksoy.", "Demandez à quelqu'un.", ["Yusuf", "Aksoy"]),
]
KEPT = [
    ("en", "es", "Marta Kowalczyk will write.", "Marta Kowalczyk escribirá."),
    ("en", "de", "The flat of Walter Brandt is empty.", "Walter Brandts Wohnung ist leer."),
    ("en", "es", "He flew from Lisbon to Rome on Monday.", "Voló de Lisboa a Roma el lunes."),
    ("en", "es", "Professor Hale explained it.", "El profesor Hale lo explicó."),
    ("en", "de", "The NATO and the EU agree.", "Die OTAN und die UE sind einig."),
    ("de", "en", "Der Hund liegt im Garten.", "The dog lies in the yard."),
    ("en", "fr", "Ask Yusuf Demir.", "Demandez à Yusuf Demir."),
    ("en", "fr", "Nobody came. Everybody knew.", "Aucun n'est venu. Tous savaient."),
    ("en", "fr", 'He said "Never" to <Boss>.', "Il a dit « Jamais » à <Boss>."),
    ("en", "es", "so that is it And we go", "así que eso es y vamos"),
    ("en", "zh", "Ask Yusuf Demir.", "\u95ee\u4f18\u7d20\u798f\u3002"),
    ("en", "pl", "Ask Yusuf Demir.", "Zapytaj Yusufa Demira."),
]


@pytest.mark.parametrize(("source", "target", "text", "translated", "names"), LOST)
def test_what_is_lost(source: str, target: str, text: str, translated: str, names: list[str]) -> None:
    assert lost_names(text, translated, languages=(source, target)) == names


@pytest.mark.parametrize(("source", "target", "text", "translated"), KEPT)
def test_what_is_kept_or_has_another_name_in_the_language(source: str, target: str, text: str, translated: str) -> None:
    assert lost_names(text, translated, languages=(source, target)) == []
