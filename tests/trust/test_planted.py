"""Our own tests notice when a check of room trust is missing: a sample of the list, all of it under torture."""
import re
import subprocess

import nas as lab
import sweep

SAMPLE = 20
LIST = (lab.TOP / "tests" / "unit" / "trust" / "README.md").read_text()
NAMES = re.findall(r"^### (\S+)$", LIST, re.M)


def test_every_test_that_the_list_names_is_there():
    listed = subprocess.run([lab.BUILD / "tests" / "unit-trust", "-l"], capture_output=True, text=True).stdout.split()
    named = re.findall(r"`(/[^`]+)`", LIST)
    assert len(named) > len(NAMES)
    assert not set(named) - set(listed)
    assert all((lab.TOP / path).exists() for path in re.findall(r"`(tests/[^`]+)`", LIST))


def test_a_check_that_is_taken_out_is_noticed():
    checks = sweep.Sweep("checks", "checks of room trust", NAMES, SAMPLE)
    for name in checks:
        with checks.at(name):
            done = subprocess.run(["sh", lab.BUILD / "tests" / "planted.sh", "--without", name], cwd=lab.TOP,
                                  capture_output=True, text=True)
            assert done.returncode == 0 and "planted: 1 checks taken out, 0 not noticed" in done.stdout, \
                done.stdout + done.stderr
    checks.end()
