"""Which rules are asked, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from occystrap_core.cli.check_options import JudgedBy
from occystrap_core.cli.rendering import as_json
from occystrap_core.cli.session import Session
from occystrap_core.cli.tables import table
from occystrap_core.contracts.finding import Severity
from occystrap_core.contracts.specs import CheckSpec
from occystrap_core.model.errors import OptionError, UnknownName
from occystrap_core.model.targets import parse_targets
from occystrap_core.model.value import value

Targets = tuple[tuple[str, tuple[int, ...]], ...]


@value
class AskedRules:
    rules: tuple[CheckSpec, ...]
    severities: Mapping[str, Severity]
    targets: Targets


def asked_for(session: Session, judged_by: JudgedBy, *, fast: bool = False) -> AskedRules:
    """The rules that --select, --ignore and --severity leave, every id of them known; `fast` leaves
    those about documents."""
    targets = parse_targets(judged_by.targets)
    known = {spec.name: spec for spec in session.plugins.check_specs(fast=fast)}
    selected, ignored = _ids(judged_by.select), _ids(judged_by.ignore)
    levels = dict(map(_level, judged_by.severity))
    _require_known([*selected, *ignored, *levels], {*known, *session.catalog.names("checks")})
    kept = [spec for name, spec in known.items() if (not selected or name in selected) and name not in ignored]
    if not kept:
        raise OptionError("no rule is left to ask", hint=_why_none(selected, ignored, fast=fast))
    return AskedRules(tuple(kept), levels, targets)


def listed(session: Session, form: str) -> str:
    _require_text_or_json("--list-rules", form)
    specs = session.plugins.check_specs()
    if form == "json":
        return as_json([_described(spec) for spec in specs])
    rows = [(spec.name, spec.severity, spec.needs, spec.summary) for spec in specs]
    return table(("Rule", "Severity", "Needs", "What it looks for"), rows)


def explained(session: Session, name: str, form: str) -> str:
    _require_text_or_json("--explain", form)
    known = {spec.name: spec for spec in session.plugins.check_specs()}
    _require_known([name], known)
    spec = known[name]
    if form == "json":
        return as_json(_described(spec))
    parts = [
        f"{spec.name}: {spec.summary}",
        f"Severity: {spec.severity}. Needs: {spec.needs}.",
        f"Why it matters: {spec.why}",
        f"Example: {spec.example}",
        f"What to do: {spec.remedy}",
    ]
    return "\n\n".join(parts)


def _described(spec: CheckSpec) -> dict[str, str]:
    return {
        "check": spec.name,
        "title": spec.summary,
        "severity": str(spec.severity),
        "needs": str(spec.needs),
        "why": spec.why,
        "example": spec.example,
        "remediation": spec.remedy,
    }


def _require_text_or_json(option: str, form: str) -> None:
    if form not in ("text", "json"):
        raise OptionError(f"{option} knows no format {form!r}", hint="it is text, or json with -O json")


def _why_none(selected: Collection[str], ignored: Collection[str], *, fast: bool) -> str:
    wanted = [name for name in selected if name not in ignored]
    if fast and wanted:
        return f"--fast reads documents only, and {', '.join(wanted)} would have to read layers"
    return "--ignore takes away what --select names"


def _ids(values: Iterable[str]) -> list[str]:
    return [name.strip() for value in values for name in value.split(",") if name.strip()]


def _level(text: str) -> tuple[str, Severity]:
    name, equals, level = text.partition("=")
    if not equals or level not in set(Severity):
        raise OptionError(f"--severity: {text!r} is not ID=LEVEL", hint="a level is error, warning or info")
    return name.strip(), Severity(level)


def _require_known(names: Iterable[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            import difflib  # only a mistake needs it

            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "--list-rules shows them all"
            raise UnknownName(f"there is no rule {name!r}", hint=hint)
