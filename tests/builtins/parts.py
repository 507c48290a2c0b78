"""Built-in plugins, opened as the command line opens them."""

from __future__ import annotations

import pytest

from occystrap_core.cli.opening import find_destination, find_filter, find_source
from occystrap_core.contracts.filter import Filter, FilterContext
from occystrap_core.contracts.input import Input
from occystrap_core.contracts.output import Output, OutputContext, Receipt
from occystrap_core.contracts.settings import Settings
from occystrap_core.discovery.catalog import Catalog
from occystrap_core.discovery.index import load_index
from occystrap_core.discovery.manager import Plugins
from occystrap_core.discovery.policy import load_policy
from occystrap_core.model.image import ImageName

SETTINGS = Settings()
NAME = ImageName("sample", "latest")


def plugins() -> Plugins:
    return Plugins(Catalog(load_index(), load_policy(())), strict=True, warn=pytest.fail)


def open_source(uri: str) -> Input:
    return find_source(plugins(), uri).open(SETTINGS)


def open_destination(uri: str) -> Output:
    return find_destination(plugins(), uri).open(OutputContext(SETTINGS, NAME))


def open_filter(text: str) -> Filter:
    return find_filter(plugins(), text)(FilterContext(SETTINGS, NAME)).filter


def reopen(receipt: Receipt) -> Input:
    return open_source(receipt.uri)
