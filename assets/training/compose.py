"""Composes the training text of the model inside from hand-written fragments, stories, situations and dialogues.

A text is built round one emotion (or two): an event from which it must be inferred, then signs of it, as hand-written sentences in an
order drawn at random. Most texts do not name the emotion; in the last lesson most do, in passing. One fragment of each kind, every twelfth
event, and the stories of eight of the 120 topics are held out: `documents(seed, held_out=True)` composes from them alone.
"""

import json
import math
import random
import re
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
TEXT = HERE.parent / "text"
BEGIN, END = "<s>", "</s>"
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
ROLES = {
    "he": "my brother,my father,my son,my uncle,my neighbour,my friend,my husband,my boss,my grandfather,my cousin",
    "she": "my sister,my mother,my daughter,my aunt,my neighbour,my friend,my wife,my boss,my grandmother,my cousin",
}
SIGNS = ["body", "action", "thought", "speech", "setting"]


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


SAID = "said asked cried shouted whispered thought called murmured muttered answered yelled screamed told laughed sighed repeated snapped begged added roared shrieked"


def capitals(text):
    """A capital at the start of every sentence, but not in *"Is it?" he asked*."""
    out, start = [], True
    for letter in text:
        out.append(letter.upper() if start and letter.isalpha() else letter)
        if letter in ".!?":
            start = True
        elif not letter.isspace() and letter not in "\"'":
            start = False
    return re.sub(rf'([?!]" )(He|She)(?= (?:{SAID.replace(" ", "|")})\b)', lambda found: found[1] + found[2].lower(), "".join(out))


def said(rng, text, person, name, verb):
    who = person.name if name and person.name else person.subject
    inner = text[:-1] + "," if text.endswith(".") else text
    return rng.choice([f'"{inner}" {who} {verb}.', capitals(f'{who} {verb}, "{text}"'), f'"{text}"'])


def happening(rng, texts, emotion):
    """What stirs the emotion, with slots."""
    known = texts.events[emotion]
    return rng.choice(known) if known and rng.random() < 0.75 else rng.choice(texts.fragments[emotion]["situation"])


def sign(rng, texts, emotion, person, name=False, kinds=SIGNS):
    kind = rng.choice(kinds)
    shared = texts.signs[emotion].get(kind)
    if kind == "situation":
        text = happening(rng, texts, emotion)
    else:
        text = rng.choice(shared if shared and rng.random() < 0.35 else texts.fragments[emotion][kind])
    if kind == "speech":
        return said(rng, text, person, name, "said")
    if kind == "thought":
        return text if person.form == "I" else said(rng, text, person, name, "thought")
    return person.fill(text, name)


def link(rng, texts, kind, person):
    return person.fill(rng.choice(texts.links[kind])["text"])


def named(rng, texts, emotion, person):
    if rng.random() < 0.4:
        return capitals(f"{person.subject} felt {emotion}.")
    return person.fill(rng.choice(texts.fragments[emotion]["named"]))


def openly(rng, sentence, emotion):
    """*He got up.* becomes *Afraid, he got up.* or *He got up, afraid.*"""
    if rng.random() < 0.7 or not sentence.endswith(".") or '"' in sentence:
        return f"{emotion.capitalize()}, {sentence if sentence.startswith('I ') else sentence[0].lower() + sentence[1:]}"
    return f"{sentence[:-1]}, {emotion}."


def openly_somewhere(rng, texts, sentences, emotion):
    """One sentence or two of what somebody does, drawn anew for every text, say the feeling in passing."""
    places = [place for place, sentence in enumerate(sentences) if re.match(r"(He|She|They|I) ", sentence) and emotion not in sentence]
    if not places or rng.random() >= texts.openly:
        return sentences
    out = list(sentences)
    for place in rng.sample(places, min(len(places), rng.choice([1, 1, 1, 2]))):
        out[place] = openly(rng, out[place], emotion)
    return out


def openly_begun(rng, texts, reply, emotion):
    """Half of the replies begin with the feeling."""
    if not texts.openly or rng.random() < 0.5 or reply.startswith("You feel"):
        return reply
    ending = rng.choice([", I think.", ", by the sound of it.", ".", ", then.", ", and no wonder.", ", I can tell."])
    return f"{emotion.capitalize()}{ending} {reply}"


