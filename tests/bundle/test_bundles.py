"""What is in a bundle, when it appears, and what it may replace."""

from __future__ import annotations

import json
import os
import threading

import pytest

from occystrap_core.contracts import Slot
from occystrap_core.contracts.verifier import Depth
from occystrap_core.engine.chain import OpenFilter
from occystrap_core.model.errors import InvalidImage, LimitExceeded, TransferError, UsageError
from occystrap_core.testing.build import build_artifact, build_image, layer_tar
from occystrap_core.testing.layers import device, file, hardlink, opaque, symlink, whiteout
from occystrap_core.testing.memory import MemoryInput
from tests import peers
from tests.builtins.parts import open_destination, open_filter
from tests.bundle.bundles import bundle, image, runtime_config
from tests.rootfs.trees import names, snapshot

LAYERS = ([("etc/a", "1"), ("etc/b", "1")], [("etc/a", "2"), whiteout("etc/b")], [("etc/c", "3")])


# Layers


def test_three_files_and_nothing_else(tmp_path):
    built = image(*LAYERS)
    outcome = bundle(built, tmp_path / "out")
    assert sorted(os.listdir(tmp_path / "out")) == ["config.json", "container-config.json", "rootfs"]
    assert (tmp_path / "out/container-config.json").read_bytes() == built.config.raw
    assert names(tmp_path / "out/rootfs") == {"etc/", "etc/a", "etc/c"}
    assert (tmp_path / "out/rootfs/etc/a").read_text() == "2"
    assert outcome.findings == ()
    assert os.listdir(tmp_path) == ["out"]


def test_many_layers_come_from_many_threads_and_end_in_order(tmp_path):
    layers = [
        [("turn", str(number)), (f"{number}/file", "x" * 100_000), opaque(f"{number - 1}")] for number in range(30)
    ]
    bundle(image(*layers), tmp_path / "out")
    assert (tmp_path / "out/rootfs/turn").read_text() == "29"
    assert names(tmp_path / "out/rootfs") == {"turn", "29/file", *(f"{number}/" for number in range(-1, 30))}


def test_a_layer_that_stands_twice_is_unpacked_twice(tmp_path):
    twice = [("a", "first")]
    bundle(image(twice, [("a", "second"), ("b", "")], twice), tmp_path / "out")
    assert (tmp_path / "out/rootfs/a").read_text() == "first"


def test_blobs_that_come_in_the_wrong_order_wait_without_blocking(tmp_path):
    output = open_destination(f"oci://{tmp_path}/out")
    built = image(*LAYERS)
    for order in (2, 0, 1):
        layer = built.layers[order]
        output.put_blob(iter([layer.tar[:1000], layer.tar[1000:]]), Slot(order))
    for document in (built.config, built.manifest):
        output.put_document(document)
    output.commit(built.root)
    assert names(tmp_path / "out/rootfs") == {"etc/", "etc/a", "etc/c"}


def test_a_turn_that_comes_while_a_layer_arrives_is_taken(tmp_path):
    output = open_destination(f"oci://{tmp_path}/out")
    built, first_done = image(*LAYERS), threading.Event()

    def slowly():
        yield built.layers[1].tar[:600]
        first_done.wait(30)
        yield built.layers[1].tar[600:]

    second = threading.Thread(target=lambda: output.put_blob(slowly(), Slot(1)))
    second.start()
    output.put_blob([built.layers[0].tar], Slot(0))
    first_done.set()
    second.join()
    output.put_blob([built.layers[2].tar], Slot(2))
    for document in (built.config, built.manifest):
        output.put_document(document)
    output.commit(built.root).evidence.close()
    assert (tmp_path / "out/rootfs/etc/a").read_text() == "2"


def test_filters_work_before_it(tmp_path):
    about = open_filter("exclude:pattern=etc/a")
    outcome = bundle(image(*LAYERS), tmp_path / "out", filters=(OpenFilter("exclude", about),))
    assert names(tmp_path / "out/rootfs") == {"etc/", "etc/c"}
    assert outcome.findings == ()


