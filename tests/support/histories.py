"""Histories of documents for tests: made by yjs in Node (tests/js/histories.mjs) or by pycrdt, from a seed."""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode, b64encode
from dataclasses import dataclass
from random import Random
from typing import Any

from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText

from tests.support.js import JS, node_binary

NODE_S = 60.0


@dataclass(frozen=True, slots=True)
class History:
    """updates: in an order in which each can be applied. states: whole states, merged updates, one of these with gaps.

    diffs: what parts of the editors missed. vector, text, xml: of the result, as yjs says it.
    """

    updates: list[bytes]
    states: list[bytes]
    diffs: list[bytes]
    vector: bytes
    text: str
    xml: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What yjs makes of an update."""

    vector: bytes
    text: str
    xml: str


def yjs_history(seed: int, edits: int = 200, cutting: str = "") -> History:
    """What three editors with yjs write. cutting="halves": they cut surrogate pairs, which real editors avoid."""
    found = json.loads(_node("histories.mjs", str(seed), str(edits), cutting))
    lists = {name: [b64decode(each) for each in found[name]] for name in ("updates", "states", "diffs")}
    return History(**lists, vector=b64decode(found["vector"]), text=found["text"], xml=found["xml"])


def yjs_loads(update: bytes) -> Loaded:
    """An update, loaded by yjs. Raises CalledProcessError if yjs cannot."""
    found = json.loads(_node("loads.mjs", stdin=b64encode(update)))
    return Loaded(b64decode(found["vector"]), found["text"], found["xml"])


def _node(script: str, *arguments: str, stdin: bytes = b"") -> bytes:
    command = [node_binary(), script, *arguments]
    return subprocess.run(command, cwd=JS, input=stdin, stdout=subprocess.PIPE, check=True, timeout=NODE_S).stdout


def pycrdt_history(seed: int, edits: int = 200) -> list[bytes]:
    """Updates of three editors with pycrdt, in an order in which each can be applied, and their states at the end."""
    random = Random(seed)
    docs: list[Doc[Any]] = [Doc(client_id=client) for client in (1, 300, 2**53 - 1)]
    updates: list[bytes] = []
    for doc in docs:
        doc.observe(lambda event: updates.append(event.update))
    for _ in range(edits):
        doc, other = random.sample(docs, 2)
        with doc.transaction():
            _edit(doc, random)
        if random.random() < 0.3:
            other.apply_update(doc.get_update(other.get_state()))
    return updates + [doc.get_update() for doc in docs]


def _edit(doc: Doc[Any], random: Random) -> None:
    text = doc.get("t", type=Text)
    match random.randrange(8):
        case 0 | 1 | 2:
            text.insert(random.randint(0, len(text)), random.choice(["a", "bc", "def"]))
        case 3 if len(text) > 4:
            at = random.randrange(len(text) - 3)
            del text[at : at + 2]
        case 4 if len(text) > 0:
            text.format(0, random.randint(1, len(text)), {"bold": random.choice([True, None, {"a": 1}])})
        case 5:
            value = random.choice([1, None, "é", [1, {"a": 2.5}], Text("q"), Map({"z": 1})])
            doc.get("m", type=Map)[random.choice("ab")] = value
        case 6:
            doc.get("l", type=Array).append(random.choice([1, "y", [2], Array([1, 2]), 2**40]))
        case _:
            _paragraph(doc, random)


def _paragraph(doc: Doc[Any], random: Random) -> None:
    element = doc.get("prosemirror", type=XmlFragment).children.append(XmlElement("paragraph", {"level": "1"}))
    text = element.children.append(XmlText())
    text.insert(0, random.choice(["hello", "é😀 and more"]))
    text.format(0, 2, {"bold": {}})