def passage(rng, texts, emotion, person, signs, naming=0.35, name=True):
    """An event and signs of what it stirs, as sentences."""
    event = person.fill(happening(rng, texts, emotion), name and rng.random() < 0.7)
    drawn = [sign(rng, texts, emotion, person, name and rng.random() < 0.25) for _ in range(signs)]
    out = list(dict.fromkeys(drawn))
    place = 0 if rng.random() < 0.7 else rng.randrange(len(out) + 1)
    if rng.random() < 0.92:
        out.insert(place, event)
    if rng.random() < naming:
        out.insert(rng.randrange(1, len(out) + 1), named(rng, texts, emotion, person))
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        out.insert(rng.randrange(1, len(out) + 1), link(rng, texts, "link", person))
    return openly_somewhere(rng, texts, out, emotion)


def feels(rng, person, emotion):
    """A question after what somebody feels, and its answer."""
    if person.form == "I":
        return rng.choice([("How do I feel?", f"I feel {emotion}."), ("What do I feel?", f"I feel {emotion}."), ("", f"I feel {emotion}.")])
    who = rng.choice([person.name, person.subject])
    verb = rng.choice(["does", "did"])
    answer = f"{capitals(person.subject)} {'feels' if verb == 'does' else 'felt'} {emotion}."
    if rng.random() < 0.25:
        answer = f"{capitals(person.name)} feels {emotion}."
    return rng.choice([f"How {verb} {who} feel?", f"What {verb} {who} feel?", ""]), answer


def story(rng, texts, emotion, person=None):
    person = person or Person(rng)
    out = [person.fill(rng.choice(texts.links["opener"])["text"], True)] if rng.random() < 0.4 else []
    out += passage(rng, texts, emotion, person, rng.randrange(3, 8), name=not out)
    kind = rng.random()
    if kind < 0.2:  # what happens next changes the feeling
        emotion = rng.choice(texts.emotions)
        out += [rng.choice(["Then", "An hour later", "The next day", "In the end", "After that"]) + " it changed."] if rng.random() < 0.3 else []
        out += passage(rng, texts, emotion, person, rng.randrange(2, 5), name=False)
    if rng.random() < 0.3:
        out.append(link(rng, texts, "closing", person))
    if 0.2 <= kind < 0.32:  # somebody else, who feels something else
        other, theirs = Person(rng, "she" if person.form == "he" else "he"), rng.choice(texts.emotions)
        out += passage(rng, texts, theirs, other, rng.randrange(2, 4), naming=0.1)
        pairs = [(person, emotion), (other, theirs)]
        rng.shuffle(pairs)
    elif rng.random() < 0.25:
        pairs = [(person, emotion)]
    else:
        pairs = []
    return "\n".join([" ".join(out)] + [" ".join(feels(rng, *pair)).strip() for pair in pairs])


def chat(*turns):
    """Human and Assistant take turns, as the chat template writes them."""
    return "\n\n".join(f"{who}: {text}" for who, text in zip(["Human", "Assistant"] * len(turns), turns))


def glimpse(rng, texts, naming=0.3):
    """A sentence or three from which an emotion can be told, and at times its name."""
    emotion = rng.choice(texts.emotions)
    person = Person(rng)
    kinds = rng.choices(["situation", *SIGNS], [4, 1, 1, 1, 1, 0.5], k=rng.choice([1, 1, 2, 3]))
    drawn = list(dict.fromkeys(sign(rng, texts, emotion, person, place == 0, [kind]) for place, kind in enumerate(kinds)))
    if rng.random() >= naming:
        return " ".join(openly_somewhere(rng, texts, list(dict.fromkeys([*drawn, sign(rng, texts, emotion, person)])), emotion))
    ending = rng.random()
    if ending < 0.4 and person.form == "I":
        question, answer = asked_who_feels(rng, texts, "I", emotion, second_person=True)
        return chat(f"{' '.join(drawn)} {question}", answer)
    if ending < 0.8:
        return " ".join([*drawn, *feels(rng, person, emotion)]).replace("  ", " ")
    return " ".join([*drawn, named(rng, texts, emotion, person)])


def asked_who_feels(rng, texts, who, emotion, second_person=False):
    """A question of a person to the assistant, and its answer."""
    ask = rng.choice(texts.asks["feel"])
    question = ask["text"].replace("{who}", who)
    for third, first in [("does", "do"), ("is", "am"), ("has", "have")]:
        question = re.sub(rf"\b{third} I\b", f"{first} I", re.sub(rf"\bI {third}\b", f"I {first}", question))
    if ask["form"] == "word":
        return question, capitals(f"{emotion}.")
    return question, f"You feel {emotion}." if second_person else f"{capitals(who)} feels {emotion}."