def test_no_umask_of_the_user_reaches_the_files(tmp_path):
    before = os.umask(0o077)
    try:
        bundle(image([file("open", mode=0o666)]), tmp_path / "out")
    finally:
        os.umask(before)
    assert (tmp_path / "out/rootfs/open").stat().st_mode & 0o777 == 0o666
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700


# Targets


def test_a_bundle_that_is_there_is_replaced(tmp_path):
    bundle(image([("old", "")]), tmp_path / "out")
    bundle(image([("new", "")]), tmp_path / "out")
    assert names(tmp_path / "out/rootfs") == {"new"}
    assert os.listdir(tmp_path) == ["out"]


def test_an_empty_directory_is_filled(tmp_path):
    (tmp_path / "out").mkdir()
    bundle(image([("new", "")]), tmp_path / "out")
    assert names(tmp_path / "out/rootfs") == {"new"}


def test_any_other_directory_is_refused_unless_it_is_to_be_overwritten(tmp_path):
    (tmp_path / "out/mine").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"out is not empty \(name another directory, or add overwrite=true"):
        bundle(image([]), tmp_path / "out")
    assert os.listdir(tmp_path / "out") == ["mine"]
    bundle(image([("new", "")]), tmp_path / "out", "?overwrite=true")
    assert names(tmp_path / "out/rootfs") == {"new"}


def test_what_became_full_meanwhile_is_not_lost(tmp_path):
    output = open_destination(f"oci://{tmp_path}/out")
    built = image([])
    output.put_blob([built.layers[0].tar], Slot(0))
    for document in (built.config, built.manifest):
        output.put_document(document)
    (tmp_path / "out/mine").mkdir(parents=True)
    with pytest.raises(UsageError, match="not empty"):
        output.commit(built.root)
    output.abort()
    assert names(tmp_path) == {"out/", "out/mine/"}


@pytest.mark.parametrize("name", ["file", "file/out"])
def test_a_file_is_no_directory(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file is not a directory"):
        bundle(image([]), tmp_path / name)


def test_folders_above_are_made_and_gone_again_where_that_fails(tmp_path):
    with pytest.raises(InvalidImage):
        bundle(image([hardlink("a", "b")]), tmp_path / "new/folder/out")
    assert os.listdir(tmp_path) == []
    bundle(image([("a", "")]), tmp_path / "new/folder/out")
    assert names(tmp_path / "new/folder/out/rootfs") == {"a"}


def test_a_mount_in_the_target_stays(tmp_path):
    peers.require("mount")
    peers.require_root("mounting")
    bundle(image([("mnt/", "")]), tmp_path / "out")
    point = tmp_path / "out/rootfs/mnt"
    peers.run_tool("mount", "-t", "tmpfs", "none", str(point))
    try:
        (point / "precious").write_text("")
        with pytest.raises(UsageError, match=r"rootfs/mnt is mounted inside .*\(unmount it first\)"):
            bundle(image([]), tmp_path / "out", "?overwrite=true")
        assert (point / "precious").exists()
    finally:
        peers.run_tool("umount", str(point))


def test_opening_writes_nothing_and_abort_leaves_nothing(tmp_path):
    output = open_destination(f"oci://{tmp_path}/out")
    assert os.listdir(tmp_path) == []
    output.put_blob([layer_tar(("a/b", ""))], Slot(0))
    output.put_blob([layer_tar(("c", ""))], Slot(2))
    output.abort()
    output.abort()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("bad", [[hardlink("a", "b")], [("../x", "")], [symlink("/", "x")]])
def test_a_layer_that_is_refused_leaves_nothing(tmp_path, bad):
    bundle(image([("before", "")]), tmp_path / "out")
    before = snapshot(tmp_path)
    with pytest.raises(InvalidImage):
        bundle(image([("a/b", "")], bad, [("c", "")]), tmp_path / "out")
    assert snapshot(tmp_path) == {**before, ".": snapshot(tmp_path)["."]}


def test_a_broken_stream_leaves_nothing(tmp_path):
    broken = TransferError("the source went away")

    def chunks():
        yield layer_tar(("a", "x" * 5000))[:2000]
        raise broken

    output = open_destination(f"oci://{tmp_path}/out")
    with pytest.raises(TransferError) as raised:
        output.put_blob(chunks(), Slot(0))
    assert raised.value is broken
    output.abort()
    assert os.listdir(tmp_path) == []


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path):
    child = os.fork()
    if not child:
        output = open_destination(f"oci://{tmp_path}/out")
        output.put_blob([layer_tar(("a/b", ""))], Slot(0))
        os._exit(0)
    os.waitpid(child, 0)
    assert len(os.listdir(tmp_path)) == 1
    bundle(image([]), tmp_path / "out")
    assert os.listdir(tmp_path) == ["out"]


