"""appctl config set: one value changes, every other byte of the file stays, and what makes no sense is refused."""
import json

import nas as lab
import pytest

TEXT = """# my box
[updates]
# security fixes by themselves
security = auto
other=notify

[window]
timer = 02:00-05:00
"""


@pytest.fixture
def box(make_nas):
    made = make_nas()
    made.configure(TEXT)
    return made.start()


def conf(box):
    return (box.root / "etc/appcenter/appcenter.conf").read_text()


def value(box, section, key):
    settings = json.loads(box.ctl("config", "show", "--json").stdout)["settings"]
    one, = (s for s in settings if (s["section"], s["key"]) == (section, key))
    return one["value"]


def test_a_value_changes_in_its_place_and_counts_at_once(box):
    before = conf(box)
    box.ctl("config", "set", "updates.other", "auto")
    assert conf(box) == before.replace("other=notify", "other = auto")
    assert value(box, "updates", "other") == "auto"
    box.ctl("config", "set", "timer", "03:00-04:00")
    assert value(box, "window", "timer") == "03:00-04:00" and "# security fixes" in conf(box)


def test_a_new_value_goes_to_its_section_and_a_new_section_to_the_end(box):
    box.ctl("config", "set", "min_age", "48h")
    box.ctl("config", "set", "network.poll", "2h")
    lines = conf(box).splitlines()
    assert lines.index("min_age = 48h") == lines.index("other=notify") + 1
    assert lines[-2:] == ["[network]", "poll = 2h"]


@pytest.mark.parametrize("words, code, sentence", [
    (("updates.security", "sometimes"), 14, "security"), (("updates.nothing", "1"), 2, "no setting"), (("nothing", "1"), 2, "no setting"),
    (("updates.security", "auto\nother = off"), 2, "one line"), (("window.timer", "25:00-26:00"), 14, "timer"),
    (("window.timezone", "Nowhere/City"), 14, "timezone"), (("updates.security",), 2, "wanted")])
def test_what_makes_no_sense_changes_nothing(box, words, code, sentence):
    before = conf(box)
    assert sentence in box.ctl("config", "set", *words, expect=code).stderr
    assert conf(box) == before


def test_a_drop_in_that_sets_it_later_is_named(box):
    folder = box.root / "etc/appcenter/appcenter.conf.d"
    folder.mkdir()
    (folder / "site.conf").write_text("[updates]\nother = off\n")
    before = conf(box)
    assert "appcenter.conf.d/site.conf:2" in box.ctl("config", "set", "updates.other", "auto", expect=9).stderr
    assert conf(box) == before


def test_who_may_read_the_file_stays(box):
    file = box.root / "etc/appcenter/appcenter.conf"
    file.chmod(0o600)
    box.ctl("config", "set", "updates.other", "auto")
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_box_without_a_file_gets_one(box):
    (box.root / "etc/appcenter/appcenter.conf").unlink()
    box.ctl("config", "set", "updates.other", "auto")
    assert conf(box) == "[updates]\nother = auto\n"


def test_a_textfile_for_a_node_exporter_is_kept_up_to_date(box):
    (box.root / "metrics").mkdir()
    box.ctl("config", "set", "metrics.textfile", "/metrics/appcenter.prom")
    file = box.root / "metrics/appcenter.prom"
    lab.wait_for("the metrics", file.exists, 20)
    text = file.read_text()
    assert "appcenter_protected 1\n" in text and "appcenter_apps_installed 0\n" in text and file.stat().st_mode & 0o444 == 0o444
    file.unlink()
    box.ctl("config", "set", "updates.other", "off")  # whatever changes
    lab.wait_for("the metrics again", file.exists, 20)
    assert [path.name for path in file.parent.iterdir()] == ["appcenter.prom"]
