"""Plugins by name and kind: picked by stevedore, asked through pluggy, loaded when needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FunctionType, MethodType, ModuleType
from typing import Any, TypeVar, cast

import pluggy

from occystrap_core import hookspecs
from occystrap_core.contracts.specs import (
    PLUGIN_API,
    CheckSpec,
    CommandSpec,
    FilterSpec,
    InputSpec,
    OutputSpec,
    Spec,
    VerifierSpec,
)
from occystrap_core.discovery.catalog import Catalog, word
from occystrap_core.discovery.entry_points import Row, plugin_name
from occystrap_core.model.errors import OccystrapError, PluginError

AnySpec = TypeVar("AnySpec", bound=Spec)
SPECS: dict[str, type[Spec]] = {
    "inputs": InputSpec,
    "outputs": OutputSpec,
    "filters": FilterSpec,
    "verifiers": VerifierSpec,
    "commands": CommandSpec,
    "checks": CheckSpec,
}
_MARK = f"{hookspecs.PROJECT}_impl"
"""What `hookimpl` leaves on a function."""


class _Manager(pluggy.PluginManager):
    """Looks closely at what a module has marked as a hook: pluggy would at everything in it, a hundred times."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        if not isinstance(plugin, ModuleType):
            return super().parse_hookimpl_opts(plugin, name)
        found = vars(plugin).get(name)
        options = getattr(found, _MARK, None) if isinstance(found, (FunctionType, MethodType)) else None
        return cast(pluggy.HookimplOpts, options) if isinstance(options, dict) else None


class Plugins:
    """A catalog's plugins, each imported when it is first asked for and no earlier.

    `warn` is told of a plugin that fails where others can answer too; with `strict` such a
    failure is an error, as it always is where this one plugin is needed.
    """

    def __init__(self, catalog: Catalog, *, strict: bool, warn: Callable[[str], object]) -> None:
        self.catalog = catalog
        self._strict = strict
        self._warn = warn
        self._specs: dict[Row, Spec] = {}
        self._rows: dict[Spec, Row] = {}
        self._manager = _Manager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)

    def input_spec(self, name: str) -> InputSpec:
        return self._picked("inputs", name, InputSpec)

    def output_spec(self, name: str) -> OutputSpec:
        return self._picked("outputs", name, OutputSpec)

    def filter_spec(self, name: str) -> FilterSpec:
        return self._picked("filters", name, FilterSpec)

    def command_spec(self, name: str) -> CommandSpec:
        return self._picked("commands", name, CommandSpec)

    def verifier_specs(self, scheme: str) -> tuple[VerifierSpec, ...]:
        """Every verifier that answers for an output scheme, sorted by name."""
        found = {spec.name: spec for spec in self._all("verifiers", VerifierSpec) if scheme in (spec.schemes or scheme)}
        return tuple(found[name] for name in sorted(found))

    def check_specs(self, *, fast: bool = False) -> tuple[CheckSpec, ...]:
        """Every rule, sorted by id; `fast`: those that need documents only, the others not even imported
        where the index knows what they need."""
        if fast:
            from occystrap_core.discovery.needs import specs_about_documents

            return specs_about_documents(self.catalog, lambda rows: self.each(rows, CheckSpec))
        return tuple(sorted(self._all("checks", CheckSpec), key=lambda spec: spec.name))

    def spec(self, row: Row) -> Spec:
        """What one entry point offers, whatever its kind. Raises PluginError."""
        return self._spec(row, import_row, SPECS[row.kind])

    def implementation(self, spec: Spec) -> Any:
        """The object a spec names as "module:attribute", imported now."""
        row = self._rows[spec]
        module, _, attribute = spec.implementation.partition(":")
        with _blamed(row):
            found: Any = import_module(module)
            for name in attribute.split("."):
                found = getattr(found, name)
        return found

    def _picked(self, kind: str, name: str, wanted: type[AnySpec]) -> AnySpec:
        from occystrap_core.discovery.driver import pick  # stevedore is slow to import and help needs no driver

        return self._spec(self.catalog.row(kind, name), pick, wanted)

    def _all(self, kind: str, wanted: type[AnySpec]) -> Iterator[AnySpec]:
        return (spec for _, spec in self.each(self.catalog.rows(kind), wanted))

    def each(self, rows: Iterable[Row], wanted: type[AnySpec]) -> Iterator[tuple[Row, AnySpec]]:
        """What these offer, without those that fail where others can answer too."""
        for row in rows:
            try:
                yield row, self._spec(row, import_row, wanted)
            except PluginError as error:
                if self._strict:
                    raise
                self._warn(str(error))

    def _spec(self, row: Row, load: Callable[[Row], Any], wanted: type[AnySpec]) -> AnySpec:
        known = self._specs.get(row)
        if known is None:
            with _blamed(row):
                module = load(row)
                self._register(module, row)
                known = _named(row, self._offered(module, row))
            _check(known, row, wanted)
            self._specs[row] = known
            self._rows[known] = row
        assert isinstance(known, wanted)
        return known

    def _register(self, module: Any, row: Row) -> None:
        if self._manager.is_registered(module):
            return
        self._manager.register(module, name=f"{row.distribution}:{row.module}")
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError:
            self._manager.unregister(module)
            raise

    def _offered(self, module: Any, row: Row) -> list[Any]:
        """What this module's hook yields: the hook of this one plugin is called, so that it alone can fail."""
        others = [plugin for plugin in self._manager.get_plugins() if plugin is not module]
        call = self._manager.subset_hook_caller(row.group.replace(".", "_"), remove_plugins=others)
        return [spec for offered in call() for spec in offered]


def import_row(row: Row) -> ModuleType:
    return import_module(row.module)


def _named(row: Row, offered: list[Any]) -> Any:
    for spec in offered:
        if row.name in (plugin_name(name) for name in (spec.name, *spec.aliases)):
            return spec
    names = ", ".join(repr(spec.name) for spec in offered) or "nothing"
    raise PluginError(f"{_culprit(row)} is registered, but its module {row.module} offers {names}")


def _check(spec: Any, row: Row, wanted: type[Any]) -> None:
    if not isinstance(spec, wanted):
        raise PluginError(f"{_culprit(row)} offers a {type(spec).__name__} where a {wanted.__name__} belongs")
    if spec.api > PLUGIN_API:
        raise PluginError(
            f"{_culprit(row)} is made for plugin API {spec.api}; this occystrap has {PLUGIN_API}",
            hint=f"update occystrap or install an older {row.distribution}",
        )


@contextmanager
def _blamed(row: Row) -> Iterator[None]:
    """Whatever goes wrong in a plugin's own code becomes an error that names the plugin."""
    try:
        yield
    except OccystrapError:
        raise
    except Exception as error:  # foreign code may raise anything; its owner is named
        cause = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise PluginError(
            f"{_culprit(row)} cannot be loaded: {' '.join(cause.split())}",
            hint=f"repair or remove {row.distribution}",
        ) from error


def _culprit(row: Row) -> str:
    return f"{word(row.kind)} {row.name!r} of {row.provider}"
