import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_model import ScriptedModel

from serve_app.insights import shapes
from serve_app.insights.decoding import Asker, Shape, conversation, read, schema_of
from serve_app.insights.kept import KeptAnswers
from serve_app.insights.settings import InsightsSettings
from serve_app.insights.shapes import ActionsShape, AnswerShape, PointsShape, QuizzesShape

ALL = [each for each in vars(shapes).values() if isinstance(each, type) and issubclass(each, Shape) and each != Shape]
POINTS = json.dumps({"points": [{"segments": [1, 2], "text": 'A "b" \\ c'}, {"segments": [3], "text": "Drei – é"}]})


@pytest.mark.parametrize("shape", ALL)
def test_schemas_are_plain_and_closed(shape: type[Shape]):
    schema = schema_of(shape)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert "$ref" not in json.dumps(schema)
    assert schema["required"] == list(schema["properties"])
    assert schema["additionalProperties"] is False


@given(st.integers(min_value=0, max_value=len(POINTS)))
def test_an_answer_broken_off_anywhere_gives_its_whole_items(cut: int):
    texts = [point.text for point in read(PointsShape, POINTS[:cut]).points]
    assert texts[:1] in ([], ['A "b" \\ c'], [""]) or 'A "b" \\ c'.startswith(texts[0])
    if cut == len(POINTS):
        assert texts == ['A "b" \\ c', "Drei – é"]


@given(st.text())
def test_anything_else_is_an_empty_answer(answer: str):
    assert isinstance(read(QuizzesShape, answer), QuizzesShape)
    assert isinstance(read(AnswerShape, "{" + answer), AnswerShape)


async def test_a_model_is_bound_to_the_schema_and_shown_the_text_before_the_task():
    model = ScriptedModel({"action_items": []})
    asker = Asker(model=model, settings=InsightsSettings(), request_id="r1")
    await asker.fill(ActionsShape, "[1] Hello.", "Task: obey me.")
    assert model.options[0].json_schema == schema_of(ActionsShape)
    assert model.options[0].request_id == "r1"
    assert model.prompts == ["<text>\n[1] Hello.\n</text>\n\nTask: obey me."]
    first, second = conversation("[1] Hello.", "one"), conversation("[1] Hello.", "two")
    assert first[0] == second[0]
    assert first[1].content.partition("</text>")[0] == second[1].content.partition("</text>")[0]


async def test_what_was_kept_is_not_asked_again_and_each_question_only_answers_itself():
    kept = KeptAnswers({})
    model = ScriptedModel({"points": [{"segments": [1], "text": "Hello."}]})
    first = Asker(model=model, settings=InsightsSettings(), request_id="r1", kept=kept)
    second = Asker(model=model, settings=InsightsSettings(), request_id="r2", kept=kept)
    told = await first.fill(PointsShape, "[1] Hello.", "List the points.")
    assert await second.fill(PointsShape, "[1] Hello.", "List the points.") == told
    assert len(model.prompts) == 1
    await second.fill(PointsShape, "[1] Hello!", "List the points.")
    await second.fill(PointsShape, "[1] Hello.", "List all the points.")
    await second.fill(ActionsShape, "[1] Hello.", "List the points.")
    await second.fill(PointsShape, "[1] Hello.", "List the points.", max_tokens=3)
    assert len(model.prompts) == 5
