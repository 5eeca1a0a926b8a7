from serve_app.insights.extracts import central_along

STATEMENTS = [
    "A lobster was boiled.",
    "The printing of books began in the fifteenth century.",
    "Somebody heard a voice.",
    "Towns far away learned the craft of printing and sold its products.",
    "The dinner was magnificent.",
    "Craft and products of the fifteenth century are shown in museums of these towns.",
]


def test_the_statements_that_others_repeat_stand_for_the_stretches_of_a_text():
    assert central_along(STATEMENTS, count=3) == [STATEMENTS[1], STATEMENTS[3], STATEMENTS[5]]
    assert central_along(STATEMENTS, count=1) == [STATEMENTS[5]]
    assert central_along(STATEMENTS, count=0) == []


def test_nothing_is_said_that_others_say():
    beside = ["It tells how towns learned the craft of printing."]
    assert central_along(STATEMENTS[1:4], count=1, beside=beside) == [STATEMENTS[1]]
    assert central_along(["Printing spread."] * 4, count=4) == ["Printing spread."]
