#!/usr/bin/env python3
"""How long 20,000 loose files of a user take to move along when their app is upgraded.

    carry-20000       the row DATA; they lie in a folder that the package ships, too, so each is moved by itself  (limit 2 s)
    snapshot-20000    the row SNAP, which copies them before
"""
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import downtime  # noqa: E402

FILES = 20000


def main():
    with tempfile.TemporaryDirectory() as folder:
        box = downtime.install(Path(folder), downtime.publish(Path(folder)))
        web = box.app_dir("Bench") / "web"
        for i in range(FILES):
            (web / f"photo{i}.png").write_bytes(b"png")
        steps = downtime.upgrade(box)
        assert len(list(web.iterdir())) == FILES + 1
    good = downtime.figure("carry-20000", downtime.spent(steps, "DATA"), "s")
    return 0 if downtime.figure("snapshot-20000", downtime.spent(steps, "SNAP"), "s") and good else 1


if __name__ == "__main__":
    sys.exit(main())
