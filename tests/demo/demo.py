#!/usr/bin/env python3
"""The Photo Station story, end to end: an urgent fix travels from the vendor to a NAS and installs itself.

Everything is real and private to one scratch folder: keys, repository, nginx on a loopback port, a NAS below --root.
Every step is asserted; the first that fails ends the demo with its reason. KEEP=1 keeps the folder.
"""
import os
import shutil
import signal
import sys
import tempfile
import textwrap
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import nas as lab  # noqa: E402

SECRET = "wallet seed: correct horse battery staple"
LEAK = "photo?name=../../../Private/wallet.txt"
COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
NORMAL_APPS = {"QVPN": ("3.0", "3.1"), "HybridBackup": ("1.0", "1.1"), "BrokenStart": ("1.0", "1.1")}


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def chapter(title):
    print("\n" + paint("1", f"== {title}"), flush=True)


def say(text):
    print(textwrap.indent(text.rstrip("\n"), "   "), flush=True)


def check(what, holds):
    print(("   " + paint("32", "ok") if holds else "   " + paint("31", "NO")) + f"  {what}", flush=True)
    if not holds:
        raise AssertionError(what)


class Story:
    def __init__(self, scratch):
        self.scratch = scratch
        self.vendor = lab.Vendor(scratch, show=self.command)
        self.web = None
        self.nas = lab.Nas(scratch / "nas", show=self.command)
        self.ports = {name: lab.free_port() for name in ("PhotoStation", *NORMAL_APPS)}
        self.url = f"http://127.0.0.1:{self.ports['PhotoStation']}/"

    def command(self, argv):
        """Prints a command as one would type it: programs by name, the scratch folder as $D."""
        words = [str(word).replace(str(self.scratch), "$D").replace(str(lab.TOP) + "/", "") for word in argv]
        words[0] = os.path.basename(words[0]) if words[0].startswith(("build", "/")) else words[0]
        print("   " + paint("36", "$ " + " ".join(words)), flush=True)

    def ctl(self, *args, expect=0):
        done = self.nas.ctl(*args, expect=expect)
        say(done.stdout + done.stderr)
        return done

    def package(self, name, version):
        source = lab.stage(name, version, self.scratch / "src" / f"{name}-{version}", self.ports.get(name))
        return self.vendor.pack(source, self.scratch / f"{name}_{version}.qpkg")

    def photos(self):
        album = self.nas.app_dir("PhotoStation") / "album"
        return {photo.name: lab.sha256(photo) for photo in sorted(album.iterdir()) if photo.is_file()}

    # --- the chapters ---

    def ceremony(self):
        chapter("1. The vendor: key ceremony, the old versions, a web server")
        say((self.vendor.init()).stdout)
        old = [self.package("MediaLibrary", "1.4"), self.package("PhotoStation", "6.1.1")]
        old += [self.package(name, versions[0]) for name, versions in NORMAL_APPS.items()]
        self.vendor.add(*old)
        say(self.vendor.publish().stdout)
        self.web = lab.Web(self.scratch / "web", self.vendor.public).start()
        say(f"nginx serves {self.web.url}")

    def installation(self):
        chapter("2. The NAS: a daemon, a repository, five apps")
        self.nas.configure(lab.config(**{"safety.health_settle": "2s"}))
        self.nas.start()
        self.ctl("repo", "add", "vendor", self.web.url, "--root-key",
                 self.vendor.public / "metadata" / "1.root.json", "--yes")
        self.ctl("refresh")
        self.ctl("install", "PhotoStation", *NORMAL_APPS, "--yes", "--no-progress")
        apps = {app["name"]: app for app in self.nas.json("list")["apps"]}
        check("five apps are installed, MediaLibrary came along with PhotoStation",
              sorted(apps) == sorted(["MediaLibrary", "PhotoStation", *NORMAL_APPS]))
        check("all of them run", all(app["state"] == "running" for app in apps.values()))
        self.ctl("hold", "HybridBackup", "--reason", "restore test until Friday")

    def hole(self):
        chapter("3. The hole: CVE-2022-27593, an outside value names an internal file")
        private = self.nas.root / lab.VOLUME / "Private"
        private.mkdir()
        (private / "wallet.txt").write_text(SECRET + "\n")
        for i in range(3):
            status, _ = lab.http_post(self.url + f"upload?name=holiday-{i}.png", PHOTO + bytes([i]))
            check(f"a photo is uploaded: holiday-{i}.png", status in (200, 201))
        status, body = self.attack()
        say(paint("31;1", body.decode()))
        check("the door is open: anybody on the network reads a file outside the album", SECRET in body.decode())

    def attack(self):
        self.command(["curl", "--path-as-is", self.url + LEAK])
        return lab.http_get(self.url + LEAK)

    def urgent_fix(self):
        chapter("4. The vendor: the fix, marked urgent; and three ordinary updates beside it")
        before = self.photos()
        new = [self.package("MediaLibrary", "2.0"), self.package("PhotoStation", "6.1.2")]
        new += [self.package(name, versions[1]) for name, versions in NORMAL_APPS.items()]
        self.vendor.add(*new)
        self.vendor("urgent", self.vendor.repo, "PhotoStation=6.1.2", "--class", "emergency", "--advisory", "QSA-22-24",
                    "--reason", "exploited", "--curve", "0m:100%")
        say(self.vendor.publish("--dry-run").stdout)
        say(self.vendor.publish().stdout)
        published = time.monotonic()

        chapter("5. The NAS, by itself: outside its window, no command, no signal")
        status, _ = lab.http_post(self.url + "upload?name=uploaded-meanwhile.png", PHOTO + b"m")
        check("meanwhile somebody uploads one more photo", status in (200, 201))
        before["uploaded-meanwhile.png"] = lab.hashlib.sha256(PHOTO + b"m").hexdigest()
        lab.wait_for("the hole closes", lambda: lab.http_get(self.url + LEAK, 1)[0] in (400, 403, 404), 60)
        seconds = time.monotonic() - published
        status, body = self.attack()
        say(paint("32;1", f"{status} {body.decode(errors='replace').strip()}"))
        check("the same request is refused", status in (400, 403, 404) and SECRET not in body.decode(errors="replace"))
        say(paint("1", f"from publish to closed: {seconds:.1f} s"))
        lab.wait_for("the transaction is recorded", self.is_recorded, 30)
        check("every photo is still there, byte for byte, the one uploaded meanwhile too", self.photos() == before)

    def is_recorded(self):
        newest = self.nas.sql("SELECT trigger, result FROM txn ORDER BY id DESC LIMIT 1")
        return newest == [("emergency", "done")]

    def told(self):
        chapter("6. What it did, and why the rest waits")
        status = self.nas.json("status")
        self.ctl("status")
        self.ctl("list")
        self.ctl("list", "--updates")
        self.ctl("history")
        apps = {app["name"]: app for app in self.nas.json("list")["apps"]}
        check("the NAS says that it is protected", status["protected"] is True)
        check("PhotoStation 6.1.2 and MediaLibrary 2.0 are installed, by an emergency transaction",
              apps["PhotoStation"]["version"] == "6.1.2" and apps["MediaLibrary"]["version"] == "2.0")
        check("QVPN waits for the window, HybridBackup is held",
              apps["QVPN"]["candidate"]["reason"]["code"] == "window" and
              apps["HybridBackup"]["candidate"]["reason"]["code"] == "held")
        beside = (self.nas.app_dir("PhotoStation") / "logs" / "starts.log").read_text().splitlines()
        say("\n".join(beside))
        check("no PhotoStation ever ran beside a stranger's MediaLibrary",
              all(("6.1.1" in line) == ("MediaLibrary 1.4" in line) for line in beside))

    def upgrade(self):
        chapter("7. The admin installs the rest")
        done = self.ctl("upgrade", "--yes", "--no-progress", expect=11)
        check("exit 11: QVPN is done, BrokenStart did not become healthy and went back", done.returncode == 11)
        apps = {app["name"]: app for app in self.nas.json("list")["apps"]}
        check("QVPN 3.1 runs", (apps["QVPN"]["version"], apps["QVPN"]["state"]) == ("3.1", "running"))
        check("BrokenStart 1.0 runs again", (apps["BrokenStart"]["version"], apps["BrokenStart"]["state"]) ==
              ("1.0", "running"))
        check("HybridBackup stays held at 1.0", apps["HybridBackup"]["version"] == "1.0")
        self.ctl("list")
        self.ctl("history")
        self.ctl("check", expect=(0, 100))

    def end(self):
        self.nas.stop()
        self.nas.kill_apps()
        if self.web:
            self.web.stop()


