"""Our own tests notice when a check of room trust is missing: a sample of the list, the whole under torture."""
import os
import subprocess

import nas as lab

SAMPLE = 20


def test_a_check_that_is_taken_out_is_noticed():
    sample = [] if os.environ.get("APPCENTER_TORTURE") == "1" else ["--sample", str(SAMPLE)]
    done = subprocess.run(["sh", lab.BUILD / "tests" / "planted.sh", *sample], cwd=lab.TOP, capture_output=True, text=True)
    print(done.stdout + done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 not noticed" in done.stdout
