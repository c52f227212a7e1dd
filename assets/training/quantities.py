"""Texts in which numbers decide what is felt, and which number is more."""

import math

from sentences import asked, chat, feels, link, openly_begun, reply, sign
from texts import Person

# Units, and the words for more and less of them.
COMPARED = [
    ("mg", "more", "less"),
    ("drops", "more", "fewer"),
    ("people", "more", "fewer"),
    ("points", "more", "fewer"),
    ("euros", "more", "less"),
    ("minutes", "longer", "shorter"),
    ("hours", "longer", "shorter"),
    ("days", "longer", "shorter"),
    ("weeks", "longer", "shorter"),
    ("months", "longer", "shorter"),
    ("years", "longer", "shorter"),
    ("metres", "further", "nearer"),
]


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
            return asked(rng, texts, event, emotion)
        question = rng.choice(texts.links["question"])["text"] if rng.random() < 0.6 else ""
        return chat(f"{event} {question}".strip(), reply(rng, texts, emotion))
    out = [event] + [sign(rng, texts, emotion, person) for _ in range(rng.randrange(1, 4))]
    return " ".join(out + [" ".join(feels(rng, person, emotion)).strip()])


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
            out.append(asked(rng, texts, event, emotion, person.name))
        elif kind < 0.4:
            out.append(asked(rng, texts, event, emotion))
        else:
            question = rng.choice(texts.links["question"])["text"] if rng.random() < 0.7 and not event.endswith("?") else ""
            first = f"You feel {emotion}. " if kind < 0.7 else ""
            answer = openly_begun(rng, texts, first + rng.choice(texts.fragments[emotion]["reply"]), emotion)
            out.append(chat(f"{event} {question}".strip(), answer))
    return out


def draw_number(rng, bands, place):
    """A number of a band and what is felt at it: near the edge of a band at times what belongs to the next."""
    low, high = math.log(bands[place]["from"] + 0.5), math.log(bands[place]["to"] + 0.5)
    share = rng.random()
    exact = round(math.exp(low + share * (high - low)) - 0.5)
    value = as_said(rng, exact)
    value = value if bands[place]["from"] <= value <= bands[place]["to"] else exact
    # The sentences say *{n} weeks*.
    value = 2 if value == 1 < bands[place]["to"] else value
    if rng.random() < abs(share - 0.5):
        place = min(max(place + (1 if share > 0.5 else -1), 0), len(bands) - 1)
    emotions = bands[place]["emotions"]
    return value, emotions[0] if rng.random() < 0.6 else rng.choice(emotions)


def as_said(rng, value):
    """As people say numbers: mostly with one digit or two, and noughts after them."""
    digits = rng.choice([1, 1, 2, 2, len(str(value))])
    return round(value, min(digits - len(str(value)), 0))


def comparison(rng, texts):
    """Which of some numbers is more."""
    unit, more, less = rng.choice(COMPARED)
    top = math.log(rng.choice([20, 150, 1000, 20_000]))
    numbers = sorted({as_said(rng, round(math.exp(rng.uniform(0, top)))) for _ in range(rng.choice([2, 2, 3, 5]))} - {1})
    if len(numbers) < 2:
        return comparison(rng, texts)
    if len(numbers) > 2:
        falling = rng.random() < 0.5
        told = ", ".join(map(str, reversed(numbers) if falling else numbers))
        return f"{told} {unit}: every one {less if falling else more} than the one before."
    low, high = numbers
    if rng.random() < 0.5:
        return rng.choice([f"{high} {unit} are {more} than {low}.", f"{low} {unit} are {less} than {high}."])
    word, answer = rng.choice([(more, high), (less, low)])
    first, second = rng.sample(numbers, 2)
    return chat(f"Which is {word}, {first} {unit} or {second} {unit}?", f"{answer} {unit}.")
