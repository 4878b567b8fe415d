"""`make verify`: what is too slow for `make test`. Each step that passed leaves a marker; a rerun goes on from there.

Markers are valid for the tree they were made on: any changed file of the repository makes all steps run again.
"""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STEPS = {
    "every kill point": [
        "tests/integration/test_faults.py",
        "tests/integration/test_upkeep_kills.py",
        "tests/integration/test_landing_commits.py",
        "tests/integration/test_compaction.py",
        "tests/integration/test_serving.py",
        "tests/integration/test_serving_kills.py",
    ],
    "healing on both engines": [
        "tests/integration/test_healing.py",
        "tests/integration/test_withdrawal.py",
        "tests/integration/test_outdated.py",
        "tests/integration/test_relocation.py",
    ],
    "the stream, killed all the time": [
        "tests/integration/test_live.py",
        "tests/integration/test_parity.py",
        "tests/integration/test_stream.py",
        "tests/integration/test_stream_landing.py",
        "tests/integration/test_stream_topics.py",
        "tests/integration/test_stream_growth.py",
        "tests/integration/test_new_topic.py",
        "tests/integration/test_stream_kills.py",
        "tests/e2e/test_demo_stream.py",
    ],
    "the service and its topic": ["tests/integration/test_kafka_reader.py", "tests/integration/test_delta.py"],
    "a lake of an older version": ["tests/integration/test_older_lake.py"],
    "equal tables of both engines": ["tests/integration/test_engines.py"],
    "interleavings": [
        "tests/integration/test_interleavings.py",
        "tests/integration/test_interleaved_drops.py",
        "tests/integration/test_pin_meets_drop.py",
        "tests/integration/test_broken_protocols.py",
    ],
    "a year of averages": [
        "tests/integration/test_features.py",
        "tests/integration/test_bases.py",
        "tests/integration/domain/test_impression_ema.py",
    ],
    "every way to parse lines": ["tests/integration/test_landing_parsers.py", "tests/integration/test_landing_ways.py"],
    "read-outs of programs that fail": ["tests/integration/test_readout.py"],
    "metrics that Prometheus scrapes": ["tests/integration/test_prometheus.py"],
    "the live stack, with its tasks killed": ["tests/e2e/test_live.py"],
    "datasets of other shapes": [
        "tests/integration/test_new_source.py",
        "tests/integration/test_renamed_source.py",
        "tests/integration/test_rebucketing.py",
        "tests/integration/test_worked_example.py",
        "tests/integration/domain/test_against_reference.py",
    ],
    "the entry points of the last release": ["tests/integration/test_entry_points.py"],
    "the worked example, backfilled": ["tests/e2e/test_worked_example.py"],
    "the demo on PostgreSQL": ["tests/e2e/test_demo.py", "-k", "postgresql"],
    "the demo on real events": ["tests/e2e/test_demo.py", "-k", "real_events"],
    "all real sets": ["tests/integration/test_real_sets.py"],
    "the cycle on the embedded catalog": ["tests/integration/test_cycle.py", "tests/integration/test_protocol.py"],
    "the cycle on Sail": ["tests/integration/test_cycle.py", "tests/integration/test_protocol.py"],
    "the real sets on Sail": ["tests/integration/test_real_sets.py"],
    "the cycle on PostgreSQL": ["tests/integration/test_cycle.py", "tests/integration/test_protocol.py"],
    "the cycle on Glue and S3": ["tests/integration/test_cycle.py", "tests/integration/test_protocol.py"],
    "a day of ticks": ["tests/integration/test_day_of_ticks.py"],
    "a soak of each catalog": ["tests/integration/test_soak.py"],
    "the other slow tests": ["tests", "-m", "slow", "--ignore=tests/e2e", "--ignore=tests/integration"],
}


TWO = ("-n", "2", "--dist", "worksteal")
#: Steps that keep the whole machine busy by themselves, or whose tests go on with one lake.
WORKERS = dict.fromkeys(
    [
        "a lake of an older version",
        "the live stack, with its tasks killed",
        "the worked example, backfilled",
        "the demo on PostgreSQL",
        "the demo on real events",
        "a day of ticks",
        "a soak of each catalog",
    ],
    (),
)
CATALOGS = {"the cycle on PostgreSQL": "postgres", "the cycle on Glue and S3": "aws"}
ENGINES = {"the cycle on Sail": "sail", "the real sets on Sail": "sail"}


def tree() -> str:
    """Return a hash of every file that git knows or would add."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    digest = hashlib.sha256()
    for name in sorted(filter(None, names)):
        path = ROOT / os.fsdecode(name)
        digest.update(name + b"\0" + (path.read_bytes() if path.is_file() else b""))
    return digest.hexdigest()[:16]


def main() -> None:
    """Run the steps that have no marker yet; exit 1 if any failed."""
    markers = ROOT / ".verify" / tree()
    markers.mkdir(parents=True, exist_ok=True)
    results = []
    for name, arguments in STEPS.items():
        marker = markers / name.replace(" ", "-").replace(",", "")
        if marker.is_file():
            results.append((name, "passed before", marker.read_text().strip()))
            continue
        print(f"== {name}", flush=True)
        start = time.monotonic()
        log = markers / f"{marker.name}.log"
        with log.open("w") as output:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", "-q", *WORKERS.get(name, TWO), *arguments],
                cwd=ROOT,
                env=os.environ
                | {
                    "MATINEE_TEST_CATALOG": CATALOGS.get(name, "embedded"),
                    "MATINEE_TEST_ENGINE": ENGINES.get(name, "spark"),
                },
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        last = log.read_text().strip().splitlines()[-1]
        print(last, flush=True)
        # 5: there is no test of that kind, which is right.
        passed = done.returncode in (0, 5)
        if passed:
            marker.write_text(last)
        results.append(
            (name, "passed" if passed else f"FAILED, see {log}", f"{time.monotonic() - start:.0f} s, {last}")
        )
    for result in results:
        print("  ".join(result))
    failed = sum("FAILED" in state for _, state, _ in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
