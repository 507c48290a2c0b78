"""What every plugin module must be, whatever its kind."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from types import ModuleType

from occystrap_core.contracts.options import canonical, describe
from occystrap_core.contracts.specs import PLUGIN_API, InputSpec, NoOptions, OutputSpec, Spec
from occystrap_core.testing.contract import require

HOOKS = (
    "occystrap_inputs",
    "occystrap_outputs",
    "occystrap_filters",
    "occystrap_verifiers",
    "occystrap_commands",
    "occystrap_checks",
)
HEAVY = ("click", "httpx", "isal", "prettytable", "ssl", "stevedore", "tarfile", "tqdm", "zlib_ng", "zstandard")
"""What a plugin module must not import: it is imported for its name alone."""


def check_plugin(module: str) -> tuple[Spec, ...]:
    """Hold the module that an entry point names to the rules for plugins; its specs, for more tests."""
    check_lightness(module)
    return check_specs(module)


def check_lightness(*modules: str) -> None:
    """All of them are imported in one interpreter: with none of them comes anything heavy."""
    heavy = _imported_by(modules)
    require(not heavy, f"{', '.join(modules)} imports nothing heavy: {', '.join(heavy)}")


def check_specs(module: str) -> tuple[Spec, ...]:
    """What the module offers is what an entry point may name."""
    specs = tuple(_specs(importlib.import_module(module)))
    require(specs, f"{module} offers something")
    for spec in specs:
        _check_spec(spec)
    return specs


def _imported_by(modules: tuple[str, ...]) -> list[str]:
    """The heavy modules that importing these ones loads, in an interpreter of its own."""
    code = (
        "import importlib, json, sys; list(map(importlib.import_module, sys.argv[1:])); "
        "print(json.dumps(list(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, *modules], capture_output=True, check=False)  # noqa: S603 - our own interpreter
    require(done.returncode == 0, f"{', '.join(modules)} can be imported: {done.stderr.decode(errors='replace')}")
    return sorted(set(HEAVY) & set(json.loads(done.stdout)))


def _specs(module: ModuleType) -> Iterator[Spec]:
    for name in HOOKS:
        hook = getattr(module, name, None)
        if hook is not None:
            found: Iterable[Spec] = hook()
            yield from found


def _check_spec(spec: Spec) -> None:
    for name in (spec.name, *spec.aliases):
        require(name == canonical(name), f"{name!r} is written as users write it: {canonical(name)!r}")
    require(spec.summary and "\n" not in spec.summary, f"{spec.name} has a summary of one line")
    require(spec.api <= PLUGIN_API, f"{spec.name} is made for contracts that exist")
    module, _, attribute = spec.implementation.partition(":")
    require(
        callable(getattr(importlib.import_module(module), attribute, None)),
        f"{spec.name}: {spec.implementation} can be called",
    )
    if isinstance(spec, InputSpec | OutputSpec):
        require(spec.grammar.startswith(f"{spec.name}:"), f"{spec.name} shows how its addresses are written")
    _check_options(spec.name, getattr(spec, "options", NoOptions))


def _check_options(owner: str, schema: type) -> None:
    if schema is NoOptions:
        return
    require(dataclasses.is_dataclass(schema), f"the options of {owner} are a dataclass")
    frozen = inspect.getattr_static(schema, "__dataclass_params__").frozen
    require(frozen, f"the options of {owner} are frozen")
    for documented in describe(schema):
        require(documented.help, f"{owner}: option {documented.name!r} has a help text")
