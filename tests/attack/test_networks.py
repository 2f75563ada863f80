"""Bad networks: whatever stands where the vendor's server should be, the NAS gives up in time, says who did what, keeps
nothing of it, leaves its apps alone, and is well again with the next poll."""
import calendar
import shutil
import sqlite3
import time

import evil
import nas as lab
import pytest
import sweep
from stock import NEW, OLD, add_repository

STALL_S = 2
LIMIT_S = STALL_S + 60
LIMIT_BYTES = 64 << 20
SAMPLE = 8
SANITIZED = b"__asan_init" in lab.Path(lab.program("appcenter-job")).read_bytes()

TARGETS = {
    "timestamp": r"/metadata/timestamp\.json$",
    "catalogue": r"/targets/(catalogue|deltas)/",
    "archive": r"/packages/.*QVPN_3\.1",
}

# What the server does, and what the NAS must say beside the server's name.
QUICK = {
    "404": (evil.status("404 Not Found"), "answered 404"),
    "403": (evil.status("403 Forbidden"), "answered 403"),
    "401": (evil.status("401 Unauthorized", 'WWW-Authenticate: Basic realm="x"'), "answered 401"),
    "500": (evil.status("500 Internal Server Error", body=b"x" * 500000), "answered 500"),
    "no_content": (evil.status("204 No Content", body=b""), "answered 204"),
    "redirect_loop": (evil.loop, "more than 5 redirects"),
    "redirects_without_end": (evil.ever_further, "more than 5 redirects"),
    "redirect_to_a_file": (evil.redirect("file:///etc/passwd"), "to a file: url"),
    "redirect_to_ftp": (evil.redirect("ftp://127.0.0.1/x"), "found ftp:"),
    "redirect_to_gopher": (evil.redirect("gopher://127.0.0.1:70/x"), "found gopher:"),
    "redirect_to_a_portal": (evil.redirect("http://192.0.2.1/login?from=nas"), "plain http to 192.0.2.1"),
    "redirect_with_a_line_break": (evil.redirect("/x%0d%0aSet-Cookie:%20a"), "not a plain url"),
    "redirect_to_nowhere": (evil.status("302 Found"), "to nowhere"),
    "portal": (evil.portal, "web page"),
    "portal_in_disguise": (evil.portal_in_disguise, "web page"),
    "hang_up": (evil.hang_up, ""),
    "reset": (evil.reset, ""),
    "early_end": (evil.early_end, "shorter than announced"),
    "early_end_in_chunks": (evil.early_end_in_chunks, ""),
    "endless": (evil.endless, "without an end"),
    "endless_in_chunks": (evil.endless_in_chunks, "without an end"),
    "endless_head": (evil.endless_head, ""),
    "endless_preamble": (evil.endless_preamble, ""),
    "length_too_long": (evil.length_too_long, "shorter than announced"),
    "length_absurd": (evil.length_absurd, "shorter than announced"),
    "length_negative": (evil.status("200 OK", "Content-Length: -5"), ""),
    "bad_chunks": (evil.bad_chunks, ""),
    "bomb": (evil.bomb("Content-Encoding"), "encoded as gzip"),
    "bomb_on_the_way": (evil.bomb("Transfer-Encoding"), ""),
    "unasked_part": (evil.unasked_part, "answered 206"),
    "not_http": (evil.not_http, ""),
}
SLOW = {
    "stall_before": (evil.stall_before, "too slow"),
    "stall_in_head": (evil.stall_in_head, "too slow"),
    "stall_in_body": (evil.stall_in_body, "too slow"),
    "drip_body": (evil.drip_body, "too slow"),
    "drip_head": (evil.drip_head, "too slow"),
}
TRICKS = QUICK | SLOW


