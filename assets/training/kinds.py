"""The kinds of text: each function composes one, round one emotion or two."""

from sentences import (
    SIGNS,
    asked,
    chat,
    feels,
    link,
    message,
    named,
    openly_begun,
    openly_somewhere,
    passage,
    reply,
    sentences_of,
    sign,
    with_things,
)
from texts import Person, capitals


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
        return asked(rng, texts, " ".join(drawn), emotion)
    if ending < 0.8:
        return " ".join([*drawn, *feels(rng, person, emotion)]).replace("  ", " ")
    return " ".join([*drawn, named(rng, texts, emotion, person)])


def confidence(rng, texts, emotion):
    """A person tells an assistant what happened, and is answered."""
    kind = rng.random()
    if kind < 0.2:
        person = Person.relative(rng)
        text = " ".join(passage(rng, texts, emotion, person, rng.randrange(1, 4), naming=0))
        return asked(rng, texts, text, emotion, person.name)
    text = message(rng, texts, emotion)
    if kind < 0.35:
        return asked(rng, texts, text, emotion)
    question = rng.choice(texts.links["question"])["text"] if rng.random() < 0.65 else None
    answers = {line["question"]: line["text"] for line in texts.links["answer"]}
    turns = [f"{text} {question}" if question else text, reply(rng, texts, emotion, answers.get(question))]
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


def situation(rng, texts):
    line = rng.choice(texts.situations)
    if rng.random() < 0.2:
        return asked(rng, texts, line["text"], line["emotion"])
    question = " " + rng.choice(texts.links["question"])["text"] if rng.random() < 0.25 else ""
    first = f"You feel {line['emotion']}. " if rng.random() < 0.15 else ""
    return chat(line["text"] + question, openly_begun(rng, texts, first + line["reply"], line["emotion"]))


def own_message(rng, texts):
    line = rng.choice(texts.messages)
    if rng.random() < 0.2:
        return asked(rng, texts, line["text"], line["emotion"])
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


def tale(rng, texts):
    return told(rng, texts, rng.choice(texts.tales))


def talk(rng, texts):
    return answered(rng, texts, rng.choice(texts.talks))


def primer(rng, texts):
    """The same in the plainest words."""
    line = rng.choice(texts.primer)
    return told(rng, texts, line) if line["kind"] == "tale" else answered(rng, texts, line)


def told(rng, texts, line):
    """A short story which stays with one matter, sometimes with a question after it."""
    emotion, person = line["emotions"][0], Person(rng)
    (text,) = with_things(rng, line, "text")
    out = openly_somewhere(rng, texts, sentences_of(person.fill(text)), emotion)
    if rng.random() < 0.15:
        out.insert(rng.randrange(1, len(out) + 1), named(rng, texts, emotion, person))
    story = " ".join(out)
    if rng.random() < 0.15:
        return chat(rng.choice([ask["text"] for ask in texts.asks["story"] if "{name}" not in ask["text"]]), story)
    return "\n".join([story, " ".join(feels(rng, person, emotion)).strip()]) if rng.random() < 0.25 else story


def answered(rng, texts, line):
    """A message and an answer which stays with it; or a request, and a text written for it in one feeling."""
    emotion = line["emotions"][0]
    user, assistant = with_things(rng, line, "user", "assistant")
    if line["kind"] == "open":
        return chat(capitals(user), capitals(" ".join(openly_somewhere(rng, texts, sentences_of(assistant), emotion))))
    if rng.random() < 0.15:
        return asked(rng, texts, capitals(user), emotion)
    first = f"You feel {emotion}. " if rng.random() < 0.15 else ""
    return chat(capitals(user), openly_begun(rng, texts, first + capitals(assistant), emotion))


def plain(rng, texts):
    if rng.random() < 0.3:
        return rng.choice(texts.dialogues)["text"]
    line = rng.choice(texts.questions) if rng.random() < 0.6 else rng.choice(texts.links["answer"])
    return chat(line.get("user") or line["question"], line.get("assistant") or line["text"])
