"""A job dies at any system call, or any system call of it fails: old or new afterwards, and what it said is so."""
import contextlib
import itertools
import shutil
from dataclasses import dataclass
from pathlib import Path

import calls
import nas as lab
import pytest
from box import NEW, OLD
from calls import FAIL, SHORT, Strike
from sweep import Sweep
from trio import BEFORE, CONVERTED, DATA, NEW_TRIO, NOTES, OLD_TRIO, TORN

pytestmark = pytest.mark.skipif(b"__asan_init" in Path(lab.program("appcenter-job")).read_bytes(),
                                reason="AddressSanitizer wants to be the first library")

NUMBERS = itertools.count(1)
FAULTS = {
    "open": ("EMFILE", "EIO"), "create": ("ENOSPC", "EMFILE", "EROFS"), "write": ("ENOSPC", "EIO", "EINTR"),
    "pwrite": ("ENOSPC", "EIO", "EINTR"), "writev": ("ENOSPC", "EIO"), "fsync": ("EIO", "ENOSPC"),
    "fdatasync": ("EIO", "ENOSPC"), "syncfs": ("EIO", "ENOSPC"), "rename": ("EIO", "ENOSPC", "EROFS"),
    "mkdir": ("ENOSPC", "EROFS"), "unlink": ("EIO", "EROFS"), "symlink": ("ENOSPC", "EROFS"), "link": ("ENOSPC", "EMLINK"),
    "truncate": ("EIO", "ENOSPC"), "fallocate": ("ENOSPC",), "chmod": ("EIO", "EROFS"), "chown": ("EIO", "EROFS"),
    "utime": ("EIO", "EROFS"), "xattr": ("ENOSPC", "EIO"), "copy": ("EIO", "ENOSPC"), "fork": ("EAGAIN",),
}
SHORTENED = ("write", "pwrite", "writev")


@dataclass(frozen=True)
class Walk:
    name: str
    template: str
    action: str
    request: dict
    worlds: dict


WALKS = {walk.name: walk for walk in (
    Walk("install", "bare", "install", {"apps": [{"name": "PhotoStation"}]}, {"old": {}, "new": NEW}),
    Walk("upgrade", "old", "upgrade", {"apps": []}, {"old": OLD, "new": NEW}),
    Walk("rollback", "new", "rollback", {"apps": [{"name": "PhotoStation"}]},
         {"old": NEW, "new": {**NEW, "PhotoStation": OLD["PhotoStation"]}}),
    Walk("remove", "old", "remove", {"apps": [{"name": "MediaLibrary"}], "options": {"cascade": True}},
         {"old": OLD, "new": {}}),
    Walk("repair", "torn", "repair", {"apps": [{"name": "PhotoStation"}]}, {"old": OLD, "new": OLD}),
    Walk("trio", "trio", "upgrade", {"apps": []}, {"old": OLD_TRIO, "new": NEW_TRIO}),
    Walk("undo", "trio-new", "undo", {"options": {"undo_id": "upgrade"}}, {"old": NEW_TRIO, "new": OLD_TRIO}),
    Walk("restore", "trio-new", "restore", {"options": {"snapshot_id": "snapshot"}}, {"old": NEW_TRIO, "new": NEW_TRIO}),
    Walk("recover", "old", "recover", {}, {"old": OLD, "new": OLD}),
)}


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    return calls.build(tmp_path_factory.mktemp("calls"))


@pytest.fixture(scope="module")
def stock(trio):
    return trio


def request(stock, walk):
    """With the ids that only the stock knows."""
    options = {key: getattr(stock, value) if isinstance(value, str) else value
               for key, value in walk.request.get("options", {}).items()}
    return {**walk.request, "options": options}


@pytest.fixture(scope="module")
def last_rename(stock, shim):
    """The last rename of an upgrade that lies before its commit: all is switched by then."""
    walk = WALKS["upgrade"]
    with patient(stock, shim, walk) as box:
        box.job(walk.action, walk.request)
        number = box.page.counts()["job", "rename"]
    while number:
        with patient(stock, shim, walk) as box:
            if die(box, number):
                return Strike("job", "rename", number)
        number -= 1
    raise AssertionError("no rename lies before the commit")


def die(box, number):
    """An upgrade that dies there; whether its transaction is open."""
    box.page.arm(Strike("job", "rename", number))
    assert box.job("upgrade", WALKS["upgrade"].request)[0] < 0
    box.page.disarm()
    box.nas.kill_apps()
    return bool(box.nas.sql("SELECT 1 FROM txn WHERE result IS NULL AND NOT is_committed"))


