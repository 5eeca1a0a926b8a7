"""JSON schemas as grammars in xgrammar's EBNF, for engines that take no narrower schema.

Of a schema's instances the grammar has those that a small model writes well: one space behind commas and colons,
objects with the keys that are named, in their order, and numbers of ordinary size. Every text of the grammar is an
instance of the schema; a schema with keywords for which that cannot be said is refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from serve_app.errors import InvalidRequest

# What says nothing about which values are valid. `format` does not either, unless a validator is told that it does.
_ANNOTATIONS = frozenset(
    {"$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples"}
    | {"deprecated", "readOnly", "writeOnly", "format"}
)
_OF_TYPES: dict[str, frozenset[str]] = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "minItems", "maxItems"}),
    "string": frozenset({"minLength", "maxLength"}),
    "integer": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}),
    "number": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}),
    "boolean": frozenset(),
    "null": frozenset(),
}
_NEUTRAL = {"uniqueItems": False}  # keywords that say nothing with this value
_MOST_LISTED = 1000  # integers between two bounds, written out one by one
_MOST_DIGITS = 15
_LONGEST_LEAST = 128  # characters that a string may be told to have: for more, xgrammar takes half a second a token

_SHARED = {
    "any": 'string | number | "true" | "false" | "null" | array | object',
    "object": '"{" ( string ": " any ( ", " string ": " any )* )? "}"',
    "array": '"[" ( any ( ", " any )* )? "]"',
    # What small models write in a string that they should have ended first: the engine's end tokens, which are
    # characters to the grammar (`<|im_end|>`), and brackets behind a curly quotation mark. JSON writes it `\u003c|`.
    "string": r'"\"" ( plain | escape | less | quote )* ( "<"+ | "”"+ )? "\""',
    "plain": r'[^<”"\\\x00-\x1f\x7f]',
    "less": r'"<"+ ( [^<|”"\\\x00-\x1f\x7f] | escape )',
    "quote": r'"”"+ ( [^<}\]”"\\\x00-\x1f\x7f] | escape )',
    "char": r'[^<"\\\x00-\x1f\x7f] | escape',
    "escape": r'"\\" ( ["\\/bfnrt] | "u" ( [0-9a-ce-f] hex hex hex | "d" [0-7] hex hex ) )',
    "hex": "[0-9a-f]",
    "natural": f'"0" | [1-9] [0-9]{{0,{_MOST_DIGITS - 1}}}',
    "positive": f"[1-9] [0-9]{{0,{_MOST_DIGITS - 1}}}",
    "integer": '"-"? natural',
    "fraction": f'"." [0-9]{{1,{_MOST_DIGITS}}}',
    "number": "integer fraction?",
}


def json_grammar(schema: Mapping[str, Any]) -> str:
    """Return the grammar of a schema, its first rule named `root`; raises InvalidRequest when there is none."""
    writer = _Writer(schema)
    try:
        root = writer.value(schema)
    except (RecursionError, TypeError, ValueError, KeyError, AttributeError) as error:  # what is no schema at all
        raise _refusal() from error
    rules = {"root": root, **writer.rules, **_SHARED}
    return "\n".join(f"{name} ::= {rule}" for name, rule in rules.items()) + "\n"


def _refusal() -> InvalidRequest:
    return InvalidRequest("The language model cannot keep to this JSON schema; use simpler keywords.")


class _Writer:
    """Writes expressions, and rules for what is referred to."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._references: dict[str, str] = {}
        self.rules: dict[str, str] = {}

    def value(self, schema: Any, within: frozenset[str] = frozenset()) -> str:
        """Return the expression of a schema's instances; `within` are the references that begin where it does."""
        if schema is True or schema == {}:
            return "any"
        _require(isinstance(schema, Mapping))
        said = {key for key, value in schema.items() if key not in _ANNOTATIONS and _NEUTRAL.get(key, ...) != value}
        if not said:
            return "any"
        for keyword in ("$ref", "anyOf", "oneOf", "allOf"):
            if keyword in said:
                _require(said == {keyword})
                return self._combined(keyword, schema[keyword], within)
        for keyword in ("const", "enum"):
            if keyword in said:
                _require(said <= {keyword, "type"})
                return _listed([schema["const"]] if keyword == "const" else schema["enum"], schema.get("type"))
        types = schema.get("type") or _type_of(said)
        if isinstance(types, str):
            return self._of_type(types, schema, said)
        known = frozenset().union(*(_OF_TYPES[each] for each in types))
        _require(said <= known | {"type"})
        return _either(self._of_type(each, schema, said & (_OF_TYPES[each] | {"type"})) for each in types)

    def _combined(self, keyword: str, parts: Any, within: frozenset[str]) -> str:
        if keyword == "$ref":
            _require(isinstance(parts, str) and parts not in within)
            return self._reference(parts, within | {parts})
        _require(keyword != "allOf" or len(parts) == 1)
        return _either(self.value(part, within) for part in parts)

    def _of_type(self, kind: str, schema: Mapping[str, Any], said: set[str]) -> str:
        _require(kind in _OF_TYPES and said <= _OF_TYPES[kind] | {"type"})
        if kind == "object":
            return self._object(schema)
        if kind == "array":
            return self._array(schema)
        if kind == "string":
            return _string(schema)
        if kind in {"integer", "number"}:
            return _number(schema, kind)
        return '"null"' if kind == "null" else '( "true" | "false" )'

    def _object(self, schema: Mapping[str, Any]) -> str:
        properties: Mapping[str, Any] = schema.get("properties") or {}
        others = schema.get("additionalProperties", True)
        required = list(schema.get("required") or ())
        unnamed = [key for key in required if key not in properties]
        _require(not unnamed or others is not False)
        fields = {**properties, **dict.fromkeys(unnamed, others)}
        if not fields and others is not False:
            member = f'string ": " {self.value(others)}'
            return f'( "{{" ( {member} ( ", " {member} )* )? "}}" )'
        members = [(f'{_literal(key)} ": " {self.value(value)}', key in required) for key, value in fields.items()]
        return f'( "{{" {self._members(members)} "}}" )'

    def _members(self, members: Sequence[tuple[str, bool]]) -> str:
        """Return the expression of members in their order, those that are not required left out or not."""
        later = ""  # what may follow once one is written
        alone = '""'  # what may come while none is
        for member, is_required in reversed(members):
            alone = f"{member} {later}" if is_required else self._rule(f"{member} {later} | {alone}")
            later = self._rule(f'", " {member} {later}' if is_required else f'( ", " {member} )? {later}')
        return alone

    def _array(self, schema: Mapping[str, Any]) -> str:
        item = self._rule(self.value(schema.get("items", True)))
        least, most = int(schema.get("minItems", 0)), schema.get("maxItems")
        _require(least >= 0 and (most is None or most >= least))
        if most == 0:
            return '"[]"'
        rest = f'( ", " {item} ){{{max(least - 1, 0)},{"" if most is None else int(most) - 1}}}'
        return f'( "[" {item} {rest} "]" )' if least else f'( "[" ( {item} {rest} )? "]" )'

    def _reference(self, pointer: str, within: frozenset[str]) -> str:
        if pointer not in self._references:
            name = self._references[pointer] = f"reference{len(self._references)}"
            self.rules[name] = self.value(self._found(pointer), within)
        return self._references[pointer]

    def _found(self, pointer: str) -> Any:
        _require(pointer.startswith("#"))
        found: Any = self._schema
        for step in pointer[1:].split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            _require(isinstance(found, Mapping) and key in found)
            found = found[key]
        return found

    def _rule(self, expression: str) -> str:
        name = f"part{len(self.rules)}"
        self.rules[name] = expression.strip() or '""'
        return name


