#!/usr/bin/env python3
"""Runs the unit tests of every room and the end-to-end tests; ends with `N passed, N failed, N skipped`.

Unit binaries speak TAP (GLib's --tap); pytest writes JUnit XML. What is skipped is named with its reason.
"""
import argparse
import concurrent.futures
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as xml
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
UNIT_LIMIT_S = 300
COUNTING = threading.Lock()  # two rooms are tested beside each other
# What `make torture` runs, those that take longest first; a new suite needs one row, unless a row has its folder already.
TORTURE = ("tests/attack/test_kills.py", "tests/fault/test_*.py", "tests/attack/test_[!k]*.py", "tests/corpus/test_*.py",
           "tests/trust/test_planted.py")
QUICK_SAMPLES = "2"  # `make torture QUICK=1`: that many times what `make test` draws


def run_to_end(command):
    """Exit code (None: it did not end), stdout, stderr. What it leaves behind is ended with it: the outputs are files
    and not pipes, so that a stray process which still holds them cannot hold us."""
    with tempfile.TemporaryFile("w+", errors="replace") as out, tempfile.TemporaryFile("w+", errors="replace") as err:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=TOP,
                                   start_new_session=True)
        try:
            code = process.wait(UNIT_LIMIT_S)
        except subprocess.TimeoutExpired:
            code = None
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # the usual case: nothing is left of its group
        process.wait()
        out.seek(0)
        err.seek(0)
        return code, out.read(), err.read()


def run_unit(binary, tally):
    """One room's tests; a binary that dies, hangs or prints no plan is a failure, too."""
    code, out, err = run_to_end([str(binary), "--tap"])
    passed = failed = 0
    for line in out.splitlines():
        if line.startswith("not ok "):
            failed += 1
            tally["failures"].append(f"{binary.name}: {line[7:]}")
        elif skip := re.match(r"ok \d+ (.*?)\s*# SKIP\s*(.*)", line, re.I):
            tally["skipped"].append(f"{binary.name}: {skip[1]}: {skip[2] or 'no reason given'}")
        elif line.startswith("ok "):
            passed += 1
    if code != 0 or not re.search(r"^1\.\.\d+", out, re.M):
        if not failed:
            failed = 1
            end = f"did not end within {UNIT_LIMIT_S} s" if code is None else f"ended with {code}"
            tally["failures"].append(f"{binary.name}: {end}")
        sys.stdout.write(out[-4000:] + err[-6000:])
    with COUNTING:
        tally["passed"] += passed
        tally["failed"] += failed
    print(f"{binary.name}: {passed} passed, {failed} failed", flush=True)


def start_pytest(arguments, report, output=None):
    return subprocess.Popen([sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "--durations=5",
                             f"--junitxml={report}", *arguments], cwd=TOP, stdin=subprocess.DEVNULL, stdout=output,
                            stderr=subprocess.STDOUT if output else None)


def read_report(report, code, tally):
    if not report.exists():
        tally["failed"] += 1
        tally["failures"].append(f"pytest ended with {code}")
        return
    for case in xml.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            tally["failed"] += 1
            tally["failures"].append(name)
        elif skip is not None:
            tally["skipped"].append(f"{name}: {skip.get('message')}")
        else:
            tally["passed"] += 1


def run_pytest(groups, tally):
    """Groups of test folders beside each other, as most of these tests wait for something; the first one is seen as it goes."""
    with tempfile.TemporaryDirectory() as folder:
        running = []
        for i, arguments in enumerate(groups):
            report, output = Path(folder) / f"report-{i}.xml", (Path(folder) / f"output-{i}").open("w+") if i else None
            running.append((start_pytest(arguments, report, output), report, output))
        for process, report, output in running:
            code = process.wait()
            if output:
                output.seek(0)
                sys.stdout.write(output.read())
                output.close()
            read_report(report, code, tally)


def take_reports(folder, tally):
    """What a sanitizer wrote, of whichever process: a test may pass while a program behind it is sick."""
    for report in sorted(folder.iterdir()):
        text = report.read_text(errors="replace")
        tally["failed"] += 1
        tally["failures"].append(f"{report.name}: {text.strip().splitlines()[0] if text.strip() else 'empty'}")
        sys.stdout.write(text[:6000])


