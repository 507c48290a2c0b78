"""Plugins by name: picked, asked, checked and blamed."""

from __future__ import annotations

import sys

import pytest
from stevedore.extension import ExtensionManager

from occystrap_core.contracts import FilterSpec, VerifierSpec
from occystrap_core.discovery.summaries import summaries
from occystrap_core.model.errors import PluginError
from tests.discovery.conftest import Site

REVERSE = """
    from occystrap_core.contracts import FilterSpec, hookimpl

    @hookimpl
    def occystrap_filters():
        yield FilterSpec("reverse", "entries backwards", "acme_work:Reverse", aliases=("backwards",))
"""
VERIFIER = """
    from occystrap_core.contracts import VerifierSpec, hookimpl

    @hookimpl
    def occystrap_verifiers():
        yield VerifierSpec("{name}", "", "x:y", schemes={schemes})
"""


def test_a_plugin_is_found_by_name_and_imported_only_then(site: Site) -> None:
    site.install("acme", offers={"filters": {"reverse": "acme_plugin"}}, acme_plugin=REVERSE)
    plugins = site.plugins()
    assert "acme_plugin" not in sys.modules
    spec = plugins.filter_spec("Reverse")
    assert spec == FilterSpec("reverse", "entries backwards", "acme_work:Reverse", aliases=("backwards",))
    assert plugins.filter_spec("reverse") is spec


def test_an_alias_is_an_entry_point_that_gives_the_same_spec(site: Site) -> None:
    offers = {"filters": {"reverse": "acme_plugin", "backwards": "acme_plugin"}}
    site.install("acme", offers=offers, acme_plugin=REVERSE)
    assert site.plugins().filter_spec("backwards").name == "reverse"
    assert summaries(site.catalog(), "filters")["backwards"] == "the same as reverse"


def test_the_implementation_is_imported_at_first_use(site: Site) -> None:
    site.install(
        "acme", offers={"filters": {"reverse": "acme_plugin"}}, acme_plugin=REVERSE, acme_work="class Reverse: ..."
    )
    plugins = site.plugins()
    spec = plugins.filter_spec("reverse")
    assert "acme_work" not in sys.modules
    assert plugins.implementation(spec).__name__ == "Reverse"


