"""What a trick is: an archive made to hurt, the sentence that it must be refused with, and a harmless twin."""
from dataclasses import dataclass, field
from typing import Callable

import qdk

ALL_DOORS = frozenset({"inspect", "unpack", "install"})
# a symlink that leaves the package is refused in what no publisher has signed; inspect is the vendor's and only tells
UNSIGNED_DOORS = frozenset({"unpack", "install"})


@dataclass
class Trick:
    name: str
    attack: Callable  # app name -> bytes
    twin: Callable    # app name -> bytes
    words: str        # what the sentence must say (a regular expression)
    doors: frozenset = field(default=ALL_DOORS)

    def __str__(self):
        return self.name


TRICKS = []


def plain(name, **changes):
    return qdk.Package(name=name, **changes)


def trick(name, words, attack, twin=None, doors=ALL_DOORS):
    """attack and twin: functions of an app's name that give a Package or bytes."""

    def built(maker):
        def make(app):
            made = maker(app)
            return made.build() if isinstance(made, qdk.Package) else made
        return make

    assert name not in {t.name for t in TRICKS}, name
    TRICKS.append(Trick(name, built(attack), built(twin or plain), words, doors))