def _require(possible: bool) -> None:
    if not possible:
        raise _refusal()


def _type_of(said: set[str]) -> str:
    """Return the type that keywords without one are about; numbers' are about two, which `type` has to tell apart."""
    found = [kind for kind in ("object", "array", "string") if said <= _OF_TYPES[kind]]
    _require(len(found) == 1)
    return found[0]


def _listed(values: Sequence[Any], types: Any) -> str:
    """Return the expression of values, all of them of one of the types where there are any."""
    wanted = {types} if isinstance(types, str) else set(types or ())
    _require(not wanted or all(wanted & _types_of(value) for value in values))
    return _either(map(_literal, values))


def _types_of(value: Any) -> set[str]:
    if isinstance(value, bool):
        return {"boolean"}
    if isinstance(value, int):
        return {"integer", "number"}
    kinds = {float: "number", str: "string", type(None): "null", list: "array", dict: "object"}
    return {kinds[type(value)]}


def _either(options: Iterable[str]) -> str:
    found = list(dict.fromkeys(options))
    _require(bool(found))
    return f"( {' | '.join(found)} )"


def _literal(value: Any) -> str:
    """Return the expression of one JSON value."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _string(schema: Mapping[str, Any]) -> str:
    least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
    _require(0 <= least <= _LONGEST_LEAST and (most is None or most >= least))
    if not least and most is None:
        return "string"
    return f'( "\\"" char{{{least},{"" if most is None else int(most)}}} "\\"" )'


def _number(schema: Mapping[str, Any], kind: str) -> str:
    bounds = [schema.get(name) for name in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")]
    least, above, most, below = (None if bound is None else float(bound) for bound in bounds)
    if kind == "number":
        if all(bound is None for bound in bounds):
            return "number"
        # Finer bounds would need a grammar of digits; these are shares and amounts.
        _require((least, above, below) == (0, None, None) and most in {None, 1})
        return "( natural fraction? )" if most is None else '( "0" fraction? | "1" ( "." "0"{1,15} )? )'
    lows = [math.ceil(least)] if least is not None else []
    highs = [math.floor(most)] if most is not None else []
    low = max([*lows, *([math.floor(above) + 1] if above is not None else [])], default=None)
    high = min([*highs, *([math.ceil(below) - 1] if below is not None else [])], default=None)
    if low is not None and high is not None:
        _require(0 <= high - low < _MOST_LISTED)
        return _either(f'"{number}"' for number in range(low, high + 1))
    _require(high is None and low in {None, 0, 1})
    return {None: "integer", 0: "natural", 1: "positive"}[low]