def reply(rng, texts, emotion, answer=None):
    out = [rng.choice(texts.fragments[emotion]["reply"])]
    if rng.random() < 0.2:
        out.insert(0, f"You feel {emotion}.")
    if answer and rng.random() < 0.7:
        out.append(answer)
    elif rng.random() < 0.25:
        out.append(rng.choice(texts.fragments[emotion]["reply"]))
    return openly_begun(rng, texts, " ".join(dict.fromkeys(out)), emotion)


def message(rng, texts, emotion):
    """What a person writes to an assistant."""
    me = Person(rng, "I")
    out = [me.fill(happening(rng, texts, emotion))]
    out += [sign(rng, texts, emotion, me, kinds=["body", "action", "thought", "body", "action", "setting"]) for _ in range(rng.choice([0, 1, 1, 2, 2, 3]))]
    if rng.random() < 0.25:
        rng.shuffle(out)
    return " ".join(out)


def confidence(rng, texts, emotion):
    """A person tells an assistant what happened, and is answered."""
    kind = rng.random()
    if kind < 0.2:
        person = Person.relative(rng)
        text = " ".join(passage(rng, texts, emotion, person, rng.randrange(1, 4), naming=0))
        question, answer = asked_who_feels(rng, texts, person.name, emotion)
        return chat(f"{text} {question}", answer)
    text = message(rng, texts, emotion)
    if kind < 0.35:
        question, answer = asked_who_feels(rng, texts, "I", emotion, second_person=True)
        return chat(f"{text} {question}", answer)
    asked = rng.choice(texts.links["question"])["text"] if rng.random() < 0.65 else None
    answers = {line["question"]: line["text"] for line in texts.links["answer"]}
    turns = [f"{text} {asked}" if asked else text, reply(rng, texts, emotion, answers.get(asked))]
    if rng.random() < 0.2:
        turns += [" ".join([sign(rng, texts, emotion, Person(rng, "I"), kinds=["thought", "speech", "body"])]), reply(rng, texts, emotion)]
    return chat(*turns)


def telling(rng, texts, emotion):
    """The assistant tells a story, or of its own day."""
    if rng.random() < 0.55:
        person = Person(rng, rng.choice(["he", "she"]))
        ask = rng.choice(texts.asks["story"])["text"]
        return chat(ask.replace("{name}", person.name), story(rng, texts, emotion, person if "{name}" in ask else None))
    me = Person(rng, "I")
    ask = rng.choice(texts.asks["day"])["text"]
    return chat(ask, " ".join(passage(rng, texts, emotion, me, rng.randrange(2, 6), naming=0.4)))


def number(rng, texts):
    """A number decides what is felt."""
    line = rng.choice(texts.numbers)
    band = rng.choice(line["bands"])
    emotion = rng.choice(band["emotions"])
    value = f"{rng.uniform(band['from'], band['to']):.{line.get('decimals', 0)}f}"
    person = Person(rng, "I") if rng.random() < 0.7 else Person(rng)
    event = person.fill(line["text"].replace("{n}", value), True)
    if person.form == "I" and rng.random() < 0.8:
        if rng.random() < 0.4:
            question, answer = asked_who_feels(rng, texts, "I", emotion, second_person=True)
            return chat(f"{event} {question}", answer)
        asked = rng.choice(texts.links["question"])["text"] if rng.random() < 0.6 else ""
        return chat(f"{event} {asked}".strip(), reply(rng, texts, emotion))
    out = [event] + [sign(rng, texts, emotion, person) for _ in range(rng.randrange(1, 4))]
    return " ".join(out + [" ".join(feels(rng, person, emotion)).strip()])


def draw_number(rng, bands, place):
    """A number of a band and what is felt at it: near the edge of a band at times what belongs to the next."""
    low, high = math.log(bands[place]["from"] + 0.5), math.log(bands[place]["to"] + 0.5)
    share = rng.random()
    value = round(math.exp(low + share * (high - low)) - 0.5)
    # The sentences say *{n} weeks*.
    value = 2 if value == 1 < bands[place]["to"] else value
    if rng.random() < abs(share - 0.5):
        place = min(max(place + (1 if share > 0.5 else -1), 0), len(bands) - 1)
    emotions = bands[place]["emotions"]
    return value, emotions[0] if rng.random() < 0.6 else rng.choice(emotions)


