"""Lists of planted bugs, in Markdown: a heading with a name, prose that names a test, and diffs of lines that go and come.

tests/unit/trust/README.md and tests/fault/README.md are such lists; the sources hold no switch for any of it.
"""
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """In one file below appcenter/."""
    file: str
    old: str
    new: str

    def of(self, source, name):
        """The changed text; the lines must be there once, or the list has fallen behind."""
        if source.count(self.old) != 1:
            raise SystemExit(f"planted: {name}: wanted its lines once in {self.file}, "
                             f"found them {source.count(self.old)} times")
        return source.replace(self.old, self.new)


@dataclass(frozen=True)
class Plant:
    name: str
    prose: str
    edits: tuple


def read_list(path):
    plants = []
    for part in re.split(r"^### ", path.read_text(), flags=re.M)[1:]:
        name, text = part.split("\n", 1)
        edits = tuple(_edit(file, diff.split("\n")) for file, diff in re.findall(r"```diff\n(\S+)\n(.*?)\n```", text, re.S))
        if not edits:
            raise SystemExit(f"planted: {name}: wanted a diff, found none")
        plants.append(Plant(name.strip(), text.partition("```")[0], edits))
    names = [plant.name for plant in plants]
    if len(set(names)) != len(names) or not names:
        raise SystemExit("planted: wanted a list of different names")
    return plants


def _edit(file, lines):
    return Edit(file, "\n".join(line[1:] for line in lines if line[0] in "- "),
                "\n".join(line[1:] for line in lines if line[0] in "+ "))


def chosen(plants, name):
    """All of them, or the one of that name."""
    found = [plant for plant in plants if name in (None, plant.name)]
    if not found:
        raise SystemExit(f"planted: nothing is called {name}")
    return found
