"""Tar archives: read as Go reads them, edited in place, written back byte for byte."""

from occystrap_core.streams.tar.entry import GLOBAL, TarEntry
from occystrap_core.streams.tar.header import END_OF_ARCHIVE
from occystrap_core.streams.tar.make import make_entry
from occystrap_core.streams.tar.reader import TarReader
from occystrap_core.streams.tar.serialise import serialise
from occystrap_core.streams.tar.sparse import expanded, holes

__all__ = ["END_OF_ARCHIVE", "GLOBAL", "TarEntry", "TarReader", "expanded", "holes", "make_entry", "serialise"]
