"""runc starts what was unpacked, as the image says."""

from __future__ import annotations

import pytest

from occystrap_core.testing.layers import whiteout
from tests.bundle.bundles import bundle, image, run, small_system

PASSWD = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/srv:/bin/sh\n"
GROUP = "root:x:0:\napp:x:1001:\nlogs:x:44:other,app\nwheel:x:10:app\n"


@pytest.fixture(scope="module")
def system():
    return small_system()


@pytest.fixture
def runs(system, tmp_path):
    """Run a shell script in an image that has a few files more; what it wrote."""

    def start(script, *layers, query="", **settings):
        target = tmp_path / "bundle"
        bundle(image(system, *layers, **{"Cmd": ["sh", "-c", script], **settings}), target, query)
        done = run(target)
        assert done.returncode == 0, done.stderr
        return done.stdout.split("\n")[:-1]

    return start


def test_it_runs_in_the_images_directory_with_its_environment(runs):
    said = runs("pwd; echo $GREETING; hostname", WorkingDir="/srv/app/", Env=["GREETING=hello world"], Hostname="box")
    assert said == ["/srv/app", "hello world", "box"]


def test_entrypoint_and_command_are_one(runs):
    assert runs("", Entrypoint=["/bin/sh", "-c", 'echo "$0" "$1"'], Cmd=["one", "two words"]) == ["one two words"]


def test_the_user_is_the_images_with_his_groups(runs):
    assert runs("id -u; id -g; id -G", [("etc/passwd", PASSWD), ("etc/group", GROUP)], User="app") == [
        "1000",
        "1001",
        "1001 10 44",
    ]


@pytest.mark.parametrize(
    ("user", "groups"), [("app", "10 44 1001"), ("app:logs", "44"), ("4321", "0"), ("4321:4322", "4322")]
)
def test_the_process_cannot_leave_its_own_group(runs, user, groups):
    """A setgid program could, were the group not in this list: what is closed to the group would be open to it."""
    script = "while read name rest; do case $name in Groups:) echo $rest;; esac; done < /proc/self/status"
    assert runs(script, [("etc/passwd", PASSWD), ("etc/group", GROUP)], User=user) == [groups]


def test_layers_stand_one_upon_the_other(runs):
    layers = ([("etc/motd", "one\n"), ("etc/gone", "")], [("etc/motd", "two\n"), whiteout("etc/gone")])
    assert runs("cat /etc/motd; ls /etc", *layers) == ["two", "motd"]


def test_its_file_system_can_be_written_unless_it_is_read_only(runs):
    assert runs("touch /x && echo written") == ["written"]
    assert runs("touch /x 2>/dev/null || echo refused", query="?readonly=true") == ["refused"]


def test_a_volume_begins_with_what_the_image_has_there_and_can_be_written(runs):
    said = runs(
        "cat /data/x; touch /data/y; ls /data", [("data/x", "here\n")], Volumes={"/data": {}}, query="?readonly=1"
    )
    assert said == ["here", "x", "y"]


def test_rootless_it_runs_in_a_user_namespace(runs):
    assert runs("id -u; cat /proc/self/uid_map", query="?rootless=true")[0] == "0"
