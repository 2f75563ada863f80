"""What cannot be is explained: the root cause first, step by step, and choices of which each really does it when it is typed."""
import shlex

import nas as lab
import pytest
from stock import NEW, OLD, add_repository


def package(vendor, base, name, version, requires="", conflicts=""):
    source = base / f"src-{name}-{version}"
    (source / "shared").mkdir(parents=True)
    keys = {"QPKG_NAME": name, "QPKG_VER": version, "QPKG_AUTHOR": "tests", "QPKG_REQUIRE": requires, "QPKG_CONFLICT": conflicts}
    (source / "qpkg.cfg").write_text("".join(f'{key}="{value}"\n' for key, value in keys.items() if value))
    (source / "package_routines").write_text("")
    (source / "shared/page").write_text(version)
    return vendor.pack(source, base / f"{name}_{version}.qpkg")


@pytest.fixture
def shop(make_nas, vendor, web, tmp_path):
    """Viewer 1.0 with the Codec 1.0 that it needs; offered are Viewer 2.0, which needs Codec 2.0, and Editor, which bears no
    Codec 2.0 and in 3.0 wants a newer system."""
    for item in (("Codec", "1.0"), ("Codec", "2.0"), ("Viewer", "1.0", "Codec"), ("Viewer", "2.0", "Codec >= 2.0"),
                 ("Editor", "1.0", "", "Codec >= 2.0"), ("Editor", "3.0", "QNAP_FW >= 9.9")):
        vendor.add(package(vendor, tmp_path, *item))
    vendor.publish()
    box = make_nas(updates__other="notify", network__poll="1h")
    box.start()
    add_repository(box, vendor, web)
    box.ctl("install", "Viewer=1.0", "Codec=1.0", "--yes")
    return box


def wish(box, *words):
    return box.json("why-not", *words)


def type_it(box, solution):
    """Every step of one choice, as an admin would."""
    for step in solution:
        words = shlex.split(step)
        assert words[0] == "appctl", step
        box.ctl(*words[1:], *([] if words[1] == "unhold" else ["--yes"]))


def versions(box):
    return {app["name"]: app["version"] for app in box.json("list")["apps"]}


def test_a_hold_in_the_way_is_named_with_who_gave_it_and_lifting_it_helps(shop):
    shop.ctl("hold", "Codec", "--reason", "tax season")
    refused = shop.ctl("upgrade", "Viewer=2.0", "--yes", expect=9)
    assert refused.stderr.startswith('appctl: Codec is held ("tax season"); Viewer 2.0 needs Codec >= 2.0'), refused.stderr
    assert "to change that: appctl unhold Codec, then appctl upgrade Viewer=2.0" in refused.stderr
    told = wish(shop, "Viewer=2.0")
    assert [(p["rule"], p["message"]) for p in told["problems"]] == [
        ("held", 'Codec is held ("tax season")'), ("needs", "Viewer 2.0 needs Codec >= 2.0")]
    assert told["solutions"] == [["appctl unhold Codec", "appctl install Viewer=2.0"]]
    type_it(shop, told["solutions"][0])
    assert versions(shop) == {"Codec": "2.0", "Viewer": "2.0"}


def test_what_was_skipped_is_not_called_absent(shop):
    shop.ctl("skip", "Codec=2.0")
    refused = shop.json("upgrade", "Viewer=2.0", "--yes", expect=9)
    assert refused["message"].startswith("Codec 2.0 is skipped"), refused
    assert refused["solutions"][0] == ["appctl upgrade Viewer=2.0 Codec=2.0"]
    type_it(shop, refused["solutions"][0])
    assert versions(shop) == {"Codec": "2.0", "Viewer": "2.0"}


