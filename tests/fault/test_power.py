"""The power fails at any moment of a change: what the admin was told holds, the rest is old or new, photos are whole."""
import contextlib
import os
import shutil
import threading

import box as boxes
import judge as judges
import nas as lab
import power
import pytest
import small_disk
import sweep
from box import NEW, OLD
from trio import BEFORE, CONVERTED, DATA, NEW_TRIO, NOTES, OLD_TRIO

pytestmark = pytest.mark.skipif(power.why_not() or "False", reason=str(power.why_not()))

ONE_BACK = {**NEW_TRIO, "PhotoStation": OLD["PhotoStation"]}
USED = ((("upgrade",), NEW_TRIO),
        (("rollback", "PhotoStation"), ONE_BACK),
        (("remove", "MediaLibrary", "--cascade"), {}),
        (("undo", "last"), ONE_BACK))
STORIES = {"bare": ("bare", {}, ((("install", "PhotoStation"), NEW),)),
           "used": ("trio", OLD_TRIO, USED), "busy": ("trio", OLD_TRIO, USED)}


@pytest.fixture(scope="module")
def stock(trio):
    return trio


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    small_disk.own_mounts()
    return power.build(tmp_path_factory.mktemp("power"))


@contextlib.contextmanager
def neighbour(folder):
    """Somebody else on the volume who flushes all the time: what the journal of the file system holds goes to the disk with
    his, at moments that nobody chose; content that was not written yet does not."""
    over = threading.Event()

    def write():
        with open(folder / "neighbour.db", "wb", buffering=0) as file:
            while not over.wait(0.01):
                file.write(b"row")
                os.fsync(file.fileno())

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def tell(rig, template, changes, is_busy):
    """The story, done on disks that write down; the tape. Alone, where nobody flushes for us, or beside a neighbour."""
    rig.fill(template)
    with rig.recording() as disks, neighbour(disks.root / lab.VOLUME) if is_busy else contextlib.nullcontext():
        nas = lab.Nas(disks.root)
        try:
            nas.start()
            for number, (words, _) in enumerate(changes):
                words = [str(nas.json("history")["transactions"][0]["id"]) if w == "last" else w for w in words]
                nas.ctl(*words, "--yes")
                rig.mark(str(number))
        finally:
            nas.stop()
            nas.kill_apps()
    return rig.tape


def moments(tape):
    """Behind every flush what was not flushed is lost; and anywhere, with all, some, or parts of it kept."""
    yield "flushes", [(cut, "nothing") for cut in tape.flushes]
    yield "between", [(cut, keep) for cut in tape.cuts for keep in power.KEEPS if keep != "nothing"]


def recover(root, owner, worlds, stock):
    """What a box does that gets its power back; then the judge."""
    nas = lab.Nas(root)
    judge = judges.Judge(nas, stock.packages, worlds)
    try:
        judge.verdict_before_recovery()
        done = lab.run([lab.program("appcenterd"), "--root", root, "--once"], env=nas.env, expect=None, timeout=60)
        assert done.returncode == 0, f"recovery ended with {done.returncode}: {done.stdout}{done.stderr}"
        for (app, name), content in owner.items():
            judge.owns(app, name, content)
        for name in DATA if owner else ():
            judge.owns_converted(NOTES, name, {OLD_TRIO[NOTES]: BEFORE, NEW_TRIO[NOTES]: CONVERTED})
        return judge.verdict_at_rest()
    finally:
        nas.kill_apps()


@pytest.mark.parametrize("kind", power.SIZES)
@pytest.mark.parametrize("story", STORIES)
def test_old_or_new_whenever_the_power_fails(stock, program, story, kind):
    if not shutil.which(power.MKFS[kind][0]):
        pytest.skip(f"{power.MKFS[kind][0]} is not installed")
    template, first, changes = STORIES[story]
    users = stock.user if template != "bare" else {}
    states = [first, *(world for _, world in changes)]
    with power.scratch() as folder:
        tape = tell(power.Rig(folder / "rig", program, kind), stock.base / template / "nas", changes, story == "busy")
        assert len(tape.marks) == len(changes) and len(tape.flushes) > 20
        for name, points in moments(tape):
            trial = sweep.Sweep("power", f"{story}-{kind}-{name}", points, sample=25)
            trial.points.sort(key=lambda point: point[0])
            cutter = power.Cutter(tape, folder)
            for cut, keep in trial:
                told = tape.told(cut)
                worlds = {f"after {i} of {len(changes)}": states[i] for i in (told, told + 1) if i < len(states)}
                with trial.at((cut, keep, f"told {told}")):
                    images = cutter.cut(cut, keep, sweep.chance(f"{story}{kind}{cut}{keep}"))
                    with power.Mounted(folder / "crash", images, kind) as disks:
                        recover(disks.root, users, worlds, stock)
            trial.end()