def test_stevedore_never_looks_for_entry_points_itself(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.install("acme", offers={"filters": {"reverse": "acme_plugin"}}, acme_plugin=REVERSE)
    monkeypatch.setattr(ExtensionManager, "list_entry_points", lambda self: pytest.fail("it scanned"))
    assert site.plugins().filter_spec("reverse").name == "reverse"


@pytest.mark.parametrize(
    ("module", "cause"),
    [
        ("import no_such_thing", "ModuleNotFoundError: No module named 'no_such_thing'"),
        ("def broken(:", "SyntaxError: invalid syntax (acme_plugin.py, line 1)"),
        ("raise RuntimeError", "RuntimeError"),
        ("assert False, 'two\\nlines'", "AssertionError: two lines"),
    ],
)
def test_a_plugin_that_fails_to_import_is_named_with_its_version_and_the_cause(
    module: str, cause: str, site: Site
) -> None:
    site.install("acme", "1.2", offers={"filters": {"reverse": "acme_plugin"}}, acme_plugin=module)
    plugins = site.plugins()
    with pytest.raises(PluginError) as caught:
        plugins.filter_spec("reverse")
    assert str(caught.value) == f"filter 'reverse' of acme 1.2 cannot be loaded: {cause} (repair or remove acme)"
    assert plugins.filter_spec("exclude").name == "exclude", "what does not need it goes on"


def test_a_module_that_is_not_there_is_named_too(site: Site) -> None:
    site.install("acme", offers={"filters": {"reverse": "acme_gone"}})
    with pytest.raises(PluginError, match=r"of acme 1\.0 cannot be loaded: .*No module named 'acme_gone'"):
        site.plugins().filter_spec("reverse")


def test_a_misspelt_hook_is_not_silence(site: Site) -> None:
    module = REVERSE.replace("def occystrap_filters", "def occystrap_filter")
    site.install("acme", offers={"filters": {"reverse": "acme_plugin"}}, acme_plugin=module)
    plugins = site.plugins()
    for _ in range(2):
        with pytest.raises(PluginError, match="unknown hook 'occystrap_filter' in plugin"):
            plugins.filter_spec("reverse")
    assert plugins.filter_spec("exclude").name == "exclude", "nobody else suffers from it"


def test_a_hook_with_arguments_that_the_contract_lacks_is_refused(site: Site) -> None:
    module = REVERSE.replace("occystrap_filters()", "occystrap_filters(image)")
    site.install("acme", offers={"filters": {"reverse": "acme_plugin"}}, acme_plugin=module)
    with pytest.raises(PluginError, match=r"filter 'reverse' of acme 1\.0 cannot be loaded: .*image"):
        site.plugins().filter_spec("reverse")


def test_a_hook_that_raises_is_blamed_on_its_plugin(site: Site) -> None:
    module = REVERSE.replace("yield", "raise ValueError('oh no')\n        yield")
    site.install("acme", offers={"filters": {"reverse": "acme_plugin"}}, acme_plugin=module)
    with pytest.raises(PluginError, match=r"of acme 1\.0 cannot be loaded: ValueError: oh no"):
        site.plugins().filter_spec("reverse")


def test_a_plugin_for_a_newer_contract_is_refused_clearly(site: Site) -> None:
    site.install(
        "acme",
        "3.0",
        offers={"filters": {"reverse": "acme_plugin"}},
        acme_plugin=REVERSE.replace("aliases", "api=9, aliases"),
    )
    with pytest.raises(PluginError) as caught:
        site.plugins().filter_spec("reverse")
    assert str(caught.value) == (
        "filter 'reverse' of acme 3.0 is made for plugin API 9; this occystrap has 1 "
        "(update occystrap or install an older acme)"
    )


def test_an_entry_point_must_keep_what_it_promises(site: Site) -> None:
    site.install("acme", offers={"filters": {"rotate": "acme_plugin"}}, acme_plugin=REVERSE)
    with pytest.raises(PluginError) as caught:
        site.plugins().filter_spec("rotate")
    assert str(caught.value) == (
        "filter 'rotate' of acme 1.0 is registered, but its module acme_plugin offers 'reverse'"
    )


def test_a_hook_must_yield_what_its_kind_says(site: Site) -> None:
    module = REVERSE.replace("def occystrap_filters", "def occystrap_inputs")
    site.install("acme", offers={"inputs": {"reverse": "acme_plugin"}}, acme_plugin=module)
    with pytest.raises(PluginError, match="offers a FilterSpec where a InputSpec belongs"):
        site.plugins().input_spec("reverse")


@pytest.mark.parametrize("target", ["acme_gone:Reverse", "acme_work:Gone", "acme_work:", "acme_broken:x"])
def test_an_implementation_that_cannot_be_loaded_is_blamed_too(target: str, site: Site) -> None:
    module = REVERSE.replace("acme_work:Reverse", target)
    offers = {"filters": {"reverse": "acme_plugin"}}
    site.install("acme", offers=offers, acme_plugin=module, acme_work="", acme_broken="import no_such_thing")
    plugins = site.plugins()
    spec = plugins.filter_spec("reverse")
    with pytest.raises(PluginError, match=r"filter 'reverse' of acme 1\.0 cannot be loaded"):
        plugins.implementation(spec)


def _install_verifier(site: Site, name: str, schemes: tuple[str, ...], source: str | None = None) -> None:
    module = f"{name}_plugin"
    source = source or VERIFIER.format(name=name, schemes=schemes)
    site.install(name, offers={"verifiers": {name: module}}, **{module: source})


def names(specs: tuple[VerifierSpec, ...]) -> list[str]:
    return [spec.name for spec in specs]


def test_every_verifier_of_a_scheme_answers_and_those_for_all(site: Site) -> None:
    _install_verifier(site, "everywhere", ())
    _install_verifier(site, "floppies", ("floppy",))
    found = names(site.plugins(strict=True).verifier_specs("floppy"))
    assert found == ["everywhere", "fidelity", "floppies"]
    assert "floppies" not in names(site.plugins().verifier_specs("tar"))


def test_a_broken_verifier_costs_one_warning_and_nobody_else(site: Site) -> None:
    _install_verifier(site, "everywhere", ())
    _install_verifier(site, "hopeless", (), "import no_such_thing")
    assert "everywhere" in names(site.plugins().verifier_specs("floppy"))
    assert site.warnings == [
        "verifier 'hopeless' of hopeless 1.0 cannot be loaded: "
        "ModuleNotFoundError: No module named 'no_such_thing' (repair or remove hopeless)"
    ]


def test_strictly_it_is_fatal(site: Site) -> None:
    _install_verifier(site, "hopeless", (), "import no_such_thing")
    with pytest.raises(PluginError, match="hopeless"):
        site.plugins(strict=True).verifier_specs("floppy")


def test_two_verifiers_of_one_name_are_a_conflict_too(site: Site) -> None:
    site.install("one", offers={"verifiers": {"same": "one"}})
    site.install("two", offers={"verifiers": {"same": "two"}})
    with pytest.raises(PluginError, match=r"verifier 'same' is offered by one 1\.0 and two 1\.0"):
        site.plugins().verifier_specs("tar")


def test_summaries_never_fail(site: Site) -> None:
    site.install("acme", offers={"filters": {"reverse": "acme_plugin"}}, acme_plugin=REVERSE)
    site.install("sad", offers={"filters": {"sad": "sad_plugin"}}, sad_plugin="import no_such_thing")
    found = summaries(site.catalog(), "filters")
    assert found["reverse"] == "entries backwards"
    assert found["sad"] == "(broken: No module named 'no_such_thing')"


def test_every_built_in_keeps_its_promise(site: Site) -> None:
    plugins = site.plugins(strict=True)
    for row in plugins.catalog.index.rows:
        if row.distribution == "occystrap":
            spec = plugins.spec(row)
            assert spec.summary
            assert callable(plugins.implementation(spec)), row
