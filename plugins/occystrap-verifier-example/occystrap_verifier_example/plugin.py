"""A verifier that answers for every destination."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_core.contracts import VerifierSpec, hookimpl


@hookimpl
def occystrap_verifiers() -> Iterable[VerifierSpec]:
    yield VerifierSpec(
        "required-labels",
        "Every image carries the labels that OCCYSTRAP_REQUIRED_LABELS names",
        "occystrap_verifier_example.verifier:RequiredLabels",
    )
