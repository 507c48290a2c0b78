"""What unpacking has to tell."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Report:
    """Counts over what was unpacked so far, of one layer or of all.

    `devices_skipped`: device nodes that could not be made. `whiteout_devices_skipped`: 0:0
    character devices in a layer, which overlay mounts would take for whiteouts. `owners_unset`:
    entries whose owner was recorded in `user.rootlesscontainers`, or could not even be recorded.
    `xattrs_skipped`: attributes that the file system or a lack of rights refused.
    `overlay_xattrs_skipped`: those that would mean something to an overlay mount.
    `unknown_skipped`: entries of a kind that no file system has. `hard_links`: how many were made.
    `setuid`: files that run as their owner or group, `capabilities`: those with capabilities.
    `implied`: the directories that the layer has something in without an entry of their own, made
    as the layer's. Only for overlays: `hiding` are the paths of whiteouts, `replaced` the
    directories that a whiteout is for and that the layer has again
    without an entry, and `borrowed` the names of files that hard links lead to in lower layers, the
    one that they lead to first, by the inode of what keeps their place; `needed` are those of which
    nothing is left in the layer.
    """

    entries: int = 0
    bytes_written: int = 0
    whiteouts: int = 0
    devices_skipped: int = 0
    whiteout_devices_skipped: int = 0
    owners_unset: int = 0
    xattrs_skipped: int = 0
    overlay_xattrs_skipped: int = 0
    unknown_skipped: int = 0
    hard_links: int = 0
    setuid: int = 0
    capabilities: int = 0
    implied: list[bytes] = field(default_factory=list)
    hiding: list[bytes] = field(default_factory=list)
    replaced: list[bytes] = field(default_factory=list)
    borrowed: dict[int, list[bytes]] = field(default_factory=dict)
    needed: list[bytes] = field(default_factory=list)

    def add(self, other: Report) -> None:
        """Count in another layer; the paths stay with each layer."""
        self.entries += other.entries
        self.bytes_written += other.bytes_written
        self.whiteouts += other.whiteouts
        self.devices_skipped += other.devices_skipped
        self.whiteout_devices_skipped += other.whiteout_devices_skipped
        self.owners_unset += other.owners_unset
        self.xattrs_skipped += other.xattrs_skipped
        self.overlay_xattrs_skipped += other.overlay_xattrs_skipped
        self.unknown_skipped += other.unknown_skipped
        self.hard_links += other.hard_links
        self.setuid += other.setuid
        self.capabilities += other.capabilities

    def warnings(self) -> tuple[str, ...]:
        """What a user should know, each said once."""
        said = (
            (self.owners_unset, "owners were recorded, not set: that needs root"),
            (self.devices_skipped, "device nodes were skipped: making them needs root"),
            (self.whiteout_devices_skipped, "0:0 character devices were skipped: overlays take them for whiteouts"),
            (self.xattrs_skipped, "extended attributes were skipped: not permitted or not supported here"),
            (self.overlay_xattrs_skipped, "extended attributes were skipped: they would speak to overlay mounts"),
            (self.unknown_skipped, "entries of unknown kinds were skipped"),
            (self.setuid, "files are setuid or setgid, as in the image: who can reach them here can run them"),
            (self.capabilities, "files have capabilities, as in the image: who can reach them here can run them"),
        )
        return tuple(f"{count} {what}" for count, what in said if count)


LayerReport = Report