def test_one_run_does_not_remove_what_another_is_making(tmp_path):
    one = open_destination(f"oci://{tmp_path}/out")
    one.put_blob([layer_tar(("a", ""))], Slot(0))
    bundle(image([("b", "")]), tmp_path / "out")
    assert len(os.listdir(tmp_path)) == 2
    one.abort()
    assert os.listdir(tmp_path) == ["out"]


def test_artifacts_do_not_fit(tmp_path):
    with pytest.raises(UsageError):
        bundle(MemoryInput(build_artifact({"text/plain": b"x"})), tmp_path / "out")
    assert os.listdir(tmp_path) == []


# The runtime's config


def test_the_config_of_an_image_that_says_nothing(tmp_path):
    bundle(image([]), tmp_path / "out")
    spec = runtime_config(tmp_path / "out")
    process = spec["process"]
    assert spec["ociVersion"] == "1.0.2"
    assert (process["args"], process["cwd"], process["terminal"]) == (["sh"], "/", False)
    assert process["user"] == {"uid": 0, "gid": 0, "additionalGids": [0]}
    assert process["env"] == ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    assert (spec["hostname"], spec["root"]) == ("occystrap", {"path": "rootfs", "readonly": False})
    assert process["noNewPrivileges"] is True


def test_facts_of_the_image_are_annotations_and_its_labels_win(tmp_path):
    labels = {"team": "a", "org.opencontainers.image.author": "the label"}
    built = build_image(
        [layer_tar()],
        config={
            "author": "the config",
            "config": {"StopSignal": "SIGQUIT", "Labels": labels, "ExposedPorts": {"80/tcp": {}, "443/tcp": {}}},
        },
    )
    bundle(built, tmp_path / "out")
    said = runtime_config(tmp_path / "out")["annotations"]
    assert said["org.opencontainers.image.stopSignal"] == "SIGQUIT"
    assert said["org.opencontainers.image.exposedPorts"] == "443/tcp,80/tcp"
    assert said["org.opencontainers.image.author"] == "the label"
    assert (said["team"], said["org.opencontainers.image.architecture"]) == ("a", "amd64")


PASSWD = "root:x:0:0::/:/bin/sh\n\nbroken\nworse:x:a:b:\napp:x:1000:1001::/:/bin/sh\n7:x:1007:1008::/:\n"
GROUP = "root:x:0:root\napp:x:1001:\nlogs:x:44:other,app\n"


@pytest.mark.parametrize(
    ("user", "found"),
    [
        ("", (0, 0, [0])),
        ("root", (0, 0, [0])),
        ("app", (1000, 1001, [1001, 44])),
        ("1000", (1000, 1001, [1001, 44])),
        ("app:logs", (1000, 44, [44])),
        ("app:5", (1000, 5, [5])),
        ("4321", (4321, 0, [0])),
        ("4321:4322", (4321, 4322, [4322])),
        (":logs", (0, 44, [44])),
        ("7", (1007, 1008, [1008])),
    ],
)
def test_users_and_groups_are_looked_up_in_the_image(tmp_path, user, found):
    bundle(image([("etc/passwd", PASSWD), ("etc/group", GROUP)], User=user), tmp_path / "out")
    said = runtime_config(tmp_path / "out")["process"]["user"]
    assert (said["uid"], said["gid"], said.get("additionalGids")) == found


