"""Grammars of JSON schemas: what they write is read back and validated."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import jsonschema
import pytest

from deployments.engines.json_grammar import json_grammar
from serve_app.errors import InvalidRequest

_TOKENS = re.compile(r'\s*("(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|\{[\d,]*\}|[()|?*+]|[a-z]\w*)')
_MOST_REPEATS = 3
_DEEP = 14  # of rules in each other: from here on the shortest way out is taken
_CHARACTERS = "aé漢😀 19,{}[]<|”"


class Written:
    """Writes texts of a grammar at random: a reading of EBNF of its own, as the engine's has one."""

    def __init__(self, grammar: str, seed: int) -> None:
        lines = (line.split(" ::= ", 1) for line in grammar.splitlines())
        self._rules = {name: _TOKENS.findall(rule) for name, rule in lines}
        self._random = random.Random(seed)  # noqa: S311 - the same texts each time
        self._depth = 0

    def text(self, rule: str = "root") -> str:
        self._depth += 1
        assert self._depth < 200, "the grammar does not come to an end"
        tokens = list(self._rules[rule])
        written = self._pick(self._options(tokens))
        self._depth -= 1
        return written

    def _options(self, tokens: list[str]) -> list[list[Any]]:
        """Read alternatives up to a closing parenthesis."""
        options: list[list[Any]] = [[]]
        while tokens:
            sign = tokens.pop(0)
            if sign == ")":
                break
            if sign == "|":
                options.append([])
                continue
            item: Any = self._options(tokens) if sign == "(" else sign
            suffix = tokens.pop(0) if tokens and (tokens[0] in "?*+" or tokens[0].startswith("{")) else ""
            options[-1].append((item, suffix))
        return options

    def _pick(self, options: list[list[Any]]) -> str:
        if self._depth > _DEEP:
            options = sorted(options, key=lambda option: sum(_weight(item) for item, _ in option))[:1]
        return "".join(self._repeated(item, suffix) for item, suffix in self._random.choice(options))

    def _repeated(self, item: Any, suffix: str) -> str:
        least, most = {"": (1, 1), "?": (0, 1), "*": (0, _MOST_REPEATS), "+": (1, _MOST_REPEATS)}.get(suffix, (0, 0))
        if suffix.startswith("{"):
            first, comma, last = suffix[1:-1].partition(",")
            least = int(first)
            most = int(last) if last else least + (_MOST_REPEATS if comma else 0)
            most = min(most, least + 40)
        times = least if self._depth > _DEEP else self._random.randint(least, most)
        return "".join(self._once(item) for _ in range(times))

    def _once(self, item: Any) -> str:
        if isinstance(item, list):
            return self._pick(item)
        if item.startswith('"'):
            return str(re.sub(r"\\(.)", r"\1", item[1:-1]))
        if item.startswith("["):
            return self._of_class(item)
        return self.text(item)

    def _of_class(self, item: str) -> str:
        if item.startswith("[^"):
            return self._random.choice([c for c in _CHARACTERS if re.fullmatch(item, c)])
        listed = re.sub(r"(.)-(.)", lambda m: "".join(map(chr, range(ord(m[1]), ord(m[2]) + 1))), item[1:-1])
        return self._random.choice(re.sub(r"\\(.)", r"\1", listed))


def _weight(item: Any) -> int:
    if isinstance(item, list):
        return min(sum(_weight(part) for part, _ in option) for option in item)
    return 1 if item[0] in '"[' else 10


def validate(schema: dict[str, Any], *, times: int = 60) -> set[str]:
    """Return texts of the schema's grammar, each of which was valid."""
    grammar = json_grammar(schema)
    texts = {Written(grammar, seed).text() for seed in range(times)}
    for text in texts:
        jsonschema.validate(json.loads(text), schema)
        text.encode("utf-8")  # no half of a pair
    return texts