def patient(stock, shim, walk):
    box = calls.Patient(stock, shim, stock.base / walk.template / "nas", walk.worlds, stock.base / f"patient{next(NUMBERS)}")
    if walk.template != "bare":
        for (app, name), content in stock.user.items():
            box.judge.owns(app, name, content)
    for name in DATA if NOTES in walk.worlds["old"] else ():
        if walk.name == "trio":
            box.judge.owns_converted(NOTES, name, {OLD_TRIO[NOTES]: BEFORE, NEW_TRIO[NOTES]: CONVERTED})
        else:  # an undo takes no content back unasked; a restore does, which leaves the versions as they are
            box.judge.owns(NOTES, name, CONVERTED, *([BEFORE] if walk.name == "restore" else []))
    return box


@contextlib.contextmanager
def ready(stock, shim, walk, last_rename):
    """A NAS at which the walk can begin."""
    with patient(stock, shim, walk) as box:
        if walk.action == "recover":  # in its place: a copy of an open transaction's trees is a stranger's
            assert die(box, last_rename.number)
        yield box


@pytest.fixture(scope="module")
def counts(stock, shim, last_rename):
    """How often each walk makes each call, when nobody interferes."""
    found = {}
    for walk in WALKS.values():
        with ready(stock, shim, walk, last_rename) as box:
            code, words = box.job(walk.action, request(stock, walk))
            assert code == 0 and box.world(), f"{walk.name}: {words}"
            found[walk.name] = {point: n for point, n in box.page.counts().items() if n}
    return found


def killed(counts):
    for (role, call), n in counts.items():
        if call not in calls.READS:
            yield from (Strike(role, call, number) for number in range(1, n + 1))


def failed(counts):
    for (role, call), n in counts.items():
        for number in range(1, n + 1):
            for error in FAULTS[call]:
                yield Strike(role, call, number, FAIL, error)
                if error != "EINTR":
                    yield Strike(role, call, number, FAIL, error, for_ever=True)
            if call in SHORTENED:
                yield Strike(role, call, number, SHORT)


def kind(strike):
    """Thousands of links that a helper makes for itself say less than the three renames of a switch."""
    return strike.role, strike.call


def strike_at(stock, shim, walk, strike, last_rename):
    """The world, and how the job ended."""
    with ready(stock, shim, walk, last_rename) as box:
        box.page.arm(strike)
        code, words = box.job(walk.action, request(stock, walk))
        is_hit = box.page.hits > 0
        box.page.disarm()
        box.judge.verdict_before_recovery(was_killed=code < 0)
        box.recover()
        torn_file = box.nas.app_dir(TORN[0]) / TORN[1]
        if walk.template == "torn" and code != 0 and not torn_file.exists():  # old lacks it: put back, to be judged
            shutil.copy2(stock.base / "old/nas" / torn_file.relative_to(box.nas.root), torn_file)
        world = box.world()
        assert code != 0 or world == "new" or walk.worlds["old"] == walk.worlds["new"], f"exit 0 in the old world: {words}"
        if walk.name == "restore" and code == 0:
            assert {(box.nas.app_dir(NOTES) / name).read_bytes() for name in DATA} == {BEFORE}, "exit 0 with today's content"
        assert is_hit or code == 0, f"never reached, and yet: exit {code}: {words}"
        return code, words


@pytest.mark.parametrize("name", WALKS)
def test_old_or_new_at_whichever_call_the_job_dies(stock, shim, counts, last_rename, name):
    sweep = Sweep("syscalls", name, killed(counts[name]), sample=36, kind=kind)
    for strike in sweep:
        with sweep.at(strike):
            strike_at(stock, shim, WALKS[name], strike, last_rename)
    sweep.end()


@pytest.mark.parametrize("name", WALKS)
def test_old_or_new_whichever_call_fails(stock, shim, counts, last_rename, name):
    sweep = Sweep("faults", name, failed(counts[name]), sample=7, kind=kind)
    for strike in sweep:
        with sweep.at(strike):
            code, words = strike_at(stock, shim, WALKS[name], strike, last_rename)
            assert code >= 0, f"the job died of it: signal {-code}: {words}"
    sweep.end()


def test_a_flush_that_fails_is_a_step_that_fails(stock, shim, counts, last_rename):
    """What was not flushed is not there: no commit behind it, whichever flush it was of those before the commit."""
    walk, codes = WALKS["upgrade"], []
    for number in range(1, counts["upgrade"]["job", "fsync"] + 1):
        codes.append(strike_at(stock, shim, walk, Strike("job", "fsync", number, FAIL, "EIO"), last_rename)[0])
    before_the_commit = codes.index(0)
    assert before_the_commit > 10 and not any(codes[before_the_commit:]), f"exit codes by flush: {codes}"
