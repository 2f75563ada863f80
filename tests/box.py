"""A NAS for attacks on the transaction: copied from a prepared one in no time, with a gate, a judge and a busy user."""
import itertools
import shutil
import subprocess
import threading
from pathlib import Path

import stock
import gate as gates
import judge as judges
import nas as lab

PHOTO = b"\x89PNG\r\n\x1a\n" + b"photo"
NUMBERS = itertools.count(1)
GROUP = ("MediaLibrary", "PhotoStation")
OLD = {app: stock.OLD[app] for app in GROUP}
NEW = {app: stock.NEW[app] for app in GROUP}


class User:
    """Uploads photos without a pause, as long as there is somebody who takes them; remembers what was acknowledged."""

    def __init__(self, url, prefix="busy"):
        self.url, self.prefix, self.taken = url, prefix, {}
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._upload, daemon=True)
        self.thread.start()

    def _upload(self):
        number = 0
        while not self.over.is_set():
            number += 1
            name, body = f"{self.prefix}{number}.png", PHOTO + str(number).encode()
            status, _ = lab.http_post(f"{self.url}upload?name={name}", body)
            if status in (200, 201):
                self.taken[name] = body
            self.over.wait(0.02)

    def stop(self):
        self.over.set()
        self.thread.join(30)
        assert not self.thread.is_alive()
        return self.taken


class Stock:
    """Prepared NAS folders, made once: bare (repository read), old (installed, used), new (upgraded)."""

    def __init__(self, base, session):
        self.base, self.session = Path(base), session
        self.url = f"http://127.0.0.1:{session.ports['PhotoStation']}/"
        self.packages = [judges.Package(session.base / "src" / f"{app}_{version}.qpkg")
                         for world in (OLD, NEW) for app, version in world.items()]
        self.vendor = lab.Vendor(self.base / "vendor")
        shutil.copytree(session.vendor.repo, self.vendor.repo)
        self.vendor.keys = session.vendor.keys
        self.web = lab.Web(self.base / "web", self.vendor.public).start()
        self.user = {}
        self._prepare()

    def _prepare(self):
        nas = lab.Nas(self.base / "stock/nas")
        nas.configure(lab.config(updates__other="notify", network__poll="1h", safety__health_settle="0s"))
        try:
            nas.start()
            stock.add_repository(nas, self.vendor, self.web)
            nas.ctl("install", "PhotoStation=" + OLD["PhotoStation"], "--yes")
            self._use(nas)
            self.vendor.add(*(self.session.packages[item] for item in NEW.items()))
            self.vendor.publish()
            nas.ctl("refresh")
            self._keep(nas, "old")
            nas.start()
            nas.ctl("upgrade", "--yes")
            self._keep(nas, "new")
            fresh = lab.Nas(self.base / "bare/nas")
            fresh.configure((nas.root / "etc/appcenter/appcenter.conf").read_text())
            fresh.start()
            stock.add_repository(fresh, self.vendor, self.web)
            fresh.stop()
        finally:
            nas.stop()
            nas.kill_apps()

    def _use(self, nas):
        """What a user leaves behind: photos, an edited setting, a folder of his own, a file that 2.0 will ship, too."""
        assert lab.http_post(f"{self.url}upload?name=first.png", PHOTO)[0] in (200, 201)
        config = nas.app_dir("PhotoStation") / "etc/photostation.conf"
        self.user = {("PhotoStation", "album/first.png"): PHOTO,
                     ("PhotoStation", "etc/photostation.conf"): config.read_bytes() + b"# mine\n",
                     ("PhotoStation", "notes/of/mine.txt"): b"remember the milk",
                     ("MediaLibrary", "lib/media.api"): b"my own idea of an api",
                     ("MediaLibrary", "lib/cache.bin"): b"\0\1\2"}
        for (app, name), content in self.user.items():
            path = nas.app_dir(app) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def _keep(self, nas, name):
        nas.stop()
        nas.kill_apps()
        (self.base / name).mkdir()
        lab.run(["cp", "-a", nas.root, self.base / name])

    def box(self, template, worlds):
        """A fresh one."""
        return Box(self, template, worlds, self.base / f"box{next(NUMBERS)}")

    def close(self):
        self.web.stop()


class Box:
    """One NAS out of the stock, with all that an attack needs; a context, at whose end nothing is left."""

    def __init__(self, stock, template, worlds, folder):
        self.stock, self.folder = stock, Path(folder)
        self.folder.mkdir(parents=True)
        lab.run(["cp", "-a", stock.base / template / "nas", self.folder])
        self.nas = lab.Nas(self.folder / "nas")
        self.judge = judges.Judge(self.nas, stock.packages, worlds, stock.url)
        if template != "bare":
            for (app, name), content in stock.user.items():
                self.judge.owns(app, name, content)
        self.gate = gates.Gate(self.nas)
        self.user = self.client = None

    def __enter__(self):
        self.nas.start()
        self.user = User(self.stock.url)
        return self

    def __exit__(self, *_):
        self.user.stop()
        self.gate.release()
        if self.client:
            lab.end(self.client)
        self.nas.stop()
        lab.wait_for("the end of a job that lost its daemon", lambda: not self.judge.jobs(), 60)
        self.nas.kill_apps()
        self.gate.close()
        shutil.rmtree(self.folder)

    def ask(self, *words):
        """An admin's command that goes on beside us."""
        consent = () if words[0] in ("hold", "unhold") else ("--yes",)
        self.client = subprocess.Popen([lab.program("appctl"), "--root", str(self.nas.root), *words, *consent],
                                       env=self.nas.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, text=True)
        return self.client

    def answer(self, seconds=60):
        """Exit code and words of the command."""
        words, _ = self.client.communicate(timeout=seconds)
        return self.client.returncode, words

    def kill_daemon(self):
        self.nas.daemon.kill()
        self.nas.daemon.wait()

    def verdict(self):
        """The judge's, when all has come to rest; the user's uploads of the meantime are counted."""
        self.judge.settle()
        for name, body in self.user.stop().items():
            self.judge.owns("PhotoStation", f"album/{name}", body)
        assert not self.gate.errors, self.gate.errors
        return self.judge.verdict()
