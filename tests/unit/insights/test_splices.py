import pytest
from scripted_model import talk

from serve_app.insights.splices import Splices

BOOKS = talk(
    ("Speaker 1", "The first books were printed in a development of the ancient Roman character."),
    ("Speaker 2", "Is it the duty of the doctor to inform the police?"),
    ("Speaker 1", "The earliest Bible is printed in letters which are an exact imitation"),
    ("Speaker 2", "Nobody had told him of the inspector who was waiting outside."),
    ("Speaker 1", "of the more formal writing of that time."),
)


@pytest.mark.parametrize(
    ("statement", "made"),
    [
        ("The earliest Bible is printed in letters which are an exact imitation of the ancient Roman character.", True),
        ("The earliest Bible is printed in letters which are an exact imitation of the more formal writing.", False),
        ("The earliest Bible is printed in letters. It was the duty of the doctor to inform the police.", False),
        ("The Bible is printed in letters like those of the ancient Roman character.", False),
        ("The doctor had to inform the police.", False),
    ],
)
def test_a_sentence_that_ends_as_another_does_is_none_of_the_text(statement: str, made: bool):
    assert Splices(BOOKS).made(statement) is made