@pytest.mark.parametrize(("user", "found"), [("4321", [0]), ("4321:4322", [4322]), ("", [0])])
def test_without_user_databases_the_primary_group_is_the_only_one(tmp_path, user, found):
    bundle(image([], User=user), tmp_path / "out")
    assert runtime_config(tmp_path / "out")["process"]["user"]["additionalGids"] == found


def test_a_rootless_container_cannot_be_given_groups(tmp_path):
    bundle(image([("etc/passwd", PASSWD), ("etc/group", GROUP)]), tmp_path / "out", "?rootless=true")
    assert runtime_config(tmp_path / "out")["process"]["user"] == {"uid": 0, "gid": 0}


def test_users_are_found_where_the_images_links_lead(tmp_path):
    layers = [symlink("etc", "/nix/etc"), ("nix/etc/", ""), symlink("nix/etc/passwd", "../../store/passwd")]
    bundle(image([*layers, ("store/passwd", PASSWD)], User="app"), tmp_path / "out")
    assert runtime_config(tmp_path / "out")["process"]["user"]["uid"] == 1000


def test_users_of_this_machine_are_nobody_in_the_image(tmp_path):
    with pytest.raises(InvalidImage, match="nobody, a user that its /etc/passwd does not have"):
        bundle(image([symlink("etc/passwd", "../../../../../../etc/passwd")], User="nobody"), tmp_path / "out")
    with pytest.raises(InvalidImage, match="app:nogroup, with a group"):
        bundle(image([("etc/passwd", PASSWD)], User="app:nogroup"), tmp_path / "out")
    assert os.listdir(tmp_path) == []


def test_an_endless_user_database_is_a_limit(tmp_path):
    with pytest.raises(LimitExceeded, match="/etc/passwd is larger"):
        bundle(image([("etc/passwd", "x" * (5 << 20))], User="app"), tmp_path / "out")


def test_a_user_database_that_is_a_device_is_not_opened(tmp_path):
    peers.require_root("making devices")
    with pytest.raises(InvalidImage, match="does not have"):
        bundle(image([device("etc/passwd", 1, 5)], User="app"), tmp_path / "out")


@pytest.mark.parametrize(
    ("volumes", "mounted"),
    [
        ({"/data": {}, "/var/lib/x/": {}}, ["/data", "/var/lib/x"]),
        ({"data/../../../etc": {}}, ["/etc"]),
        ({"/": {}, "/proc": {}, "/proc/self": {}, "/dev/x": {}, "/sys": {}, "//": {}}, []),
        (None, []),
    ],
)
def test_volumes_are_temporary_and_never_of_the_host(tmp_path, volumes, mounted):
    bundle(image([], Volumes=volumes), tmp_path / "out")
    mounts = runtime_config(tmp_path / "out")["mounts"][7:]
    assert [mount["destination"] for mount in mounts] == mounted
    assert all(mount["type"] == "tmpfs" and "tmpcopyup" in mount["options"] for mount in mounts)


