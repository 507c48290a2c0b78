"""Whether what came out of a run is what went in, apart from what its filters say they do."""

from __future__ import annotations

from collections.abc import Iterable

from occystrap_core.contracts import VerifierSpec, hookimpl


@hookimpl
def occystrap_verifiers() -> Iterable[VerifierSpec]:
    yield VerifierSpec(
        "fidelity",
        "Compare source and result, but for the changes that the filters declare",
        "occystrap_filters.fidelity.verifier:FidelityVerifier",
    )