PHOTO = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010806000000" "1f15c489"
                      "0000000d49444154789c6360f8cf50000003010180f7a4e8c30000000049454e44ae426082")


def interrupted(signum, frame):
    raise KeyboardInterrupt


def main():
    signal.signal(signal.SIGTERM, interrupted)
    os.umask(0o022)
    scratch = Path(tempfile.mkdtemp(prefix="appcenter-demo-"))
    started = time.monotonic()
    code = 1
    story = Story(scratch)
    print(f"scratch folder: {scratch} ($D below)")
    if "APPCENTER_UNCONFINED_SCRIPTS" in story.nas.env:
        print("This system does not permit mount namespaces: the sample apps' scripts run unconfined\n"
              "(APPCENTER_UNCONFINED_SCRIPTS=1); they are our own and known to keep to their folder.")
    try:
        story.ceremony()
        story.installation()
        story.hole()
        story.urgent_fix()
        story.told()
        story.upgrade()
        print("\n" + paint("32;1", f"The story holds, in {time.monotonic() - started:.0f} s."))
        code = 0
    except KeyboardInterrupt:
        print("\ninterrupted")
        code = 130
    except (AssertionError, lab.Failed) as error:
        print("\n" + paint("31;1", f"demo failed: {error}"))
        if story.nas.daemon:
            print(story.nas.log()[-6000:])
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        story.end()
        if os.environ.get("KEEP") == "1":
            print(textwrap.dedent(f"""\
                kept: {scratch}
                  start the box again:   {lab.program('appcenterd')} --root {scratch}/nas --foreground &
                  ask it:                {lab.program('appctl')} --root {scratch}/nas status
                  look at its state:     sqlite3 {scratch}/nas/var/lib/appcenter/state.db .tables
                  the vendor's side:     {lab.program('appvendor')} verify {scratch}/repo"""))
        else:
            shutil.rmtree(scratch)
    return code


if __name__ == "__main__":
    sys.exit(main())
