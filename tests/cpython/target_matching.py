"""A program that matches a regular expression for ever, in the way that its argument names. Runs on Python 3.8."""

import re
import signal
import sys

LIFE_S = 30
PATTERN = re.compile(r"(a+)+;")
SUBJECT = "a" * 40


def method() -> None:
    PATTERN.match(SUBJECT)


def function() -> None:
    re.search(r"(a+)+;", SUBJECT)


def bound() -> None:
    match = PATTERN.fullmatch
    match(SUBJECT)


def iterator() -> None:
    for _ in PATTERN.finditer(SUBJECT):
        pass


def scanner() -> None:
    PATTERN.scanner(SUBJECT).search()


def substitution() -> None:
    PATTERN.sub("", SUBJECT)


WAYS = {each.__name__: each for each in (method, function, bound, iterator, scanner, substitution)}

if __name__ == "__main__":
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(LIFE_S)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    WAYS[sys.argv[1]]()