@pytest.mark.parametrize(
    "settings",
    [
        {"WorkingDir": "/proc/self/fd/7"},
        {"WorkingDir": "x/../proc/1/cwd"},
        {"WorkingDir": ["/"]},
        {"Env": ["no equals sign"]},
        {"Env": "A=b"},
        {"Cmd": "sh"},
        {"Entrypoint": [1]},
        {"User": 7},
        {"Labels": ["x"]},
        {"Volumes": ["/x"]},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(tmp_path, settings):
    with pytest.raises(InvalidImage):
        bundle(image([], **settings), tmp_path / "out")
    assert os.listdir(tmp_path) == []


def test_attributes_are_read_back_though_those_for_overlay_mounts_were_skipped(tmp_path, monkeypatch, caplog):
    from occystrap_core.kit.rootfs import attributes

    set_xattrs, xattrs = attributes.set_xattrs, {"user.overlay.opaque": b"y", "user.note": b"right"}
    bundle(image([file("f", xattrs=xattrs)]), tmp_path / "out")
    assert "1 extended attributes were skipped: they would speak to overlay mounts" in caplog.text
    monkeypatch.setattr(attributes, "set_xattrs", lambda target, found, report: set_xattrs(target, {}, report))
    outcome = bundle(image([file("f", xattrs=xattrs)]), tmp_path / "out")
    assert [finding.check for finding in outcome.findings] == ["verify.rootfs"]


@pytest.mark.parametrize("name", ["", "a b", "-x", "x" * 65, "a\n"])
def test_a_hostname_that_is_none_is_ours(tmp_path, name):
    bundle(image([], Hostname=name), tmp_path / "out")
    assert runtime_config(tmp_path / "out")["hostname"] == "occystrap"


def test_rootless_bundles_record_owners_and_map_the_user(tmp_path, caplog):
    built = image([file("f", uid=1000, gid=1000), device("null", 1, 3)], User="1000")
    bundle(built, tmp_path / "out", "?rootless=true")
    spec = runtime_config(tmp_path / "out")
    assert spec["process"]["user"] == {"uid": 0, "gid": 0}
    assert spec["linux"]["uidMappings"] == [{"containerID": 0, "hostID": os.geteuid(), "size": 1}]
    assert (tmp_path / "out/rootfs/f").stat().st_uid == os.geteuid()
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "1 owners were recorded, not set" in said
    assert "1 device nodes were skipped" in said


# Verification


def changed(tmp_path, change, *layers):
    """The findings after something happened to a bundle between writing and looking."""

    class Meddler:
        def verify(self, written, depth):
            change(tmp_path / "out")
            return ()

    from occystrap_outputs.oci.verifier import BundleVerifier

    verifiers = (("meddler", Meddler()), ("oci", BundleVerifier()))
    outcome = bundle(image(*(layers or LAYERS)), tmp_path / "out", verifiers=verifiers)
    return [(found.check, found.message.partition("/out/")[2] or found.message) for found in outcome.findings]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda out: (out / "rootfs/etc/a").write_text("x"), "rootfs: /etc/a has another content"),
        (lambda out: (out / "rootfs/etc/a").write_text("longer"), "rootfs: /etc/a is 6 bytes, not 1"),
        (lambda out: (out / "rootfs/etc/a").chmod(0o600), "rootfs: /etc/a has the mode 0600, not 0644"),
        (lambda out: (out / "rootfs/etc/a").unlink(), "rootfs: /etc/a is missing"),
        (lambda out: (out / "rootfs/etc/b").write_text(""), "rootfs: /etc/b is in no layer"),
        (lambda out: os.utime(out / "rootfs/etc/a", (1, 1)), "rootfs: /etc/a has another time"),
        (lambda out: os.setxattr(out / "rootfs/etc/a", "user.x", b""), "rootfs: /etc/a has other extended attributes"),
        (lambda out: os.link(out / "rootfs/etc/a", out / "x"), "rootfs: /etc/a is not linked as the layers say"),
    ],
)
def test_whatever_is_changed_in_the_tree_is_found(tmp_path, change, said):
    assert said in [message for _, message in changed(tmp_path, change)]


def test_whatever_is_changed_beside_the_tree_is_found(tmp_path):
    def change(out):
        (out / "container-config.json").write_text("{}")
        (out / "config.json").write_text("[")
        (out / "blobs").mkdir()

    found = [check for check, _ in changed(tmp_path, change)]
    assert found == ["verify.bundle"] * 3


def test_a_quick_look_does_not_read_the_tree(tmp_path):
    outcome = bundle(image(*LAYERS), tmp_path / "out", depth=Depth.QUICK)
    assert outcome.findings == ()


# The command


def test_the_command_says_what_it_could_not_do(tmp_path, run_cli):
    done = run_cli("process", "sample://", f"oci://{tmp_path}/out?rootless=true", "--verify-full")
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("verified OK\n")
    done = run_cli("process", "sample://", f"oci://{tmp_path}/out", "-O", "json")
    assert json.loads(done.stdout)["details"]["path"] == str(tmp_path / "out")
