"""What is asked of an engine behind ports.LanguageModel, and within which bounds it was opened."""

from __future__ import annotations

from serve_app.ports.language import ChatMessage, GenerateOptions

PARALLEL, MAX_QUEUE, CONTEXT_TOKENS = 8, 8, 2048
NARROW_TOKENS = 512  # the fewest that an engine takes
MODELS = {
    "openvino": ("openvino_genai", "qwen2.5-coder-1.5b-instruct-q4"),
    "vllm": ("vllm", "smollm2-135m-instruct-q4"),
}


def user(text: str) -> list[ChatMessage]:
    return [ChatMessage(role="user", content=text)]


STORY = user("Write a very long story about a lighthouse keeper, with many chapters. Never stop.")
# However a model is inclined, this does not end by itself.
LONG = GenerateOptions(max_tokens=1500, json_schema={"type": "array", "items": {"type": "integer"}, "minItems": 10_000})