SCHEMAS: dict[str, dict[str, Any]] = {
    "anything": {},
    "any object": {"type": "object"},
    "any array": {"type": "array"},
    "a map": {"type": "object", "additionalProperties": {"type": "integer"}},
    "required and not": {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "boolean"}, "c": {"type": "null"}, "d": {}},
        "required": ["c"],
        "additionalProperties": False,
    },
    "nothing required": {"properties": {"a": {"type": "integer"}, "b": {"type": "number"}}},
    "required without a schema": {"type": "object", "required": ["a"]},
    "lengths": {
        "type": "object",
        "properties": {
            "text": {"type": "string", "minLength": 2, "maxLength": 5},
            "list": {"type": "array", "items": {"type": "string", "maxLength": 3}, "minItems": 2, "maxItems": 3},
            "none": {"type": "array", "maxItems": 0},
            "many": {"type": "array", "items": {"type": "integer"}, "minItems": 5},
        },
        "required": ["text", "list", "none", "many"],
    },
    "numbers": {
        "type": "array",
        "items": {
            "anyOf": [
                {"type": "integer", "minimum": -3, "exclusiveMaximum": 3},
                {"type": "integer", "minimum": 0},
                {"type": "integer", "exclusiveMinimum": 0},
                {"type": "number", "minimum": 0, "maximum": 1},
                {"type": "number", "minimum": 0},
            ]
        },
    },
    "values": {"enum": ['a"b\\c', "ä\n", 1, -0.5, None, True, [1, "x"], {"k": []}]},
    "one value": {"type": "string", "const": "only"},
    "types": {"type": ["string", "null", "integer"], "minLength": 1, "minimum": 0},
    "references": {
        "$ref": "#/$defs/node",
        "$defs": {
            "node": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "next": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                },
                "required": ["name", "next"],
            }
        },
    },
    "a tree of one of two": {
        "oneOf": [{"type": "integer"}, {"type": "array", "items": {"$ref": "#"}}],
        "title": "Tree",
    },
    "pydantic's": {
        "type": "object",
        "properties": {"owner": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None, "title": "Owner"}},
        "required": ["owner"],
        "title": "Task",
    },
    "a key to escape": {"type": "object", "properties": {'"\\': {"allOf": [{"type": "null"}]}}, "required": ['"\\']},
}


@pytest.mark.parametrize("kind", list(SCHEMAS))
def test_what_a_grammar_writes_is_valid(kind: str) -> None:
    assert validate(SCHEMAS[kind])


def test_no_string_runs_on_behind_what_should_have_ended_it() -> None:
    texts = "".join(validate({"type": "array", "items": {"type": "string"}, "minItems": 20}))

    assert "<" in texts
    assert "”" in texts
    assert not re.search(r"<\||”[}\]]", texts)


def test_every_choice_is_open() -> None:
    texts = validate({"type": "object", "properties": {key: {"type": "null"} for key in "abc"}, "required": ["b"]})

    assert texts == {
        '{"b": null}',
        '{"a": null, "b": null}',
        '{"b": null, "c": null}',
        '{"a": null, "b": null, "c": null}',
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"type": "string", "pattern": "^a"},
        {"type": "integer", "multipleOf": 7},
        {"type": "integer", "maximum": 5},
        {"type": "integer", "minimum": 0, "maximum": 10**9},
        {"type": "number", "minimum": 0.5},
        {"type": "string", "minLength": 129},
        {"type": "array", "uniqueItems": True},
        {"type": "array", "minItems": 3, "maxItems": 2},
        {"type": "object", "minProperties": 1},
        {"type": "object", "patternProperties": {"^a": {}}},
        {"type": "object", "required": ["a"], "additionalProperties": False},
        {"not": {"type": "string"}},
        {"allOf": [{"type": "object"}, {"required": ["a"]}]},
        {"anyOf": [{"type": "string"}], "minLength": 3},
        {"anyOf": []},
        {"enum": [1, "a"], "type": "string"},
        {"const": float("nan")},
        {"minimum": 3},
        {"$ref": "#/$defs/nowhere"},
        {"$ref": "https://example.com/schema"},
        {"$ref": "#"},
        {"anyOf": [{"type": "string"}, {"$ref": "#"}]},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        {"type": "object", "properties": {"a": False}},
        {"type": "object", "properties": 3},
        {"type": 3},
    ],
    ids=str,
)
def test_what_cannot_be_kept_to_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="JSON schema"):
        json_grammar(schema)


def test_a_schema_without_a_floor_is_refused() -> None:
    schema: dict[str, Any] = {"type": "null"}
    for _ in range(5000):
        schema = {"type": "array", "items": schema}
    with pytest.raises(InvalidRequest):
        json_grammar(schema)
