"""What `process` says at the end: filter reports on stdout, the summary on stderr, or JSON for all of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from occystrap_core.cli.job import Done
from occystrap_core.cli.rendering import as_json, format_size, plural, safe, without_credentials
from occystrap_core.cli.session import Session
from occystrap_core.contracts.finding import Finding, Severity
from occystrap_core.engine.assemble import AssembledImage
from occystrap_core.engine.outcome import Outcome
from occystrap_core.model.layer import SealedLayer

if TYPE_CHECKING:
    from occystrap_core.cli.reports.report import CheckReport

VERSION = 1
"""The version of the JSON shape. Keys are added, never renamed."""


def tell(session: Session, done: Done) -> None:
    """Everything a user is told once the image is where it belongs."""
    outcome = done.outcome
    for note in outcome.notes:
        session.warn(note)
    for finding in outcome.findings:
        if finding.severity is Severity.WARNING:
            session.warn(f"Verify: {finding.message}")
    if session.json:
        click.echo(as_json(to_json(done)))
    else:
        for line in report_lines(outcome):
            click.echo(safe(line), err=done.streamed)
    if not session.quiet:
        click.echo(summary(done), err=True)
    if outcome.errors:
        click.echo("Verification errors:", err=True)
        for finding in outcome.errors:
            click.echo(f"  {safe(finding.message)}", err=True)
    if done.check and not session.json:
        _tell_findings(session, done.check)


def _tell_findings(session: Session, report: CheckReport) -> None:
    """What `check` would print, without the information that all is well."""
    from occystrap_core.cli.reports import render
    from occystrap_core.engine.judged_pass import NOT_JUDGED

    told = (
        report
        if session.verbose
        else report.narrowed(lambda finding: finding.severity is not Severity.INFO or finding.check == NOT_JUDGED.name)
    )
    if told.findings or not session.quiet:
        click.echo(render(told, "text"), err=True, nl=False)


def summary(done: Done) -> str:
    outcome = done.outcome
    parts = [f"{outcome.layer_count} layers", format_size(outcome.size), f"{done.seconds:.1f}s"]
    if done.retries:
        parts.append(f"{done.retries} retries")
    if done.rate_limits:
        parts.append(f"{done.rate_limits} rate limits")
    if outcome.verified:
        parts.append(_verdict(done))
    if done.check and (errors := done.check.count(Severity.ERROR)):
        parts.append(f"{errors} check errors")
    return f"Summary: {', '.join(parts)}"


def _verdict(done: Done) -> str:
    outcome = done.outcome
    warnings = sum(finding.severity is Severity.WARNING for finding in outcome.findings)
    if outcome.errors:
        return f"{len(outcome.errors)} verify errors"
    if warnings:
        return f"verified with {plural(warnings, 'warning')}"
    return "not read back" if done.streamed else "verified OK"


def report_lines(outcome: Outcome) -> Iterator[str]:
    for _, report in outcome.reports:
        yield from report.lines


def to_json(done: Done) -> dict[str, Any]:
    outcome, receipt = done.outcome, done.outcome.receipt
    return {
        "version": VERSION,
        "source": without_credentials(done.source),
        "destination": without_credentials(done.destination),
        "written": receipt.uri,
        "name": str(receipt.name),
        "digest": str(receipt.root.digest),
        "media_type": receipt.root.media_type,
        "details": dict(receipt.details),
        "layer_count": outcome.layer_count,
        "size": outcome.size,
        "images": [_image(image) for image in outcome.images],
        "retries": done.retries,
        "rate_limits": done.rate_limits,
        "notes": list(outcome.notes),
        "filters": [
            {"name": name, "data": list(report.lines) or None if report.data is None else report.data}
            for name, report in outcome.reports
        ],
        "verification": {
            "depth": done.depth,
            "errors": len(outcome.errors),
            "warnings": sum(finding.severity is Severity.WARNING for finding in outcome.findings),
            "findings": [_finding(finding) for finding in outcome.findings],
        },
        "check": _check(done.check) if done.check else None,
        "seconds": {
            "total": round(done.seconds, 3),
            "transfer": round(outcome.transfer_seconds, 3),
            "verify": round(outcome.verify_seconds, 3),
        },
    }


def _check(report: CheckReport) -> dict[str, Any]:
    from occystrap_core.cli.reports.json import results

    return results(report)


def _image(image: AssembledImage) -> dict[str, Any]:
    return {
        "platform": str(image.source.platform) if image.source.platform else None,
        "source_digest": str(image.source.descriptor.digest),
        "digest": str(image.manifest.digest),
        "media_type": image.manifest.media_type,
        "changed": image.manifest.digest != image.source.descriptor.digest,
        "config_digest": str(image.config.digest),
        "config_size": len(image.config.raw),
        "layers": [_layer(layer) for layer in image.layers],
    }


def _layer(layer: SealedLayer) -> dict[str, Any]:
    source = layer.source.descriptor
    return {
        "index": layer.source.position,
        "source_digest": str(source.digest),
        "source_size": source.size,
        "digest": str(layer.blob.digest),
        "size": layer.blob.size,
        "media_type": layer.blob.media_type,
        "diff_id": str(layer.diff_id) if layer.diff_id else None,
        "uncompressed_size": layer.uncompressed_size,
        "changed": layer.changed,
        "reused": layer.reused,
        "recompressed": not layer.changed and layer.blob.digest != source.digest,
        "entries": {
            "in": layer.stats.entries_in,
            "out": layer.stats.entries_out,
            "dropped": layer.stats.dropped,
            "added": layer.stats.added,
            "altered": layer.stats.altered,
        },
    }


def _finding(finding: Finding) -> dict[str, Any]:
    told = asdict(finding)
    del told["places"]
    return {**told, "where": {key: at for key, at in told["where"].items() if at not in ("", None)}}