def suite_of(node):
    """tests/attack/test_bad_input.py::... belongs to the suite `bad-input`."""
    return Path(node.split("::")[0]).stem.removeprefix("test_").replace("_", "-")


def print_sweeps(tally_file, reports):
    """One line a suite: the points of its sweeps, those that were broken; a test that is no sweep is one point."""
    sums, sweeping = {}, set()

    def add(suite, points, broken):
        before = sums.get(suite, (0, 0))
        sums[suite] = (before[0] + points, before[1] + broken)

    for line in tally_file.read_text().splitlines() if tally_file.exists() else []:
        suite, points, broken, node = line.split(" ", 3)
        add(suite, int(points), int(broken))
        sweeping.add(node.partition("[")[0])
    for report in reports:
        for case in xml.parse(report).getroot().iter("testcase"):
            node = f"{case.get('classname').replace('.', '/')}.py::{case.get('name')}"
            is_broken = case.find("failure") is not None or case.find("error") is not None
            if case.find("skipped") is None and node.partition("[")[0] not in sweeping:
                add(suite_of(node), 1, int(is_broken))
    for suite, (points, broken) in sorted(sums.items()):
        print(f"torture: {suite} {points} points, {broken} broken")


def torture_one(folder, path):
    """One file of sweeps: its report, or None, its output and its exit code."""
    report, output = folder / f"{path.stem}.xml", folder / f"{path.stem}.out"
    with output.open("w") as out:
        code = start_pytest([str(path)], report, out).wait()
    return report, output.read_text(errors="replace"), code


def torture(tally, is_quick):
    """Every file of sweeps, three at a time, as most of them wait: all of their points, or a sample."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name, concurrent.futures.ThreadPoolExecutor(3) as pool:
        folder = Path(name)
        os.environ["APPCENTER_TALLY"] = str(folder / "tally")
        os.environ["APPCENTER_SAMPLES" if is_quick else "APPCENTER_TORTURE"] = QUICK_SAMPLES if is_quick else "1"
        os.environ.setdefault("APPCENTER_SEED", str(random.SystemRandom().randrange(1, 1_000_000)))
        files = [path for pattern in TORTURE for path in sorted(TOP.glob(pattern))]
        for report, output, code in pool.map(lambda path: torture_one(folder, path), files):
            sys.stdout.write(output)
            read_report(report, code, tally)
        close(tally)
        print_sweeps(folder / "tally", sorted(folder.glob("*.xml")))
        print(f"torture: seed {os.environ['APPCENTER_SEED']}, {time.monotonic() - began:.0f} s")


def close(tally):
    for line in tally["skipped"]:
        print(f"skipped: {line}")
    for line in tally["failures"]:
        print(f"failed: {line}")
    print(f"{tally['passed']} passed, {tally['failed']} failed, {len(tally['skipped'])} skipped")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--only", choices=("unit", "e2e"))
    parser.add_argument("--torture", action="store_true", help="the sweeps alone, with every point of them")
    parser.add_argument("--quick", action="store_true", help="torture: a sample, in less than ten minutes")
    parser.add_argument("--reports", type=Path, help="folder of sanitizer reports; each is a failure")
    options = parser.parse_args()
    os.environ.setdefault("APPCENTER_BUILD", str((TOP / options.build).resolve()))
    tally = {"passed": 0, "failed": 0, "skipped": [], "failures": []}
    if options.torture:
        torture(tally, options.quick)
        return 1 if tally["failed"] or not tally["passed"] else 0
    if options.only != "e2e":
        binaries = sorted((TOP / options.build / "tests").glob("unit-*[a-z]"))
        if not binaries:
            tally["failed"] += 1
            tally["failures"].append("no unit test was built")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda binary: run_unit(binary, tally), binaries))
    if options.only != "unit":
        stories = sorted(str(path.relative_to(TOP)) for path in (TOP / "tests" / "e2e").glob("test_*.py"))
        run_pytest([stories[::2], stories[1::2], ["tests/attack", "tests/corpus", "tests/trust"], ["tests/fault"]], tally)
    if options.reports:
        take_reports(options.reports, tally)
    close(tally)
    return 1 if tally["failed"] or not tally["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
