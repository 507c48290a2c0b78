"""Who may run: configuration files, the environment, and what follows for each name."""

from __future__ import annotations

from pathlib import Path

import pytest

from occystrap_core.discovery.catalog import ACTIVE, BLOCKED, CONFLICT
from occystrap_core.discovery.policy import ONLY_BUILT_INS, Policy, config_files, load_policy
from occystrap_core.model.errors import PluginError, UnknownName, UsageError
from tests.discovery.conftest import Site


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCCYSTRAP_PLUGINS", raising=False)


@pytest.fixture
def two(site: Site) -> Site:
    """Two distributions that offer the same filter."""
    site.install("acme-reverse", "1.0", offers={"filters": {"reverse": "acme_reverse"}})
    site.install("other-reverse", "2.5", offers={"filters": {"reverse": "other_reverse"}})
    return site


def config(tmp_path: Path, text: str, name: str = "config.toml") -> str:
    file = tmp_path / name
    file.write_text(text)
    return str(file)


def states(site: Site, policy: Policy) -> dict[str, str]:
    return {offer.row.distribution: offer.state for offer in site.catalog(policy).offers if offer.row.name == "reverse"}


def test_two_offers_of_one_name_are_an_error_that_names_both(two: Site) -> None:
    assert states(two, Policy()) == {"acme-reverse": CONFLICT, "other-reverse": CONFLICT}
    with pytest.raises(PluginError) as caught:
        two.catalog().row("filters", "reverse")
    assert str(caught.value) == (
        "filter 'reverse' is offered by acme-reverse 1.0 and other-reverse 2.5 (say which one: "
        'prefer = { "filters:reverse" = "acme-reverse" } under [plugins] in ~/.config/occystrap/config.toml)'
    )


def test_until_one_is_preferred(two: Site, tmp_path: Path) -> None:
    text = '[plugins]\nprefer = { "filters:Reverse" = "Other_Reverse" }\n'
    policy = load_policy([config(tmp_path, text)])
    assert states(two, policy) == {"acme-reverse": BLOCKED, "other-reverse": ACTIVE}
    assert two.catalog(policy).row("filters", "REVERSE").version == "2.5"


def test_or_one_is_blocked(two: Site, tmp_path: Path) -> None:
    policy = load_policy([config(tmp_path, '[plugins]\nblock = ["acme.reverse"]\n')])
    assert states(two, policy) == {"acme-reverse": BLOCKED, "other-reverse": ACTIVE}


def test_a_preference_for_somebody_who_does_not_offer_it_settles_nothing(two: Site) -> None:
    assert set(states(two, Policy(prefer={"filters:reverse": "third"})).values()) == {CONFLICT}


def test_nobody_shadows_a_built_in_silently(site: Site) -> None:
    site.install("evil", "6.6", offers={"filters": {"exclude": "evil"}})
    with pytest.raises(PluginError, match=r"offered by evil 6\.6 and occystrap "):
        site.catalog().row("filters", "exclude")


def test_blocked_is_not_unknown(two: Site) -> None:
    with pytest.raises(PluginError) as caught:
        two.catalog(ONLY_BUILT_INS).row("filters", "reverse")
    assert str(caught.value) == (
        "filter 'reverse' of acme-reverse 1.0 may not be used: acme-reverse is not among the allowed plugins"
    )


def test_the_variable_leaves_the_built_ins_and_those_it_names(two: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCCYSTRAP_PLUGINS", "other_reverse")
    assert states(two, load_policy([])) == {"acme-reverse": BLOCKED, "other-reverse": ACTIVE}
    monkeypatch.setenv("OCCYSTRAP_PLUGINS", "")
    catalog = two.catalog(load_policy([]))
    assert states(two, load_policy([])) == {"acme-reverse": BLOCKED, "other-reverse": BLOCKED}
    assert catalog.row("filters", "exclude").distribution == "occystrap"


def test_what_the_system_says_a_user_cannot_undo(two: Site, tmp_path: Path) -> None:
    system = config(
        tmp_path,
        '[plugins]\nallow = ["acme-reverse"]\nblock = ["third"]\nprefer = { "inputs:x" = "theirs" }',
        "system.toml",
    )
    user = config(tmp_path, '[plugins]\nallow = ["other-reverse", "acme-reverse"]\nprefer = { "inputs:x" = "mine" }')
    policy = load_policy([system, user])
    assert policy == Policy(frozenset({"third"}), frozenset({"acme-reverse"}), {"inputs:x": "theirs"})
    assert states(two, policy) == {"acme-reverse": ACTIVE, "other-reverse": BLOCKED}


def test_files_are_the_system_s_and_the_user_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/me/.conf")
    assert config_files() == ("/etc/occystrap/config.toml", "/home/me/.conf/occystrap/config.toml")


def test_no_file_and_no_table_mean_no_rules(tmp_path: Path) -> None:
    assert load_policy([str(tmp_path / "missing.toml"), config(tmp_path, "[registry]\nx = 1\n")]) == Policy()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[plugins", "is not valid TOML"),
        ("plugins = 1", "must be a table"),
        ("[plugins]\nblok = []", "has no key 'blok'"),
        ("[plugins]\nblock = 'acme'", "block must be a list of distributions"),
        ("[plugins]\nallow = [1]", "allow must be a list of distributions"),
        ("[plugins]\nprefer = ['x']", "prefer must be a table"),
        ("[plugins]\nprefer = { registry = 'acme' }", "'registry' must be kind:name"),
    ],
)
def test_a_wrong_file_is_a_usage_error_that_names_it(text: str, message: str, tmp_path: Path) -> None:
    file = config(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        load_policy([file])
    assert file in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "name", "advice"),
    [
        ("filters", "exlude", "did you mean 'exclude'? the filters are "),
        ("outputs", "sample", "it can be read from, not written to; the destination schemes are "),
        ("commands", "zzz", "the commands are "),
        ("checks", "diff-di", "did you mean 'diff-id'? the checks are "),
    ],
)
def test_an_unknown_name_comes_with_advice(kind: str, name: str, advice: str, site: Site) -> None:
    with pytest.raises(UnknownName) as caught:
        site.catalog(ONLY_BUILT_INS).row(kind, name)
    assert advice in caught.value.hint


def test_a_checkout_that_is_not_installed_says_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [str(site.folder)])
    with pytest.raises(UsageError, match="occystrap is not installed in this Python"):
        site.catalog().row("commands", "process")