class World:
    """A vendor, an evil server in front of its files, and a NAS that runs old apps."""

    def __init__(self, base, session, server, nas):
        self.vendor = lab.Vendor(base / "vendor")
        shutil.copytree(session.vendor.repo, self.vendor.repo)
        self.vendor.keys = session.vendor.keys
        self.server, self.nas, self.n_published = server, nas, 0
        server.folder = self.vendor.public

    def publish(self):
        """Another catalogue and a new timestamp, so that there is something to fetch."""
        self.n_published += 1
        self.vendor("rollout", self.vendor.repo, f"HybridBackup={OLD['HybridBackup']}", "--curve",
                    f"0h:1%,{self.n_published}h:100%")
        self.vendor.publish()

    def trusted(self):
        return self.nas.sql("SELECT role, bytes FROM tuf_role ORDER BY role")

    def catalogue(self):
        db = sqlite3.connect(f"file:{self.nas.root}/var/cache/appcenter/catalogue.db?mode=ro", uri=True, timeout=10)
        try:
            return sorted(map(str, db.execute("SELECT * FROM release"))), sorted(map(str, db.execute("SELECT * FROM header")))
        finally:
            db.close()

    def apps(self):
        """What runs, as which processes; what is half done."""
        stage = self.nas.root / lab.VOLUME / ".qpkg/.appcenter/stage"
        assert list(stage.iterdir()) == [], "something is left in staging"
        return [(a["name"], a["version"], a["state"], sorted(self.nas.app_pids(a["name"])))
                for a in self.nas.json("list")["apps"]]

    def downloads(self):
        return sorted((self.nas.root / "var/cache/appcenter/packages").iterdir())

    def repository(self):
        return self.nas.json("status")["repositories"][0]


@pytest.fixture(scope="module")
def world(session, tmp_path_factory):
    base = tmp_path_factory.mktemp("networks")
    (base / "vendor").mkdir()
    server = evil.Evil(base, lab.free_port())
    nas = lab.Nas(base / "nas")
    nas.configure(lab.config(updates__other="notify", network__poll="24h", network__stall=f"{STALL_S}s"))
    world = World(base, session, server, nas)
    evil.gzip_of_blanks()  # takes seconds: not while somebody waits
    server.start()
    try:
        nas.start()
        with evil.Memory(nas.daemon.pid) as world.memory:
            nas.ctl("repo", "add", "vendor", server.url, "--root-key", world.vendor.public / "metadata/1.root.json", "--yes")
            nas.ctl("refresh")
            nas.ctl("install", f"PhotoStation={OLD['PhotoStation']}", f"QVPN={OLD['QVPN']}", "--yes")
            world.vendor.add(session.packages["QVPN", NEW["QVPN"]])
            world.vendor.publish()
            nas.ctl("refresh")
            yield world
            print("largest resident sizes:", world.memory.peaks)
    finally:
        nas.stop()
        nas.kill_apps()
        server.stop()


def must_fail(world, *command, expect=8, says="", place=None):
    """The command fails in time and in memory, with a sentence that names the server."""
    started = time.monotonic()
    done = world.nas.ctl(*command, expect=expect, timeout=LIMIT_S + 60)
    assert time.monotonic() - started < LIMIT_S
    sentence = done.stderr.strip()
    assert (place or world.server.place) in sentence and says in sentence, sentence
    assert SANITIZED or max(world.memory.peaks.values()) <= LIMIT_BYTES, world.memory.peaks
    return sentence


@pytest.mark.parametrize("target", ["timestamp", "catalogue"])
def test_a_bad_refresh_is_the_networks_fault(world, target):
    tricks = sweep.Sweep("networks", target, TRICKS, SAMPLE)
    for name in tricks:
        with tricks.at(name):
            refresh_badly(world, target, *TRICKS[name])
    tricks.end()


def refresh_badly(world, target, trick, says):
    apps, trusted, catalogue = world.apps(), world.trusted(), world.catalogue()
    world.publish()
    world.server.misbehave(TARGETS[target], trick)
    try:
        must_fail(world, "refresh", says=says)
    finally:
        world.server.behave()
    told = world.repository()["error"]
    assert told["code"] == "network" and world.server.place in told["message"]
    if target == "timestamp":
        assert world.trusted() == trusted, "something of it is trusted"
    assert world.catalogue() == catalogue, "something of it was taken"
    world.nas.ctl("refresh")
    assert world.repository()["error"] is None
    assert world.trusted() != trusted and world.catalogue() != catalogue, "the next poll brings what is new"
    assert world.apps() == apps


