"""Built meetings of the evaluation data, and what is asked of them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from benchmarks.common.dataset import dataset_folder
from serve_app.transcript.model import Segment, Transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a meeting, and a phrase that only segments have that answer it."""

    meeting: str
    text: str
    answer: str


QUESTIONS = tuple(
    Question(meeting=meeting, text=text, answer=answer)
    for meeting, asked in {
        "meet_dev2": (
            ("In which monastery did Sweynheim and Pannartz start printing?", "monastery of subiaco"),
            ("Does a doctor have to tell the police about somebody who tried to poison himself?", "inform the police"),
            ("How much should an adult be given?", "ten minims"),
            ("What is to be done with the alimentary canal at an autopsy?", "alimentary canal should be removed"),
            ("How much lobster meat does the recipe need?", "one pound of lobster meat"),
            ("At which restaurant did lobster Newberg become perfect?", "delmonico"),
            ("Which drug can be used for narcotic poisoning although its name sounds like morphine?", "apomorphine"),
            ("What do they call a lobster in San Francisco?", "san francisco"),
            ("Which way were the cars driving?", "dublin"),
            ("How did the administration try to end the picketing?", "stop picketing"),
        ),
        "meet_dev1": (
            ("Who printed the first Bible that carries a date?", "peter schoeffer"),
            ("Which people printed from wood blocks centuries before the Netherlands did?", "chinese took impressions"),
            ("What are you supposed to do if you doubt a medical point?", "technical assistance"),
            ("How should the dish be served?", "chafing dish"),
            (
                "What is the doctor supposed to ask about when somebody may have been poisoned?",
                "inquiries as to symptoms",
            ),
            ("Which German and French cities had printers that used it?", "strasburg"),
            ("What did Mr Thornton confess?", "confession of having been a shop boy"),
            ("Who died poor?", "dying in miserable circumstances"),
            ("What script did the first printed books use?", "printed in black letter"),
            ("Is crayfish from the Pacific as tasty as the eastern kind?", "pacific crayfish"),
        ),
    }.items()
    for text, answer in asked
)


def meeting(name: str) -> Transcript:
    """Return a built meeting's exact transcript."""
    content = json.loads((dataset_folder() / "meet" / f"{name}.json").read_text(encoding="utf-8"))
    speakers = {name: n for n, name in enumerate(dict.fromkeys(s["speaker"] for s in content["segments"]))}
    return Transcript(
        segments=tuple(
            Segment(start_s=s["start"], end_s=s["end"], text=s["text"], words=(), speaker=speakers[s["speaker"]])
            for s in content["segments"]
        ),
        duration_s=content["seconds"],
        language="en",
    )