def quantity(rng, texts):
    """Three messages which differ in their number, as far as the number decides, with answers."""
    line = rng.choice(texts.quantities)
    bands = line["bands"]
    drawn = rng.sample(bands, 3) if len(bands) > 3 and rng.random() < 0.7 else rng.choices(bands, k=3)
    out = []
    for band in drawn:
        value, emotion = draw_number(rng, bands, bands.index(band))
        text = line["text"].replace("{n}", str(value))
        # Those without slots are whole messages.
        whole = "{" not in text
        person = Person(rng, "I") if whole or rng.random() < 0.8 else Person.relative(rng)
        event = person.fill(text, True)
        if not whole:
            before = [link(rng, texts, rng.choice(["opener", "link"]), person) for _ in range(rng.choice([0, 0, 1, 2]))]
            after = [link(rng, texts, "link", person) for _ in range(rng.choice([0, 0, 1, 2]))]
            event = " ".join([*before, event, *after])
        kind = rng.random()
        if person.name:
            question, answer = asked_who_feels(rng, texts, person.name, emotion)
            out.append(chat(f"{event} {question}", answer))
        elif kind < 0.4:
            question, answer = asked_who_feels(rng, texts, "I", emotion, second_person=True)
            out.append(chat(f"{event} {question}", answer))
        else:
            asked = rng.choice(texts.links["question"])["text"] if rng.random() < 0.7 and not event.endswith("?") else ""
            first = f"You feel {emotion}. " if kind < 0.7 else ""
            answer = openly_begun(rng, texts, first + rng.choice(texts.fragments[emotion]["reply"]), emotion)
            out.append(chat(f"{event} {asked}".strip(), answer))
    return out


def situation(rng, texts):
    line = rng.choice(texts.situations)
    if rng.random() < 0.2:
        question, answer = asked_who_feels(rng, texts, "I", line["emotion"], second_person=True)
        return chat(f"{line['text']} {question}", answer)
    asked = " " + rng.choice(texts.links["question"])["text"] if rng.random() < 0.25 else ""
    first = f"You feel {line['emotion']}. " if rng.random() < 0.15 else ""
    return chat(line["text"] + asked, openly_begun(rng, texts, first + line["reply"], line["emotion"]))


def own_message(rng, texts):
    line = rng.choice(texts.messages)
    if rng.random() < 0.2:
        question, answer = asked_who_feels(rng, texts, "I", line["emotion"], second_person=True)
        return chat(f"{line['text']} {question}", answer)
    return chat(line["text"], reply(rng, texts, line["emotion"]))


def written(rng, texts):
    """A story written by hand, or some sentences of one, sometimes with what is felt in it."""
    line = rng.choice(texts.stories)
    emotion, sentences = line["emotion"], sentences_of(line["text"])
    whole = rng.random() < 0.5
    if not whole:
        count = rng.randrange(3, 7)
        start = rng.randrange(max(1, len(sentences) - count + 1))
        sentences = sentences[start : start + count]
    told = " ".join(openly_somewhere(rng, texts, sentences, emotion))
    if rng.random() < (0.15 if whole else 0.5):
        if line["person"] == "first" and rng.random() < 0.5:
            return f"{told} I feel {emotion}."
        return chat(f"{told} How does this person feel?", capitals(f"{emotion}."))
    ask = rng.choice(texts.asks["story"])["text"]
    return chat(ask, told) if rng.random() < 0.15 and "{name}" not in ask else told


def with_things(rng, line, *keys):
    """The texts of a line with a thing drawn for each of its slots."""
    things = {slot: rng.choice(options) for slot, options in line["slots"].items()}
    return [re.sub(r"\{([a-d])\}", lambda slot: things[slot[1]], line[key]) for key in keys]


def sentences_of(text):
    return re.split(r"(?<=[.!?]) ", text)


def tale(rng, texts):
    """A short story which stays with one matter, sometimes with a question after it."""
    line = rng.choice(texts.tales)
    emotion, person = line["emotions"][0], Person(rng)
    (text,) = with_things(rng, line, "text")
    out = openly_somewhere(rng, texts, sentences_of(person.fill(text)), emotion)
    if rng.random() < 0.15:
        out.insert(rng.randrange(1, len(out) + 1), named(rng, texts, emotion, person))
    told = " ".join(out)
    if rng.random() < 0.15:
        return chat(rng.choice([ask["text"] for ask in texts.asks["story"] if "{name}" not in ask["text"]]), told)
    return "\n".join([told, " ".join(feels(rng, person, emotion)).strip()]) if rng.random() < 0.25 else told


