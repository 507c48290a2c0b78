"""What there is to know is written down: hooks, contracts, schemes, filters, options, variables, limits."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints

import click
import pytest

from occystrap_core import contracts, hookspecs
from occystrap_core.cli.app import app
from occystrap_core.cli.options import global_options
from occystrap_core.contracts import arrival, check, entry, filter, finding, input, output, settings, specs, verifier
from occystrap_core.contracts.options import canonical, describe
from occystrap_core.discovery import policy
from occystrap_core.discovery.catalog import Catalog
from occystrap_core.discovery.index import load_index
from occystrap_core.discovery.manager import SPECS, Plugins
from occystrap_core.discovery.policy import ONLY_BUILT_INS, load_policy
from occystrap_core.engine import budget, documents, layer_records, source_tree, symlinks
from occystrap_core.kit.distribution import connection, failures, paced, retry, session
from occystrap_core.kit.docker_archive import members, outer, scan
from occystrap_core.kit.rootfs import files, tree, users
from occystrap_core.model import errors, strict_json
from occystrap_core.streams.codec import DEFAULT_LIMITS
from occystrap_core.streams.tar import reader, sparse
from occystrap_core.testing import conformance
from tests.docs.pages import ROOT, code_spans, page, table_rows

PLUGINS = Plugins(Catalog(load_index(), ONLY_BUILT_INS), strict=True, warn=pytest.fail)
OPTIONS = [option for option in global_options(at_root=True) if isinstance(option, click.Option)]
MIB, GIB = 1 << 20, 1 << 30


def built_in(kind: str) -> list[Any]:
    offered = {spec.name: spec for spec in map(PLUGINS.spec, PLUGINS.catalog.rows(kind))}
    return [offered[name] for name in sorted(offered)]


# Hooks and contracts


def signature(function: ast.FunctionDef) -> str:
    bare = ast.FunctionDef(function.name, function.args, [ast.Expr(ast.Constant(...))], [], function.returns)
    return squeezed(ast.unparse(ast.fix_missing_locations(ast.copy_location(bare, function))).partition("\n")[0])


def squeezed(text: str) -> str:
    """Without spaces and the commas that only a formatter puts."""
    return re.sub(r",(?=[)\]])", "", re.sub(r"\s", "", text))


def functions_of(thing: object) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(inspect.getsource(thing))):
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node


HOOKS = [found for name, found in vars(hookspecs).items() if name.startswith("occystrap_")]
SUITES = [getattr(conformance, name) for name in conformance.__all__ if name.startswith("check_")]
PROTOCOLS = [
    input.Input,
    arrival.Delivering,
    arrival.KnowsItsPlatform,
    output.Output,
    filter.Filter,
    filter.Transform,
    entry.Entry,
    verifier.Verifier,
]
RULES = [check.Examination, check.LayerExamination, check.View, check.Listing]
DATA = [
    settings.Settings, input.InputTraits, arrival.Arrival, output.OutputTraits, output.OutputContext, output.Slot,
    output.Receipt, filter.FilterContext, filter.DeclaredChanges, filter.StageLayer, filter.FilterReport,
    verifier.Written, verifier.WrittenImage, finding.Finding, finding.Where, check.CheckContext, check.Remark,
    check.FoundDocument, check.ImageUnderCheck, check.LayerUnderCheck, check.LayerFacts, check.Seen,
]  # fmt: skip


@pytest.mark.parametrize("hook", HOOKS, ids=lambda each: each.__name__)
def test_every_hook_is_in_the_guide_to_plugins(hook: object) -> None:
    [function] = functions_of(hook)
    assert f"{signature(function)}..." in squeezed(page("docs/plugins.md").section("How a plugin is found"))


@pytest.mark.parametrize("thing", [*SUITES, *PROTOCOLS, *RULES], ids=lambda each: each.__name__)
def test_every_signature_is_in_the_guide_to_plugins(thing: object) -> None:
    shown = squeezed(page("docs/plugins.md").text)
    functions = list(functions_of(thing))
    assert functions
    for function in functions:
        assert signature(function) in shown, ast.unparse(function).partition("\n")[0]


@pytest.mark.parametrize("thing", DATA, ids=lambda each: each.__name__)
def test_every_field_is_in_the_guide_to_plugins(thing: type) -> None:
    text = page("docs/plugins.md").text
    [block] = re.findall(rf"^class {thing.__name__}:\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    tree = ast.parse(inspect.getsource(thing)).body[0]
    assert isinstance(tree, ast.ClassDef)
    declared = [ast.unparse(ast.AnnAssign(node.target, node.annotation, None, 1))
                for node in tree.body if isinstance(node, ast.AnnAssign)]  # fmt: skip
    assert [line.strip().partition(" = ")[0] for line in block.splitlines() if re.match(r" {4}\w+:", line)] == declared
    for function in functions_of(thing):
        assert signature(function) in squeezed(block)


@pytest.mark.parametrize("spec", [*SPECS.values()], ids=lambda each: each.__name__)
def test_every_field_of_a_spec_is_in_the_guide_to_plugins(spec: type) -> None:
    rows = table_rows(page("docs/plugins.md").section("How a plugin is found"))
    assert set(spec.__dataclass_fields__) <= {name for cells in rows for name in code_spans(cells[0])}


def test_every_part_of_an_option_is_in_the_guide_to_plugins() -> None:
    parameters = inspect.signature(contracts.option).parameters
    shown = page("docs/plugins.md").section("Options")
    assert f"`option({', '.join(name if name == 'default' else f'{name}=…' for name in parameters)})`" in shown


def test_every_kind_of_plugin_has_its_group_in_the_guide() -> None:
    spans = code_spans(page("docs/plugins.md").section("How a plugin is found"))
    assert {f"occystrap.{kind}" for kind in SPECS} <= spans
    assert specs.PLUGIN_API == 1, "the guide speaks of version 1"


# Schemes and filters


def check_options(schema: type, section: str) -> None:
    rows = {cells[0]: " ".join(cells) for cells in table_rows(section)}
    documented = {canonical(name): text for cell, text in rows.items() for name in code_spans(cell)}
    hints = get_type_hints(schema)
    for option in describe(schema):
        for name in (option.name, *option.aliases):
            assert canonical(name) in documented, f"option {name} is not documented"
        row = documented[canonical(option.name)]
        for value in values_of(hints[option.name]):
            assert f"`{value}`" in row, f"option {option.name} may be {value}"
        assert ("required" in row) == option.required, option.name
        if isinstance(option.default, bool | int | str) and option.default and not option.required:
            assert f"`{str(option.default).lower()}`" in row, f"{option.name} is {option.default} by default"
    known = {canonical(name) for option in describe(schema) for name in (option.name, *option.aliases)}
    in_first_cells = {canonical(name) for cells in table_rows(section) for name in code_spans(cells[0])}
    assert in_first_cells <= known, "the table has options that do not exist"


def values_of(hint: Any) -> list[str]:
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    return [str(each.value) for kind in kinds if isinstance(kind, type) and issubclass(kind, Enum) for each in kind]


def option_table(section: str) -> str:
    """Only the first table of a section that has options."""
    found = re.search(r"^\| option \|.*?(?=\n\n|\Z)", section, re.MULTILINE | re.DOTALL)
    return found[0] if found else ""


@pytest.mark.parametrize("spec", built_in("inputs"), ids=lambda each: each.name)
def test_every_source_is_documented(spec: specs.InputSpec) -> None:
    section = page("docs/uris.md").section(spec.name)
    as_source = section.partition("### As a source")[2].partition("### As a destination")[0] or section
    check_options(spec.options, option_table(as_source))
    for alias in (spec.name, *spec.aliases):
        assert f"`{alias}://`" in page("docs/uris.md").text


@pytest.mark.parametrize("spec", built_in("outputs"), ids=lambda each: each.name)
def test_every_destination_is_documented(spec: specs.OutputSpec) -> None:
    as_destination = page("docs/uris.md").section(spec.name).partition("### As a destination")[2]
    check_options(spec.options, option_table(as_destination))


@pytest.mark.parametrize("spec", built_in("filters"), ids=lambda each: each.name)
def test_every_filter_is_documented(spec: specs.FilterSpec) -> None:
    check_options(spec.options, option_table(page("docs/filters.md").section(spec.name)))
    assert f"[`{spec.name}`](#{spec.name})" in page("docs/filters.md").text


def test_every_verifier_is_documented() -> None:
    who_looks = page("docs/verify.md").section("Who looks")
    for spec in built_in("verifiers"):
        assert all(f"`{scheme}://`" in who_looks for scheme in spec.schemes)
        assert spec.schemes or f"`{spec.name}`" in who_looks


def test_every_check_of_a_verifier_is_documented() -> None:
    checks: set[str] = set()
    for path in [*ROOT.glob("occystrap_outputs/*/verifier.py"), *ROOT.glob("occystrap_filters/fidelity/*.py")]:
        checks |= set(re.findall(r'"(verify\.[a-z]+)"', path.read_text()))
    rows = {cells[0].strip("`") for cells in table_rows(page("docs/verify.md").section("Findings"))}
    assert rows - {"check", "verify.NAME"} == checks


def test_every_command_is_documented() -> None:
    pages = page("docs/process.md").text
    for spec in built_in("commands"):
        assert f"occystrap {spec.name} " in pages


# The command line


@pytest.mark.parametrize("option", OPTIONS, ids=lambda each: str(each.name))
def test_every_global_option_is_documented(option: click.Option) -> None:
    [row] = [
        cells
        for cells in table_rows(page("docs/process.md").section("Global options"))
        if option.opts[-1] in code_spans(cells[0])
    ]
    assert code_spans(row[0]) == {*option.opts, *option.secondary_opts}
    assert code_spans(row[1]) == ({option.envvar} if option.envvar else set())
    if isinstance(option.type, click.Choice):
        assert all(f"`{choice}`" in " ".join(row) for choice in option.type.choices)
    if option.show_default and not option.is_flag:
        assert code_spans(row[2]) == {str(option.default)}


def test_every_option_of_process_is_documented() -> None:
    command = PLUGINS.implementation(PLUGINS.command_spec("process"))
    documented = code_spans(page("docs/process.md").section("Options"))
    own = {name for parameter in command.params if isinstance(parameter, click.Option) for name in parameter.opts}
    assert {*own, "-h", "--help", "--version"} <= documented
    assert {name for parameter in app.params for name in parameter.opts} <= documented


def test_every_variable_is_documented() -> None:
    read: set[str] = set()
    for path in ROOT.glob("occystrap_*/**/*.py"):
        if "testing" not in path.parts:
            read |= set(re.findall(r'(?:environ(?:\.get\(|\[)|_variable\()\s*f?"([A-Za-z_]+)"', path.read_text()))
    assert {"OCCYSTRAP_CACHE_DIR", "NO_COLOR"} <= read, "the search still finds variables"
    documented = code_spans(page("docs/configuration.md").prose()) | code_spans(page("docs/process.md").prose())
    assert read - documented - {"HOME"} == set()
    assert policy.VARIABLE in documented


def test_every_exit_code_is_documented() -> None:
    codes = {cells[0] for cells in table_rows(page("docs/process.md").section("Errors and exit codes"))}
    raised = {
        found.exit_code for found in vars(errors).values() if inspect.isclass(found) and hasattr(found, "exit_code")
    }
    assert all(f"`{code}`" in codes for code in raised)


# Configuration


def test_the_configuration_that_is_shown_is_valid(tmp_path: Path) -> None:
    blocks = [fence for name in ("docs/configuration.md", "docs/plugins.md") for fence in page(name).fences()]
    shown = [fence for fence in blocks if fence.language == "toml" and not fence.caption]
    assert len(shown) == 2
    for fence in shown:
        file = tmp_path / "config.toml"
        file.write_text(fence.text)
        assert load_policy([str(file)]).prefer == {"inputs:registry": "acme-registry"}


def test_the_keys_of_the_configuration_are_documented() -> None:
    rows = {cells[0].strip("`") for cells in table_rows(page("docs/configuration.md").section("config.toml"))}
    assert rows - {"key"} == set(policy.Policy._fields)
    assert policy.SYSTEM_FILE in page("docs/configuration.md").text


# Architecture


def test_the_files_that_the_architecture_names_exist() -> None:
    spans = code_spans(page("docs/architecture.md").prose())
    files = [
        span for span in spans if re.fullmatch(r"[\w./]+(\.py|/)|occystrap_\w+(/\w+)*|(engine|kit|streams)/\w+", span)
    ]
    assert len(files) > 10
    for file in files:
        assert (ROOT / file).exists() or (ROOT / "occystrap_core" / file).exists(), file


def test_every_dependency_has_its_reason() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[<>=~! ]", requirement)[0] for requirement in declared}
    explained = {
        name
        for cells in table_rows(page("docs/architecture.md").section("Dependencies"))
        for name in cells[0].split(", ")
    }
    assert explained - {"package"} == names


# Limits

LIMITS = {
    "a manifest, index, config or other JSON document": f"{strict_json.MAX_BYTES // MIB} MiB",
    "nesting of JSON": f"{strict_json.MAX_DEPTH} levels",
    "objects and lists in a JSON document": f"{strict_json.MAX_CONTAINERS}",
    "nesting of indexes": f"{source_tree.MAX_DEPTH} levels",
    "manifests below one index": f"{source_tree.MAX_NODES}",
    "entries of all its indexes together, each time one is looked at": f"{source_tree.MAX_ENTRIES}",
    "layers of an image": f"{documents.MAX_LAYERS}",
    "members of a docker or OCI archive": f"{scan.MAX_MEMBERS}",
    "links from one member of an archive to another": f"{members._MAX_HOPS}",
    "one extended header in a layer": f"{reader.HEADER_DATA_LIMIT // MIB} MiB",
    "all extended headers of one entry": f"{reader.PENDING_LIMIT // MIB} MiB",
    "the map of a sparse file": f"{sparse.MAP_LIMIT // MIB} MiB",
    "a sparse file that is unpacked": f"{files.SPARSE_LIMIT // GIB // 1024} TiB",
    "entries of all layers of an image, for `check`, `ls`, `cat` and `search`": f"{budget.MOST_ENTRIES}",
    "names of all these entries": f"{budget.MOST_NAMES // MIB} MiB",
    "whiteouts of all layers": f"{budget.MOST_WHITEOUTS}",
    "directories that all layers empty": f"{budget.MOST_OPAQUE}",
    "a path in a layer, for the same commands": f"{layer_records.LONGEST_PATH} bytes",
    "symbolic links that one path may lead through": f"{symlinks.MAX_LINKS}",
    "directories that a layer to be unpacked has something in without an entry": f"{tree.MOST_IMPLIED}",
    "paths of these directories": f"{tree.MOST_PATHS // MIB} MiB",
    "an image's `/etc/passwd` or `/etc/group`": f"{users.MAX_FILE // MIB} MiB",
    "an uncompressed layer": f"{DEFAULT_LIMITS.max_bytes // GIB // 1024} TiB",
    "how far a layer may expand, once more than 1 GiB came out": f"{DEFAULT_LIMITS.max_ratio} times",
    "memory that a zstd frame may ask for": f"{DEFAULT_LIMITS.max_window // MIB} MiB",
    "memory that an archive compressed with xz may ask for": f"{outer._XZ_MEMORY // MIB} MiB",
    "a registry's error or token": f"{failures.MAX_ERROR_BODY // 1024} KiB",
    "redirects": f"{session.MAX_REDIRECTS}",
    "time to connect": f"{connection.Timeouts().connect:g} s",
    "time without an answer": f"{connection.Timeouts().idle:g} s",
    "time without an answer, after an upload": f"{connection.Timeouts().after_upload:g} s",
    "speed of an answer, at least": f"{paced.MINIMUM_RATE} bytes a second",
    "wait that a registry may ask for": f"{retry.MAX_WAIT:g} s",
}


def test_the_limits_that_are_written_down_are_those_that_hold() -> None:
    rows = dict(table_rows(page("docs/security.md").section("Limits")))
    del rows["what"]
    assert rows == LIMITS
    assert DEFAULT_LIMITS.ratio_after == GIB
    assert budget.MOST_NESTING == 4 * GIB
