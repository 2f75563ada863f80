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
sys.path.insert(0, str(TOP / "tests"))
import plants  # noqa: E402

LIST = TOP / "tests" / "fault" / "README.md"
BUILD_LIMIT_S, TEST_LIMIT_S = 600, 1800


def test_of(plant):
    return re.search(r"`(tests/[^`]+::[^`]+)`", plant.prose)[1]


def samples_of(plant):
    """How many times the draws of `make test` it takes to meet the bug."""
    found = re.search(r"samples x(\d+)", plant.prose)
    return found[1] if found else "1"


def passes(test, top, build, samples="1"):
    """None: it does not run at all."""
    environment = {**os.environ, "APPCENTER_BUILD": str(build), "APPCENTER_SAMPLES": samples}
    done = subprocess.run([sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test], cwd=top,
                          capture_output=True, text=True, timeout=TEST_LIMIT_S, env=environment)
    if done.returncode not in (0, 1):
        print(f"planted: {test} does not run:\n{done.stdout[-3000:]}", flush=True)
        return None
    return done.returncode == 0


def check_suites(entries, build):
    """What fails without a bug notices none."""
    for test in sorted({test_of(entry) for entry in entries}):
        if not passes(test, TOP, build):
            raise SystemExit(f"planted: {test} fails without any bug")


def is_noticed(entry, build):
    """Builds the changed copy beside the objects of the unchanged one, and runs the suite that must fail."""
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        top = Path(folder) / "project"
        shutil.copytree(TOP, top, symlinks=True, ignore=shutil.ignore_patterns("build*", ".git"))
        shutil.copytree(build, top / "build", symlinks=True)
        for edit in entry.edits:
            path = top / "appcenter" / edit.file
            path.write_text(edit.of(path.read_text(), entry.name))
        made = subprocess.run(["make", "-j2", "all", "OPT=-O1 -g -w"], cwd=top, capture_output=True, text=True,
                              timeout=BUILD_LIMIT_S)
        if made.returncode != 0:
            raise SystemExit(f"planted: {entry.name} does not build:\n{made.stderr[-3000:]}")
        # a walk that nobody interrupts may fail already, in the suite's preparation: that is noticed, too
        return passes(test_of(entry), top, top / "build", samples_of(entry)) is False


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--without", help="this one only")
    options = parser.parse_args()
    entries = plants.chosen(plants.read_list(LIST), options.without)
    build, missed = (TOP / options.build).resolve(), 0
    check_suites(entries, build)
    for entry in entries:
        noticed = is_noticed(entry, build)
        missed += not noticed
        print(f"planted: without {entry.name}: {test_of(entry)} {'fails, as it must' if noticed else 'STILL PASSES'}", flush=True)
    print(f"planted: {len(entries)} bugs planted, {missed} not noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
