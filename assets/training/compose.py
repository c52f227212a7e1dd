"""Composes the training text of the model inside from hand-written fragments, stories, situations and dialogues: the lessons.

A text is built round one emotion (or two): an event from which it must be inferred, then signs of it, as hand-written sentences in an
order drawn at random (`kinds.py`, of `sentences.py`); or it was written whole, and the things or the number in it are drawn. Half of the texts of the
second lesson name an emotion and three of five of those of the last two: in passing, at the beginning of a reply, or when asked.
What is held out says `texts.py`; `documents(seed, held_out=True)` composes from it alone.
"""

import random
import sys
from typing import NamedTuple

from kinds import confidence, glimpse, own_message, plain, primer, situation, story, tale, talk, telling, written
from quantities import comparison, number, quantity
from texts import Texts


def of_any(kind):
    """A kind of text, round an emotion drawn from all."""
    return lambda rng, texts: kind(rng, texts, rng.choice(texts.emotions))


def named_glimpse(rng, texts):
    return glimpse(rng, texts, naming=0.4)


def mixture(naming, stories, confidences, situations, messages):
    """All kinds of text, with how often each is drawn."""
    return [
        (70, lambda rng, texts: glimpse(rng, texts, naming)),
        (stories, of_any(story)),
        (confidences, of_any(confidence)),
        (7, of_any(telling)),
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
        (10, glimpse),
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
        (25, named_glimpse),
        (5, of_any(story)),
        (12, of_any(confidence)),
        (3, of_any(telling)),
        (14, situation),
        (10, own_message),
        (16, written),
        (4, plain),
        (18, quantity),
    ],
    openly=0.8,
)

# Then two thirds of it, with the feeling said in passing less often.
LAST_LESSON = Lesson(
    [
        (36, tale),
        (46, talk),
        (8, named_glimpse),
        (6, of_any(confidence)),
        (7, situation),
        (6, own_message),
        (6, written),
        (2, plain),
        (18, quantity),
    ],
    openly=0.3,
)

# Then in plainer words, with what is more and what is less.
PLAIN_LESSON = Lesson(
    [
        (22, tale),
        (22, talk),
        (44, primer),
        (6, named_glimpse),
        (4, of_any(confidence)),
        (6, situation),
        (4, own_message),
        (5, written),
        (2, plain),
        (24, quantity),
        (12, comparison),
    ],
    openly=0.2,
)

# And at the end little but these and numbers: in which words it is to write.
PRIMER_LESSON = Lesson(
    [
        (8, tale),
        (18, talk),
        (70, primer),
        (4, named_glimpse),
        (4, of_any(confidence)),
        (6, situation),
        (4, own_message),
        (3, written),
        (2, plain),
        (24, quantity),
        (6, comparison),
    ],
    openly=0.15,
)


def documents(seed, held_out=False, lesson=PRIMER_LESSON):
    """Texts without end."""
    rng = random.Random(seed)
    texts = Texts(held_out, lesson.events, lesson.openly)
    weights, kinds = zip(*lesson.kinds)
    while True:
        text = rng.choices(kinds, weights)[0](rng, texts)
        yield from [text] if isinstance(text, str) else text


if __name__ == "__main__":
    source = documents(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 20):
        print(next(source), end="\n\n---\n\n")
