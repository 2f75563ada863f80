#!/usr/bin/env python3
"""Takes one check at a time out of room trust and sees that the test named beside it then fails.

The list is tests/unit/trust/README.md: what is taken out, as lines that go and lines that come, and the test that must
notice. The sources are never touched, and no switch stands in them: the changed file is compiled beside the others.
`make planted` runs all, WITHOUT=NAME one of them; `make test` a sample.
"""
import argparse
import concurrent.futures
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tests"))
import plants  # noqa: E402

LIST = TOP / "tests" / "unit" / "trust" / "README.md"
BUILD_LIMIT_S = 120
TEST_LIMIT_S = 20  # a test takes less than one; without its check it may never end


def test_of(plant):
    return re.search(r"`(/[^`]+)`", plant.prose)[1]


def run(command, limit_s=BUILD_LIMIT_S):
    # what a sanitizer says about a program without a check is no report about ours
    environment = {name: value for name, value in os.environ.items() if not name.endswith("SAN_OPTIONS")}
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=limit_s, cwd=TOP,
                          stdin=subprocess.DEVNULL, env=environment)


def build(entry, options, folder):
    """Path of the unit test program without that check."""
    edit, = entry.edits
    source = folder / Path(edit.file).name
    source.write_text(edit.of((TOP / "appcenter" / edit.file).read_text(), entry.name))
    changed, program = folder / "changed.o", folder / "unit"
    room_object = f"{options.objects}/{edit.file[:-2]}.o"
    link = [str(changed) if word == room_object else word for word in shlex.split(options.link)]
    if str(changed) not in link:
        raise SystemExit(f"planted: {entry.name}: {room_object} is not linked")
    for command in ([*shlex.split(options.compile), "-w", "-c", str(source), "-o", str(changed)],
                    [*link, "-o", str(program)]):
        built = run(command)
        if built.returncode != 0:
            raise SystemExit(f"planted: {entry.name} does not build:\n{built.stderr}")
    return program


def is_noticed(entry, options):
    """A failed assertion, a crash and a hang are all noticed; a test of that name must be there."""
    with tempfile.TemporaryDirectory() as folder:
        program, test = build(entry, options, Path(folder)), test_of(entry)
        listed = run([str(program), "-l"]).stdout.split("\n")
        if test not in listed:
            raise SystemExit(f"planted: {entry.name}: there is no test {test}")
        try:
            return run([str(program), "--tap", "-p", test], TEST_LIMIT_S).returncode != 0
        except subprocess.TimeoutExpired:
            return True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compile", required=True, help="compiler and flags")
    parser.add_argument("--link", required=True, help="the command that links the unit tests, without -o")
    parser.add_argument("--objects", required=True, help="folder of the rooms' objects")
    parser.add_argument("--without", help="this one only")
    options = parser.parse_args()
    entries = plants.chosen(plants.read_list(LIST), options.without)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda entry: is_noticed(entry, options), entries))
    missed = [entry for entry, noticed in zip(entries, results) if not noticed]
    for entry in missed:
        print(f"planted: without {entry.name} {test_of(entry)} still passes")
    print(f"planted: {len(entries)} checks taken out, {len(missed)} not noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