def test_a_patch_that_does_not_come_costs_only_the_whole(world):
    catalogue = world.catalogue()
    for trick in (evil.status("404 Not Found"), evil.portal, evil.endless, evil.early_end, evil.other_bytes):
        world.publish()
        world.server.requests.clear()
        world.server.misbehave("/targets/deltas/", trick)
        try:
            world.nas.ctl("refresh")
        finally:
            world.server.behave()
        assert world.server.asked("/targets/deltas/") and world.server.asked("/targets/catalogue/")
        assert world.catalogue() != catalogue
        catalogue = world.catalogue()


def test_a_bad_download_is_the_networks_fault(world):
    tricks = sweep.Sweep("networks", "archive", TRICKS, SAMPLE)
    for name in tricks:
        with tricks.at(name):
            download_badly(world, *TRICKS[name])
    tricks.end()


def download_badly(world, trick, says):
    apps = world.apps()
    world.server.misbehave(TARGETS["archive"], trick)
    try:
        must_fail(world, "upgrade", "QVPN", "--yes", says=says)
    finally:
        world.server.behave()
    newest = world.nas.json("history")["transactions"][0]
    assert (newest["result"], newest["error"]["code"]) == ("failed", "network")
    assert not [path for path in world.downloads() if path.suffix == ".qpkg"], "what came is no archive"
    download_well(world)
    assert world.apps() == apps


def download_well(world):
    """The next try brings the archive, whole; then the cache is emptied, which anybody may do."""
    archive, = (world.vendor.public / "packages").glob("*QVPN_3.1*")
    world.nas.ctl("upgrade", "QVPN", "--download-only", "--yes")
    there, = world.downloads()
    assert there.read_bytes() == archive.read_bytes()
    there.unlink()


# --- the server is not there at all ---

def test_a_server_that_is_down_is_named(world):
    trusted, apps = world.trusted(), world.apps()
    world.publish()
    world.server.shut()
    try:
        must_fail(world, "refresh")
        must_fail(world, "upgrade", "QVPN", "--yes")
    finally:
        world.server.start()
    assert world.trusted() == trusted
    world.nas.ctl("refresh")
    assert world.trusted() != trusted
    download_well(world)
    assert world.apps() == apps


def test_a_portal_that_answers_everything_is_told_from_the_vendor(world):
    """Also to the probe for the next root, where "no such file" would be an answer."""
    trusted = world.trusted()
    for trick in (evil.portal, evil.portal_in_disguise, evil.redirect("http://192.0.2.1/login")):
        world.server.misbehave("", trick)
        try:
            must_fail(world, "refresh")
        finally:
            world.server.behave()
    assert world.trusted() == trusted
    world.nas.ctl("refresh")


def test_a_length_that_is_too_short_is_told_from_another_archive(world, session):
    """A body cut short by its own announcement is the network's; a whole archive of another size is somebody's doing."""
    world.server.misbehave(TARGETS["archive"], evil.length_too_short)
    must_fail(world, "upgrade", "QVPN", "--yes", says="ended")
    world.server.behave()
    archive, = (world.vendor.public / "packages").glob("*QVPN_3.1*")
    others = sorted((path for item, path in session.packages.items() if item[0] != "QVPN"), key=lambda p: p.stat().st_size)
    sizes = {path.stat().st_size < archive.stat().st_size for path in others}
    assert sizes == {True, False}, "one that is smaller and one that is larger"
    for other in (others[0], others[-1]):
        content = other.read_bytes()
        world.server.misbehave(TARGETS["archive"], lambda answer, content=content: answer.say("200 OK", content))
        done = world.nas.ctl("upgrade", "QVPN", "--yes", expect=5)
        assert str(len(content)) in done.stderr and str(archive.stat().st_size) in done.stderr
        world.server.behave()
        assert world.downloads() == []
    download_well(world)


def test_a_timestamp_cut_short_by_its_own_length_is_not_believed(world):
    trusted = world.trusted()
    world.publish()
    world.server.misbehave(TARGETS["timestamp"], evil.length_too_short)
    world.nas.ctl("refresh", expect=5)
    world.server.behave()
    assert world.trusted() == trusted
    world.nas.ctl("refresh")