def talk(rng, texts):
    """A message and an answer which stays with it; or a request, and a text written for it in one feeling."""
    line = rng.choice(texts.talks)
    emotion = line["emotions"][0]
    user, assistant = with_things(rng, line, "user", "assistant")
    if line["kind"] == "open":
        return chat(capitals(user), capitals(" ".join(openly_somewhere(rng, texts, sentences_of(assistant), emotion))))
    if rng.random() < 0.15:
        question, answer = asked_who_feels(rng, texts, "I", emotion, second_person=True)
        return chat(capitals(f"{user} {question}"), answer)
    first = f"You feel {emotion}. " if rng.random() < 0.15 else ""
    return chat(capitals(user), openly_begun(rng, texts, first + capitals(assistant), emotion))


def plain(rng, texts):
    if rng.random() < 0.3:
        return rng.choice(texts.dialogues)["text"]
    line = rng.choice(texts.questions) if rng.random() < 0.6 else rng.choice(texts.links["answer"])
    return chat(line.get("user") or line["question"], line.get("assistant") or line["text"])


def mixture(naming, stories, confidences, situations, messages):
    """All kinds of text, with how often each is drawn."""
    return [
        (70, lambda rng, texts: glimpse(rng, texts, naming)),
        (stories, lambda rng, texts: story(rng, texts, rng.choice(texts.emotions))),
        (confidences, lambda rng, texts: confidence(rng, texts, rng.choice(texts.emotions))),
        (7, lambda rng, texts: telling(rng, texts, rng.choice(texts.emotions))),
        (8, number),
        (situations, situation),
        (messages, own_message),
        (9, written),
        (4, plain),
    ]


class Lesson(NamedTuple):
    """Kinds of text with how often each is drawn; whether events are in them; the share of texts in which a feeling is said in passing (not
    0: and half of the replies begin with it)."""

    kinds: list
    events: bool = True
    openly: float = 0.0


# Which feeling a sentence or two tell of.
FIRST_LESSON = Lesson(
    [
        (70, lambda rng, texts: glimpse(rng, texts, naming=1.0)),
        (10, lambda rng, texts: glimpse(rng, texts)),
        (10, number),
        (6, situation),
        (4, own_message),
    ],
    events=False,
)

SECOND_LESSON = Lesson(mixture(naming=0.3, stories=24, confidences=22, situations=10, messages=6), events=False)

# With the events, and with the feeling named more often.
EVENTS_LESSON = Lesson(mixture(naming=0.5, stories=22, confidences=26, situations=14, messages=10))

# The same, in which numbers decide more often, and then in half of the texts.
NUMBERS_LESSON = Lesson([*EVENTS_LESSON.kinds, (14, quantity)])
MORE_NUMBERS = Lesson([*EVENTS_LESSON.kinds, (55, quantity)])

# Feelings are said in passing anywhere, and replies begin with them, so that they have to be known at every full stop and before every
# reply.
OPEN_LESSON = Lesson(
    [*mixture(naming=0.35, stories=22, confidences=26, situations=14, messages=10), (9, written), (20, quantity)], openly=0.8
)

# A third of what is read stays with one matter from the first sentence to the last.
STEADY_LESSON = Lesson(
    [
        (22, tale),
        (26, talk),
        (25, lambda rng, texts: glimpse(rng, texts, naming=0.4)),
        (5, lambda rng, texts: story(rng, texts, rng.choice(texts.emotions))),
        (12, lambda rng, texts: confidence(rng, texts, rng.choice(texts.emotions))),
        (3, lambda rng, texts: telling(rng, texts, rng.choice(texts.emotions))),
        (14, situation),
        (10, own_message),
        (16, written),
        (4, plain),
        (18, quantity),
    ],
    openly=0.8,
)

# And at the end two thirds of it, in which few texts name the feeling.
LAST_LESSON = Lesson(
    [
        (36, tale),
        (46, talk),
        (8, lambda rng, texts: glimpse(rng, texts, naming=0.4)),
        (6, lambda rng, texts: confidence(rng, texts, rng.choice(texts.emotions))),
        (7, situation),
        (6, own_message),
        (6, written),
        (2, plain),
        (11, quantity),
    ],
    openly=0.3,
)


def documents(seed, held_out=False, lesson=LAST_LESSON):
    """Texts without end."""
    rng = random.Random(seed)
    texts = Texts(held_out, lesson.events, lesson.openly)
    weights, kinds = zip(*lesson.kinds)
    while True:
        text = rng.choices(kinds, weights)[0](rng, texts)
        yield from [text] if isinstance(text, str) else text


if __name__ == "__main__":
    import sys

    source = documents(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 20):
        print(next(source), end="\n\n---\n\n")
