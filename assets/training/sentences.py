"""Sentences of a text: what happens to somebody, signs of what it stirs, the feeling's name, questions after it and answers."""

import re

from texts import Person, capitals

SIGNS = ["body", "action", "thought", "speech", "setting"]


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


def chat(*turns):
    """Human and Assistant take turns, as the chat template writes them."""
    return "\n\n".join(f"{who}: {text}" for who, text in zip(["Human", "Assistant"] * len(turns), turns))


def asked(rng, texts, text, emotion, who="I"):
    """A message which ends with a question after what somebody feels, and its answer."""
    ask = rng.choice(texts.asks["feel"])
    question = ask["text"].replace("{who}", who)
    for third, first in [("does", "do"), ("is", "am"), ("has", "have")]:
        question = re.sub(rf"\b{third} I\b", f"{first} I", re.sub(rf"\bI {third}\b", f"I {first}", question))
    answer = f"You feel {emotion}." if who == "I" else f"{who} feels {emotion}."
    return chat(f"{text} {question}", capitals(f"{emotion}." if ask["form"] == "word" else answer))


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


def with_things(rng, line, *keys):
    """The texts of a line with a thing drawn for each of its slots."""
    things = {slot: rng.choice(options) for slot, options in line["slots"].items()}
    return [re.sub(r"\{([a-d])\}", lambda slot: things[slot[1]], line[key]) for key in keys]


def sentences_of(text):
    return re.split(r"(?<=[.!?]) ", text)
