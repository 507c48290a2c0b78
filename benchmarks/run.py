"""The promises about speed and memory, measured against the tools that are here.

    benchmarks/run.py                      everything, three rounds
    benchmarks/run.py --only large -n 1    the cases whose name has "large" in it, once
    benchmarks/run.py --smoke              small images, one round: does it still run?

Ratios are taken within one run; the machine's own speed does not matter to them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import judging
import unpacking
from cases import CASES, Bench, Result, push
from corpus import FULL, SMOKE, make_corpora
from peers import find_peers, running_registry


def main() -> int:
    options = _options()
    work = options.work.resolve() / ("smoke" if options.smoke else "full")
    work.mkdir(parents=True, exist_ok=True)
    peers = find_peers(work.parent, with_existing=not options.smoke)
    if peers.missing:
        print(f"Left out, because it is not here: {', '.join(peers.missing)}")
    if peers.registry is None or peers.skopeo is None:
        print("docker-registry and skopeo are needed to serve the images.")
        return 0 if options.smoke else 2
    corpora = make_corpora(work, SMOKE if options.smoke else FULL)
    shutil.rmtree(work / "registry", ignore_errors=True)
    with running_registry(peers.registry, work / "registry") as host:
        bench = Bench(host, corpora, peers, work, 1 if options.smoke else options.rounds)
        for corpus in corpora.values():
            push(bench, corpus)
        everything = (*CASES, *judging.CASES, *unpacking.CASES)
        wanted = [case for case in everything if options.only in case.__name__]
        results = [_measured(case(bench), judged=not options.smoke) for case in wanted]
    shutil.rmtree(work / "registry", ignore_errors=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=2))
    return 0 if options.smoke or all(p.kept for result in results for p in result.promises) else 1


def _measured(result: Result, *, judged: bool) -> Result:
    print(f"\n{result.name}")
    for name, run in result.runs.items():
        print(f"    {name:20} {run.wall:8.3f} s wall {run.cpu:8.3f} s cpu {run.peak / 1e6:8.1f} MB")
    for promise in result.promises:
        sign = "≥" if promise.at_least else "≤"
        verdict = ("kept" if promise.kept else "NOT KEPT") if judged else "(too small to judge)"
        print(f"    {promise.text:40} {promise.value:8.2f}  {sign} {promise.limit:<6} {verdict}")
    return result


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="small images, one round")
    parser.add_argument("--only", default="", help="only cases with this in their name")
    parser.add_argument("-n", "--rounds", type=int, default=3, help="rounds of each command")
    parser.add_argument("--work", type=Path, default=Path(".work/bench"), help="where images are kept")
    parser.add_argument("--json", type=Path, help="write the results here as JSON, too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
