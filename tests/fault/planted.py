#!/usr/bin/env python3
"""Takes one protection against crashes out of the product at a time, and sees that the suite named beside it notices.

The list is tests/fault/README.md. The sources are never touched, and no switch stands in them: a copy of the project is
changed, built, and attacked. `make planted-crash` runs all, WITHOUT=NAME one of them.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
LIST = TOP / "tests" / "fault" / "README.md"
BUILD_LIMIT_S, TEST_LIMIT_S = 600, 1800


class Planted:
    """One entry: a heading with its name, prose that names the test, and a diff for each file."""

    def __init__(self, name, text):
        self.name = name
        self.test = re.search(r"`(tests/[^`]+::[^`]+)`", text)[1]
        self.samples = re.search(r"samples x(\d+)", text)
        self.edits = []
        for file, diff in re.findall(r"```diff\n(\S+)\n(.*?)\n```", text, re.S):
            lines = diff.split("\n")
            self.edits.append((file, "\n".join(line[1:] for line in lines if line[0] in "- "),
                               "\n".join(line[1:] for line in lines if line[0] in "+ ")))

    def plant(self, top):
        """The lines must be there once, or the list has fallen behind."""
        for file, old, new in self.edits:
            path = top / "appcenter" / file
            source = path.read_text()
            if source.count(old) != 1:
                raise SystemExit(f"planted: {self.name}: wanted its lines once in {file}, found them "
                                 f"{source.count(old)} times")
            path.write_text(source.replace(old, new))


def read_list():
    parts = re.split(r"^### ", LIST.read_text(), flags=re.M)[1:]
    return [Planted(part.split("\n", 1)[0].strip(), part) for part in parts]


def is_noticed(entry, build):
    """Builds the changed copy beside the objects of the unchanged one, and runs the suite that must fail."""
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        top = Path(folder) / "project"
        shutil.copytree(TOP, top, symlinks=True, ignore=shutil.ignore_patterns("build*", ".git"))
        shutil.copytree(build, top / "build", symlinks=True)
        entry.plant(top)
        made = subprocess.run(["make", "-j2", "all", "OPT=-O1 -g -w"], cwd=top, capture_output=True, text=True,
                              timeout=BUILD_LIMIT_S)
        if made.returncode != 0:
            raise SystemExit(f"planted: {entry.name} does not build:\n{made.stderr[-3000:]}")
        environment = {**os.environ, "APPCENTER_BUILD": str(top / "build"),
                       "APPCENTER_SAMPLES": entry.samples[1] if entry.samples else "1"}
        done = subprocess.run([sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", entry.test],
                              cwd=top, capture_output=True, text=True, timeout=TEST_LIMIT_S, env=environment)
        if done.returncode not in (0, 1):
            print(f"planted: {entry.name}: {entry.test} does not run:\n{done.stdout[-3000:]}", flush=True)
            return False
        return done.returncode == 1  # a walk that nobody interrupts may fail already, in the suite's preparation


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--without", help="this one only")
    options = parser.parse_args()
    entries = [entry for entry in read_list() if options.without in (None, entry.name)]
    if not entries:
        raise SystemExit(f"planted: no protection is called {options.without}")
    missed = 0
    for entry in entries:
        noticed = is_noticed(entry, (TOP / options.build).resolve())
        missed += not noticed
        print(f"planted: without {entry.name}: {entry.test} {'fails, as it must' if noticed else 'STILL PASSES'}", flush=True)
    print(f"planted: {len(entries)} bugs planted, {missed} not noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