def test_an_app_that_others_need_goes_with_them_or_not_at_all(shop):
    refused = shop.ctl("remove", "Codec", "--yes", expect=4)
    assert "Codec is needed by Viewer 1.0" in refused.stderr
    assert "to change that: appctl remove Codec --cascade" in refused.stderr
    plan = shop.ctl("remove", "Codec", "--dry-run", expect=4)
    assert "to change that: appctl remove Codec --cascade" in plan.stderr, "a dry run says it, too"
    shop.ctl("hold", "Viewer")
    held = shop.json("remove", "Codec", "--cascade", "--yes", expect=9)
    assert held["message"].startswith("Viewer is held") and held["solutions"] == [
        ["appctl unhold Viewer", "appctl remove Codec --cascade"]]
    type_it(shop, held["solutions"][0])
    assert versions(shop) == {}


def test_a_conflict_offers_what_has_to_go(shop):
    shop.ctl("upgrade", "--yes")
    told = wish(shop, "Editor=1.0")
    assert told["problems"][0]["rule"] == "conflict" and "Codec 2.0" in told["problems"][0]["message"]
    assert told["solutions"] == [], "Codec is needed by Viewer, so nothing simple helps"
    shop.ctl("remove", "Viewer", "--yes")
    told = wish(shop, "Editor=1.0")
    assert told["solutions"] == [["appctl remove Codec", "appctl install Editor=1.0"]]
    type_it(shop, told["solutions"][0])
    assert versions(shop) == {"Editor": "1.0"}


def test_a_system_that_is_too_old_is_said_and_the_version_for_it_offered(shop):
    told = wish(shop, "Editor=3.0")
    assert told["problems"][0]["rule"] == "os" and "QNAP_FW >= 9.9" in told["problems"][0]["message"]
    assert ["appctl install Editor=1.0"] in told["solutions"]
    assert ["update the operating system (QNAP_FW >= 9.9)", "appctl install Editor=3.0"] in told["solutions"]
    type_it(shop, ["appctl install Editor=1.0"])
    assert versions(shop)["Editor"] == "1.0"


def test_what_waits_for_a_held_dependency_is_explained_from_the_ledger_too(shop):
    shop.ctl("hold", "Codec")
    told = wish(shop, "Viewer")
    assert [p["rule"] for p in told["problems"]] == ["consent-other", "held", "needs"]
    assert told["problems"][1]["message"] == "Codec is held"
    assert told["solutions"] == [["appctl unhold Codec", "appctl install Viewer=2.0"]]
    shop.configure(lab.config(updates__other="auto", updates__window="00:00-24:00", network__poll="1h", updates__min_age="0s"))
    shop.ctl("refresh")
    reason = shop.app("Viewer")["candidate"]["reason"]
    assert reason["code"] == "dependency" and "Codec is held" in reason["message"], reason


def test_a_misspelt_app_gets_the_nearest_name(shop):
    refused = shop.ctl("install", "editr=1.0", "--yes", expect=3)
    assert "no repository offers editr" in refused.stderr
    assert "to change that: appctl install Editor=1.0" in refused.stderr
    assert "to change that: appctl install Editor" in shop.ctl("why-not", "Editr", expect=3).stderr
    told = shop.json("remove", "Vewer", "--yes", expect=3)
    assert told["solutions"] == [["appctl remove Viewer"]]
    assert shop.json("upgrade", "Photos", "--yes", expect=3)["solutions"] == [], "nothing is near that"
    type_it(shop, told["solutions"][0])
    assert versions(shop) == {"Codec": "1.0"}


def test_why_tells_the_chain_to_what_was_asked_for_and_how_the_version_came(nas):
    nas.ctl("install", f"PhotoStation={OLD['PhotoStation']}", "--yes")
    told = nas.json("why", "MediaLibrary")
    assert told["because"][0].startswith(f"MediaLibrary came as a dependency; PhotoStation {OLD['PhotoStation']} needs")
    assert told["because"][1] == "PhotoStation was asked for"
    assert told["because"][2].startswith(f"MediaLibrary {OLD['MediaLibrary']} came by install (transaction 1, admin, ")
    spoken = nas.ctl("why", "MediaLibrary").stdout.splitlines()
    assert spoken[:3] == told["because"] and NEW["MediaLibrary"] not in spoken[-1]
    nas.ctl("remove", "PhotoStation", "--yes")
    assert "nobody needs it any more" in nas.json("why", "MediaLibrary")["because"][0]
