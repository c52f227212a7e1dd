"""The hand-written lines from which texts are composed, and the people in them."""

import json
import random
import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
TEXT = HERE.parent / "text"
HELD_OUT_TOPICS = 8

FORMS = {
    "he": ("he", "him", "his", "himself"),
    "she": ("she", "her", "her", "herself"),
    "I": ("I", "me", "my", "myself"),
}
NAMES = {
    "he": "Adam Ahmad Akira Albert Ali Anders Anton Arjun Ben Bruno Carl Carlos Chen Daniel David Diego Elias Emil Erik Farid Felix "
    "Finn Frank George Hamid Hans Henry Hugo Ian Igor Ivan Jack Jakob James Jan Joe John Jonas Juan Karim Kofi Kwame Lars Leo Liam "
    "Luca Luis Malik Marco Marek Martin Matteo Max Miguel Milan Mohamed Nico Niels Noah Oleg Oliver Omar Oscar Pablo Paul Pedro Peter "
    "Piotr Rafael Rahul Ravi Robert Sam Samir Simon Stefan Sven Theo Thomas Tom Tomas Victor Viktor Walter Wei William Yusuf Zoltan",
    "she": "Ada Aisha Alice Alma Amina Amy Ana Anna Anya Asha Astrid Beatrice Bella Carla Carmen Clara Dora Eda Elena Elif Ella Emily "
    "Emma Esther Eva Fatima Flora Freya Grace Greta Hana Hannah Helen Ida Ines Ingrid Irene Iris Jana Jane Jasmin Joan Julia Karin Kate "
    "Laila Laura Lena Leila Lily Lin Lucia Lucy Magda Maria Marta Mary Maya Mei Mia Mina Mira Nadia Nina Nora Olga Paula Petra Priya "
    "Rosa Ruth Salma Sana Sara Sofia Sonia Stella Tanya Tessa Ursula Vera Wanda Yara Yasmin Yuki Zara Zoe",
}
# Verbs before which a capital after *!"* or *?"* would be wrong.
SAID = (
    "said|asked|cried|shouted|whispered|thought|called|murmured|muttered|answered|yelled|screamed|told|laughed|sighed|repeated|snapped|begged|"
    "added|roared|shrieked"
)
ROLES = {
    "he": "my brother,my father,my son,my uncle,my neighbour,my friend,my husband,my boss,my grandfather,my cousin",
    "she": "my sister,my mother,my daughter,my aunt,my neighbour,my friend,my wife,my boss,my grandmother,my cousin",
}


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def split(items, held_out, every=10):
    """Every tenth is held out."""
    return [item for place, item in enumerate(items) if (place % every == every - 1) == held_out]


class Texts:
    """All that texts are composed from: either what is trained on, or what is held out; with the events or without."""

    def __init__(self, held_out=False, events=True, openly=0.0):
        self.openly = openly
        self.fragments = {}
        for line in lines(HERE / "fragments.jsonl"):
            self.fragments.setdefault(line["emotion"], {}).setdefault(line["kind"], []).append(line["text"])
        for kinds in self.fragments.values():
            for kind in kinds:
                # Six to ten of a kind: the last of each is the held-out one.
                kinds[kind] = kinds[kind][-1:] if held_out else kinds[kind][:-1]
        self.emotions = list(self.fragments)
        # An event fits its first word best, and is drawn for it twice as often.
        self.events = {emotion: [] for emotion in self.emotions}
        for line in split(lines(HERE / "events.jsonl"), held_out, 12) if events else []:
            for emotion in [line["emotions"][0], *line["emotions"]]:
                self.events[emotion].append(line["text"])
        self.links = {}
        for line in lines(HERE / "links.jsonl"):
            self.links.setdefault(line["kind"], []).append(line)
        self.asks = {}
        for line in lines(HERE / "asks.jsonl"):
            self.asks.setdefault(line["kind"], []).append(line)
        # Signs which several emotions share.
        self.signs = {emotion: {} for emotion in self.emotions}
        for line in lines(HERE / "signs.jsonl"):
            for emotion in line["emotions"]:
                self.signs[emotion].setdefault(line["kind"], []).append(line["text"])
        self.tales = split(lines(HERE / "tales.jsonl"), held_out, 12)
        self.talks = split(lines(HERE / "talks.jsonl"), held_out, 12)
        self.primer = split(lines(HERE / "primer.jsonl"), held_out, 12)
        self.quantities = split(lines(HERE / "quantities.jsonl"), held_out)
        self.numbers = split(lines(HERE / "numbers.jsonl"), held_out)
        self.messages = split(lines(HERE / "messages.jsonl"), held_out, 12)
        self.questions = split(lines(HERE / "neutral.jsonl"), held_out)
        # The everyday dialogues after them are for baselines alone, which should rest on messages the model has not seen.
        self.dialogues = split(lines(TEXT / "neutral.jsonl")[:200], held_out)
        self.situations = split(lines(TEXT / "situations.jsonl"), held_out, 12)
        stories = lines(TEXT / "stories.jsonl")
        topics = set(sorted({story["topic"] for story in stories})[:: 120 // HELD_OUT_TOPICS])
        self.stories = [story for story in stories if (story["topic"] in topics) == held_out]


class Person:
    """Somebody in a text: the words for subject, object, possessive and reflexive, and a name."""

    def __init__(self, rng, form=None):
        self.form = form or rng.choice(["he", "she", "he", "she", "I"])
        self.subject, self.object, self.possessive, self.reflexive = FORMS[self.form]
        self.name = None if self.form == "I" else rng.choice(NAMES[self.form].split())

    @classmethod
    def relative(cls, rng):
        """Somebody whom the one who writes knows: *my sister*."""
        person = cls(rng, rng.choice(["he", "she"]))
        person.name = rng.choice(ROLES[person.form].split(","))
        return person

    def fill(self, text, name=False):
        """A fragment with its slots filled; `name` says the name at the first of them."""
        out, rest = "", text
        while "{" in rest:
            before, rest = rest.split("{", 1)
            slot, rest = rest.split("}", 1)
            word = {"N": self.name or "I", "S": self.subject, "O": self.object, "P": self.possessive, "R": self.reflexive, "was": "was"}[slot]
            if name and self.name and slot in "SOP":
                word, name = self.name + ("'s" if slot == "P" else ""), False
            out += before + word
        return capitals(out + rest)


def capitals(text):
    """A capital at the start of every sentence, but not in *"Is it?" he asked* or *"Get up!" cried the farmer*."""
    out, start = [], True
    for letter in text:
        out.append(letter.upper() if start and letter.isalpha() else letter)
        if letter in ".!?":
            start = True
        elif not letter.isspace() and letter not in "\"'":
            start = False
    who = rf"(?:He|She|(?:The|A|His|Her|My) [a-z]+) (?:{SAID})|(?i:{SAID})"
    return re.sub(rf'([?!]" )({who})\b', lambda found: found[1] + found[2][0].lower() + found[2][1:], "".join(out))
