"""The simulator (`make sim`): what it promises of many boxes, that docs/scale.md says the same, and that its rules are the
product's and not its own."""
import os
import re
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("APPCENTER_BUILD", TOP / "build"))
IS_SLOW = "ASAN_OPTIONS" in os.environ


def simulate(program, folder, boxes):
    """Its figures by name; its report comes into folder."""
    done = subprocess.run([program, "--folder", folder, "--boxes", str(boxes)], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert all(re.fullmatch(r"sim: [a-z0-9-]+ [0-9.]+ \S+", line) for line in lines), lines
    return {line.split()[1]: float(line.split()[2]) for line in lines}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run with as many boxes as `make sim` has, and its folder."""
    folder = tmp_path_factory.mktemp("sim")
    return simulate(BUILD / "tests" / "sim", folder, 100_000), folder


@pytest.mark.skipif(IS_SLOW, reason="a hundred thousand boxes take a sanitizer too long")
def test_an_emergency_reaches_95_percent_within_12_hours(whole):
    figures, _ = whole
    assert figures["default-share"] == 100
    assert figures["default-p95"] <= 12
    assert figures["night-p95"] <= 12


@pytest.mark.skipif(IS_SLOW, reason="a hundred thousand boxes take a sanitizer too long")
def test_the_server_never_sees_three_times_its_mean(whole):
    figures, _ = whole
    peaks = {name: value for name, value in figures.items() if name.endswith("peak-to-mean")}
    assert len(peaks) >= 5
    assert max(peaks.values()) <= 3, peaks


@pytest.mark.skipif(IS_SLOW, reason="a hundred thousand boxes take a sanitizer too long")
def test_no_box_takes_what_was_halted_or_what_its_owner_did_not_agree_to(whole):
    figures, _ = whole
    assert 0 < figures["halted-share"] < 20
    assert figures["halted-taken-after-halt"] == 0
    assert figures["notify-share"] == 0


@pytest.mark.skipif(IS_SLOW, reason="a hundred thousand boxes take a sanitizer too long")
def test_nothing_delays_a_critical_fix_for_ever(whole):
    figures, _ = whole
    for scene in ("critical", "critical-no-window", "critical-metered"):
        assert figures[f"{scene}-share"] == 100
        assert figures[f"{scene}-p95"] <= 72 + 8


@pytest.mark.skipif(IS_SLOW, reason="a hundred thousand boxes take a sanitizer too long")
@pytest.mark.parametrize("name", ["scale.md", "scale.svg", "scale-polls.svg"])
def test_the_report_in_docs_is_what_the_simulator_says(whole, name):
    _, folder = whole
    assert (TOP / "docs" / name).read_text() == (folder / name).read_text(), f"docs/{name}: run `make sim`"


@pytest.mark.parametrize("source, before, after, figure, is_higher", [
    ("poll.c", "#define BACKOFF_CAP     4", "#define BACKOFF_CAP     1", "polls-server-down-mean", True),
    ("poll.c", "#define POLL_MIN_S      300", "#define POLL_MIN_S      14400", "polls-mean", False),
    ("policy.c", "#define BOOT_QUIET_S 600", "#define BOOT_QUIET_S 21600", "default-p99", True),
    ("settings_table.c", '"72h", 0, YEAR_S,', '"24h", 0, YEAR_S,', "critical-no-window-p50", False),
])
def test_changing_the_product_changes_the_figures(tmp_path, source, before, after, figure, is_higher):
    text = (TOP / "appcenter" / "model" / source).read_text()
    assert text.count(before) == 1
    changed = tmp_path / source
    changed.write_text(text.replace(before, after))
    subprocess.run(["sh", BUILD / "tests" / "sim-with.sh", changed, tmp_path / "sim"], cwd=TOP, check=True, timeout=120)
    was = simulate(BUILD / "tests" / "sim", tmp_path, 5000)[figure]
    now = simulate(tmp_path / "sim", tmp_path, 5000)[figure]
    assert now > was * 1.02 if is_higher else now < was * 0.9