def test_a_catalogue_cut_short_by_its_own_length_is_the_networks_fault(world):
    """The server's own length agrees with what it sent; what is signed announces more."""
    before = world.catalogue()
    world.publish()
    world.server.misbehave(TARGETS["catalogue"], lambda answer: answer.say("200 OK", answer.body[:len(answer.body) // 2]))
    done = world.nas.ctl("refresh", expect=8)
    assert "127.0.0.1 ended" in done.stderr and "shorter than announced" in done.stderr, done.stderr
    assert world.catalogue() == before
    world.server.behave()
    world.nas.ctl("refresh")
    assert world.catalogue() != before


# --- going on where it broke ---

def breaks_once(then):
    """The first whole answer breaks in its middle; what is asked for after it is answered by then."""
    state = {"is_broken": False}

    def trick(answer):
        if not state["is_broken"]:
            state["is_broken"] = True
            return evil.early_end(answer)
        return then(answer)
    return trick


def another_content(answer):
    return evil.other_bytes(answer) if "range" in answer.request.headers else answer.truth()


def other_range(answer):
    if "range" not in answer.request.headers:
        return answer.truth()
    return answer.say_part(1)


def lying_range(answer):
    """Says that it is the range asked for, and sends another one of that length."""
    first = answer.request.headers.get("range")
    if not first:
        return answer.truth()
    at = int(first.split("=")[1].rstrip("-"))
    return answer.say("206 Partial Content", answer.body[:len(answer.body) - at],
                      f"Content-Range: bytes {at}-{len(answer.body) - 1}/{len(answer.body)}")


def no_ranges(answer):
    return answer.say("200 OK", answer.body)


def refuses_ranges(answer):
    return answer.say("416 Range Not Satisfiable") if "range" in answer.request.headers else answer.truth()


def changed_meanwhile(answer):
    """As an honest server whose file is another by now: If-Range does not hold, so all of it comes."""
    assert "range" not in answer.request.headers or answer.request.headers.get("if-range") == answer.etag
    return answer.say("200 OK", answer.body, 'ETag: "another"')


@pytest.mark.parametrize("then", [evil.Answer.truth, another_content, other_range, lying_range, no_ranges, refuses_ranges,
                                  changed_meanwhile], ids=lambda then: then.__name__)
def test_a_download_that_breaks_goes_on_within_the_job(world, then):
    world.server.requests.clear()
    world.server.misbehave(TARGETS["archive"], breaks_once(then))
    try:
        download_well(world)
    finally:
        world.server.behave()
    asked = world.server.asked(TARGETS["archive"])
    size = (world.vendor.public / asked[0].path.lstrip("/")).stat().st_size
    assert asked[1].headers["range"] == f"bytes={size // 2}-" and asked[1].headers["if-range"].startswith('"')
    assert (len(asked) == 2) == (then in (evil.Answer.truth, no_ranges, changed_meanwhile))


def leave_a_part(world):
    """A job that the network ended in the middle of the download."""
    world.server.misbehave(TARGETS["archive"], stall_tagged)
    must_fail(world, "upgrade", "QVPN", "--yes", says="too slow")
    world.server.behave()
    world.server.requests.clear()
    part, = [path for path in world.downloads() if path.suffix == ".part"]
    return part


def stall_tagged(answer):
    answer.head("200 OK", f"Content-Length: {len(answer.body)}", f"ETag: {answer.etag}")
    answer.send(answer.body[:len(answer.body) // 2])
    return answer.hold()


def test_the_next_job_goes_on_with_what_an_earlier_one_has_left(world):
    part = leave_a_part(world)
    size = part.stat().st_size
    download_well(world)
    asked, = world.server.asked(TARGETS["archive"])
    assert asked.headers["range"] == f"bytes={size}-"
    assert asked.headers["if-range"].startswith('"')


def test_a_part_that_was_spoilt_is_fetched_again_as_a_whole(world):
    """By a power cut, say: nobody is accused for what lay on our own disk."""
    part = leave_a_part(world)
    part.write_bytes(b"\0" * part.stat().st_size)
    download_well(world)
    assert len(world.server.asked(TARGETS["archive"])) == 2


def test_a_continuation_that_is_wrong_each_time_is_refused_and_forgotten(world):
    """Whole or in part, these are other bytes: nothing of them is left to go on with."""
    leave_a_part(world)
    apps = world.apps()
    world.server.misbehave(TARGETS["archive"], evil.other_bytes)
    done = world.nas.ctl("upgrade", "QVPN", "--yes", expect=5)
    world.server.behave()
    assert "sha256" in done.stderr and "QVPN" in done.stderr
    assert world.downloads() == [] and world.apps() == apps
    world.server.requests.clear()
    download_well(world)
    asked, = world.server.asked(TARGETS["archive"])
    assert "range" not in asked.headers


def test_what_is_there_of_a_group_is_not_fetched_twice(world, session):
    """The network ends the second archive of two: the first one stays for the next try."""
    world.vendor.add(*(session.packages[app, NEW[app]] for app in ("PhotoStation", "MediaLibrary")))
    world.vendor.publish()
    world.nas.ctl("refresh")
    apps = world.apps()
    world.server.misbehave(r"/packages/.*PhotoStation_6\.1\.2", evil.status("500 Oh"))
    must_fail(world, "upgrade", "PhotoStation", "--yes", says="answered 500")
    world.server.behave()
    assert world.apps() == apps
    world.server.requests.clear()
    world.nas.ctl("upgrade", "PhotoStation", "--download-only", "--yes")
    assert len(world.server.asked("MediaLibrary_2")) == 0 and len(world.server.asked("PhotoStation_6")) == 1
    for path in world.downloads():
        path.unlink()


# --- mirrors ---

def test_a_mirror_gives_what_the_first_server_does_not(make_nas, vendor, session):
    bad, good = (evil.Evil(vendor.public, lab.free_port()).start() for _ in range(2))
    nas = make_nas(network__poll="24h", network__stall=f"{STALL_S}s", updates__other="notify")
    try:
        nas.start()
        nas.ctl("repo", "add", "vendor", bad.url, "--root-key", vendor.public / "metadata/1.root.json", "--yes")
        conf = nas.root / "etc/appcenter/repos.d/vendor.conf"
        conf.write_text(conf.read_text() + f"mirrors = {good.url}\n")
        nas.ctl("refresh")
        nas.ctl("install", f"HybridBackup={OLD['HybridBackup']}", "--yes")
        vendor.add(session.packages["HybridBackup", NEW["HybridBackup"]])
        vendor.publish()
        for trick in (evil.early_end, evil.portal, evil.endless, evil.stall_in_body):
            bad.misbehave("timestamp|packages", trick)
            nas.ctl("refresh")
            nas.ctl("upgrade", "HybridBackup", "--download-only", "--yes")
            there, = (nas.root / "var/cache/appcenter/packages").iterdir()
            there.unlink()
            bad.behave()
        other = session.packages["QVPN", OLD["QVPN"]].read_bytes()
        for lie in (lambda answer: answer.say("200 OK", other), evil.other_bytes, breaks_once(evil.other_bytes)):
            bad.misbehave("/packages/", lie)
            nas.ctl("upgrade", "HybridBackup", "--download-only", "--yes")
            bad.behave()
            there, = (nas.root / "var/cache/appcenter/packages").iterdir()
            there.unlink()
        bad.misbehave("/packages/", evil.other_bytes)
        nas.ctl("upgrade", "HybridBackup", "--yes")
        assert nas.app("HybridBackup")["version"] == NEW["HybridBackup"], \
            "one mirror's wrong archive is no reason against the other's"
    finally:
        bad.stop()
        good.stop()


# --- proxies, TLS ---

def test_a_proxy_that_refuses_is_told(make_nas, vendor):
    proxy = evil.Evil(vendor.public, lab.free_port()).start()
    nas = make_nas(network__proxy=f"http://admin:geheim@{proxy.place}", network__allow_http="yes", network__poll="24h",
                   network__stall=f"{STALL_S}s")
    try:
        nas.start()
        key = vendor.public / "metadata/1.root.json"
        nas.ctl("repo", "add", "vendor", "http://updates.test/", "--root-key", key, "--yes")
        for trick in (evil.status("403 Forbidden"), evil.status("407 Proxy Authentication Required"),
                      evil.status("502 Bad Gateway"), evil.portal, evil.hang_up, evil.stall_before, evil.endless):
            proxy.misbehave("", trick)
            started = time.monotonic()
            done = nas.ctl("refresh", expect=8)
            assert "updates.test" in done.stderr and time.monotonic() - started < LIMIT_S
            assert "geheim" not in done.stderr + str(nas.json("status")) + nas.log()
            proxy.behave()
        nas.ctl("refresh")
        assert proxy.asked("timestamp"), "and through the proxy it went"
        nas.ctl("repo", "remove", "vendor")
        nas.ctl("repo", "add", "safe", "https://updates.test/", "--root-key", key, "--yes")
        for trick in (evil.status("403 Forbidden"), evil.hang_up, evil.endless_head, *([evil.drip_head] if sweep.TORTURE else [])):
            proxy.misbehave("", trick)
            started = time.monotonic()
            done = nas.ctl("refresh", expect=8)
            assert "updates.test" in done.stderr and time.monotonic() - started < LIMIT_S
            proxy.behave()
    finally:
        proxy.stop()


def test_a_proxy_that_is_not_there_is_told(make_nas, vendor):
    nas = make_nas(network__proxy=f"http://127.0.0.1:{lab.free_port()}", network__allow_http="yes", network__poll="24h")
    nas.start()
    nas.ctl("repo", "add", "vendor", "http://updates.test/", "--root-key", vendor.public / "metadata/1.root.json", "--yes")
    assert "updates.test" in nas.ctl("refresh", expect=8).stderr


def test_a_certificate_that_nobody_vouches_for_is_refused(make_nas, vendor, tmp_path):
    server = evil.Evil(vendor.public, lab.free_port(), evil.self_signed(tmp_path)).start()
    plain = evil.Evil(vendor.public, lab.free_port()).start()
    nas = make_nas(network__poll="24h")
    try:
        nas.start()
        nas.ctl("repo", "add", "vendor", server.url, "--root-key", vendor.public / "metadata/1.root.json", "--yes")
        done = nas.ctl("refresh", expect=8)
        assert server.place in done.stderr and "certificate" in done.stderr
        assert server.requests == [], "not a word was said to it"
        nas.ctl("repo", "remove", "vendor")
        nas.ctl("repo", "add", "vendor", plain.url, "--root-key", vendor.public / "metadata/1.root.json", "--yes")
        plain.misbehave("timestamp", evil.redirect(lambda answer: server.url + "metadata/timestamp.json"))
        assert "certificate" in nas.ctl("refresh", expect=8).stderr
        plain.behave()
        nas.ctl("refresh")
        assert server.requests == []
    finally:
        server.stop()
        plain.stop()


# --- peace ---

@pytest.mark.parametrize("line", ["503 Service Unavailable", "429 Too Many Requests"])
def test_a_server_that_asks_for_peace_has_it(make_nas, vendor, line):
    """Nobody asks before; the status says when; then the poll works again by itself."""
    server = evil.Evil(vendor.public, lab.free_port()).start()
    nas = make_nas(network__poll="1s", updates__other="notify")
    try:
        nas.start()
        add_repository(nas, vendor, server)
        server.misbehave("timestamp", evil.retry_after(line, 5))
        lab.wait_for("the answer", lambda: nas.json("status")["repositories"][0]["error"], 30)
        until = server.asked("timestamp")[-1].at + 5
        repository = nas.json("status")["repositories"][0]
        assert repository["error"]["code"] == "network" and line[:3] in repository["error"]["message"]
        assert abs(seconds_to(repository["next_refresh"]) - (until - time.monotonic())) < 3
        server.behave()
        lab.wait_for("the poll after it", lambda: nas.json("status")["repositories"][0]["error"] is None, 60)
        after = [request.at for request in server.asked("") if request.at > until - 5 + 0.5]
        assert min(after) > until - 1.5, "it was asked before its time"
    finally:
        server.stop()


def seconds_to(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")) - time.time()


def test_nobody_is_silenced_for_more_than_a_day(make_nas, vendor):
    server = evil.Evil(vendor.public, lab.free_port()).start()
    nas = make_nas(network__poll="1s")
    try:
        nas.start()
        add_repository(nas, vendor, server)
        server.misbehave("timestamp", evil.retry_after("503 Service Unavailable", 99999999))
        lab.wait_for("the answer", lambda: nas.json("status")["repositories"][0]["error"], 30)
        assert 80000 < seconds_to(nas.json("status")["repositories"][0]["next_refresh"]) <= 86400
        server.behave()
        nas.ctl("refresh")
        assert seconds_to(nas.json("status")["repositories"][0]["next_refresh"]) < 60, "an admin may ask at any time"
    finally:
        server.stop()


def test_one_repositorys_peace_is_not_broken_by_the_poll_of_another(make_nas, vendor):
    one, other = (evil.Evil(vendor.public, lab.free_port()).start() for _ in range(2))
    nas = make_nas(network__poll="1s")
    try:
        nas.start()
        for name, server in (("one", one), ("other", other)):
            nas.ctl("repo", "add", name, server.url, "--root-key", vendor.public / "metadata/1.root.json", "--yes")
        nas.ctl("refresh")
        one.misbehave("timestamp", evil.retry_after("503 Service Unavailable", 600))
        lab.wait_for("the answer", lambda: nas.json("status")["repositories"][0]["error"], 30)
        time.sleep(1)
        seen, n_polls = len(one.requests), len(other.requests)
        lab.wait_for("more polls of the other", lambda: len(other.requests) > n_polls + 3, 60)
        assert len(one.requests) == seen
    finally:
        one.stop()
        other.stop()


def test_the_server_of_an_archive_may_ask_for_peace_too(make_nas, session, vendor):
    """An emergency fix that the server does not give is tried again when it said, and not before."""
    server = evil.Evil(vendor.public, lab.free_port()).start()
    nas = make_nas(network__poll="1s", updates__other="notify")
    try:
        nas.start()
        add_repository(nas, vendor, server)
        nas.ctl("install", f"HybridBackup={OLD['HybridBackup']}", "--yes")
        server.misbehave("HybridBackup_1.1", evil.retry_after("503 Service Unavailable", 9))
        vendor.add(session.packages["HybridBackup", NEW["HybridBackup"]])
        vendor("urgent", vendor.repo, f"HybridBackup={NEW['HybridBackup']}", "--advisory", "QSA-22-24", "--reason", "exploited",
               "--curve", "0m:100%")
        vendor.publish()
        lab.wait_for("the first try", lambda: server.asked("HybridBackup_1.1"), 60)
        first = server.asked("HybridBackup_1.1")[0].at
        assert nas.app("HybridBackup")["version"] == OLD["HybridBackup"]
        server.behave()
        lab.wait_for("the fix", lambda: nas.app("HybridBackup")["version"] == NEW["HybridBackup"], 90, every=0.5)
        assert server.asked("HybridBackup_1.1")[1].at > first + 8
    finally:
        server.stop()


def test_polls_get_well_by_themselves(make_nas, vendor):
    """Down, then a portal, then well: nobody has to do anything."""
    server = evil.Evil(vendor.public, lab.free_port()).start()
    nas = make_nas(network__poll="1s", network__stall=f"{STALL_S}s")
    try:
        nas.start()
        add_repository(nas, vendor, server)
        server.misbehave("", evil.portal)
        lab.wait_for("trouble", lambda: nas.json("status")["repositories"][0]["error"], 30)
        server.shut()
        lab.wait_for("other trouble", lambda: "portal" not in
                     (nas.json("status")["repositories"][0]["error"] or {"message": "portal"})["message"], 60)
        server.behave()
        server.start()
        lab.wait_for("good news", lambda: nas.json("status")["repositories"][0]["error"] is None, 60)
        assert nas.daemon.poll() is None
    finally:
        server.stop()
