"""The config.json of a bundle, as the OCI runtime specification 1.0.2 wants it."""

from __future__ import annotations

import json
import os
import posixpath
import re
from collections.abc import Mapping
from typing import Any

from occystrap_core.kit.rootfs.users import User
from occystrap_core.model.errors import InvalidImage
from occystrap_core.model.shown import shown

VERSION = "1.0.2"
HOSTNAME = "occystrap"
_DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
_HOSTNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,62}[A-Za-z0-9])?")
_RESERVED = ("/proc", "/dev", "/sys")
_MASKED = [
    "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
    "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
]  # fmt: skip
_READONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
_ANNOTATION = "org.opencontainers.image."


def runtime_config(image: Mapping[str, Any], user: User, *, readonly: bool, rootless: bool) -> bytes:
    """What runc reads, made of an image config. Nothing in it names a path of the host."""
    config = _settings(image)
    spec = {
        "ociVersion": VERSION,
        "process": _process(config, user, rootless),
        "root": {"path": "rootfs", "readonly": readonly},
        "hostname": _hostname(config),
        "mounts": [*_mounts(rootless), *_volumes(config)],
        "annotations": _annotations(image, config),
        "linux": _linux(rootless),
    }
    return json.dumps(spec, indent=4, sort_keys=True).encode() + b"\n"


def user_of(image: Mapping[str, Any]) -> str:
    """The user that the image's processes run as, as the image says it."""
    return _text(_settings(image), "User")


def _settings(image: Mapping[str, Any]) -> Mapping[str, Any]:
    found = image.get("config") or {}
    if not isinstance(found, Mapping):
        raise InvalidImage("the image's settings are not a JSON object")
    return found


def _process(config: Mapping[str, Any], user: User, rootless: bool) -> dict[str, Any]:
    arguments = [*_texts(config, "Entrypoint"), *_texts(config, "Cmd")]
    process_user: dict[str, Any] = {"uid": user.uid, "gid": user.gid}
    if not rootless:  # there runc can set none, and refuses to start
        process_user["additionalGids"] = list(user.additional_gids)
    return {
        "terminal": False,
        "user": process_user,
        "args": arguments or ["sh"],
        "env": _environment(config),
        "cwd": _working_directory(config),
        "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), _CAPABILITIES),
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
        "noNewPrivileges": True,
    }


def _environment(config: Mapping[str, Any]) -> list[str]:
    found = _texts(config, "Env")
    for line in found:
        if "=" not in line or "\0" in line:
            raise InvalidImage(f"{shown(line)} in the image's environment is not NAME=value")
    return found if any(line.startswith("PATH=") for line in found) else [_DEFAULT_PATH, *found]


def _working_directory(config: Mapping[str, Any]) -> str:
    said = _text(config, "WorkingDir")
    path = _absolute(said)
    # A working directory in /proc/self/fd was the way out of runc of CVE-2024-21626.
    if path == "/proc" or path.startswith("/proc/"):
        raise InvalidImage(f"the image's working directory is {shown(said)}", hint="no image needs one in /proc")
    return path


def _hostname(config: Mapping[str, Any]) -> str:
    said = _text(config, "Hostname")
    return said if _HOSTNAME.fullmatch(said) else HOSTNAME


def _volumes(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Temporary file systems that begin with what the image has there; none over the kernel's own."""
    found = config.get("Volumes") or {}
    if not isinstance(found, Mapping):
        raise InvalidImage("the image's volumes are not a JSON object")
    paths = sorted({_absolute(path) for path in found})
    return [
        {"destination": path, "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "tmpcopyup"]}
        for path in paths
        if path != "/" and not any(path == kept or path.startswith(f"{kept}/") for kept in _RESERVED)
    ]


def _absolute(path: str) -> str:
    if "\0" in path:
        raise InvalidImage("a path in the image's config holds a NUL")
    return posixpath.normpath(f"/{path}").replace("//", "/")


def _annotations(image: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, str]:
    """The image's facts under their standard names; its labels win."""
    ports = config.get("ExposedPorts") or {}
    said = {
        "os": image.get("os"),
        "architecture": image.get("architecture"),
        "author": image.get("author"),
        "created": image.get("created"),
        "stopSignal": config.get("StopSignal"),
        "exposedPorts": ",".join(sorted(map(str, ports))) if isinstance(ports, Mapping) else None,
    }
    facts = {_ANNOTATION + key: value for key, value in said.items() if isinstance(value, str) and value}
    labels = config.get("Labels") or {}
    if not isinstance(labels, Mapping):
        raise InvalidImage("the image's labels are not a JSON object")
    return {**facts, **{key: value for key, value in labels.items() if key and isinstance(value, str)}}


def _mounts(rootless: bool) -> list[dict[str, Any]]:
    terminals = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]
    if rootless:
        system = _mount("/sys", "none", "/sys", "rbind", "nosuid", "noexec", "nodev", "ro")
    else:
        terminals.append("gid=5")
        system = _mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro")
    return [
        _mount("/proc", "proc", "proc"),
        _mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        _mount("/dev/pts", "devpts", "devpts", *terminals),
        _mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),  # noqa: S108
        _mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
        system,
        _mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro"),
    ]


def _mount(destination: str, kind: str, source: str, *options: str) -> dict[str, Any]:
    mount: dict[str, Any] = {"destination": destination, "type": kind, "source": source}
    if options:
        mount["options"] = list(options)
    return mount


def _linux(rootless: bool) -> dict[str, Any]:
    kinds = ["pid", "ipc", "uts", "mount", "cgroup", "user" if rootless else "network"]
    linux: dict[str, Any] = {
        "namespaces": [{"type": kind} for kind in kinds],
        "maskedPaths": _MASKED,
        "readonlyPaths": _READONLY,
    }
    if rootless:
        linux["uidMappings"] = [{"containerID": 0, "hostID": os.geteuid(), "size": 1}]
        linux["gidMappings"] = [{"containerID": 0, "hostID": os.getegid(), "size": 1}]
    else:
        linux["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}
    return linux


def _text(config: Mapping[str, Any], key: str) -> str:
    found = config.get(key) or ""
    if not isinstance(found, str):
        raise InvalidImage(f"{key} in the image's config is not a text")
    return found


def _texts(config: Mapping[str, Any], key: str) -> list[str]:
    found = config.get(key) or []
    if isinstance(found, list) and all(isinstance(each, str) for each in found):
        return found
    raise InvalidImage(f"{key} in the image's config is not a list of texts")
