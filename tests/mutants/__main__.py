"""`python -m tests.mutants`: the share of edits that the unit tests notice, and the edits that they do not."""

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.mutants.mutants import Equal, Mutant, drawn, known_equal, mutants_of, reaching, stale
from tests.mutants.processes import ChildFailedError, import_libraries
from tests.mutants.reached import CODE, ROOT, Reach, reaches
from tests.mutants.results import Result, Store
from tests.mutants.trial import noticed_by

PACKAGES = (
    "table",
    "ledger",
    "publication",
    "validity",
    "landing",
    "healing",
    "maintenance",
    "live",
    "parity",
)


@click.command(epilog="Example: python -m tests.mutants ledger publication/move.py --sample 50 --output json")
@click.argument("places", metavar="[PACKAGES]...", nargs=-1)
@click.option("--sample", type=click.IntRange(1), help="Draw this many mutants; all without it.")
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="Other draws for another number.")
@click.option(
    "--seconds", type=click.FloatRange(1), default=10, show_default=True, help="CPU seconds of tests for a mutant."
)
@click.option("--list", "only_list", is_flag=True, help="List the mutants and run nothing.")
@click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=".mutants",
    show_default=True,
    help="Folder of results; a second run goes on from them.",
)
def main(
    places: tuple[str, ...],
    sample: int | None,
    seed: int,
    seconds: float,
    only_list: bool,
    output: str,
    folder: Path,
) -> None:
    """Change the code of PACKAGES one edit at a time and see whether their unit tests notice.

    PACKAGES are packages or modules below jobs/matinee/; without any, the kernel and the systems above it. A mutant is
    tried by the tests of the same packages that reach its line, nearest first.
    """
    os.chdir(ROOT)
    places = places or PACKAGES
    everything = [mutant for file in _files(places) for mutant in mutants_of(file)]
    equal = known_equal()
    chosen = drawn(everything, sample, seed)
    if only_list:
        results = [Result(mutant, None, 0, 0.0) for mutant in chosen]
    else:
        results = list(_results(chosen, equal, sorted({place.split("/")[0] for place in places}), seconds, folder))
    _show(results, stale(equal, everything), output, only_list=only_list)


def _files(places: tuple[str, ...]) -> list[Path]:
    files = []
    for place in places:
        path = CODE / place
        if not path.exists():
            raise click.UsageError(f"jobs/matinee/ has no {place}; name a package or a module such as table/refs.py.")
        files += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return files


def _results(
    mutants: list[Mutant], equal: list[Equal], packages: list[str], seconds: float, folder: Path
) -> Iterator[Result]:
    import_libraries()
    test_files = [file for package in packages for file in sorted((ROOT / "tests/unit" / package).rglob("test_*.py"))]
    reached: list[Reach] = []
    for count, file in enumerate(test_files, start=1):
        click.echo(f"reach {count}/{len(test_files)} {file.relative_to(ROOT)}", err=True)
        try:
            reached += reaches(file, folder / "reached")
        except ChildFailedError as error:
            raise click.ClickException(f"{file.relative_to(ROOT)} fails on the code as it is: {error}.") from error
    store = Store(folder, test_files, seconds)
    for count, mutant in enumerate(mutants, start=1):
        reason = next((entry.reason for entry in equal if entry.fits(mutant)), None)
        result = Result(mutant, None, 0, 0.0, reason) if reason else store.get(mutant)
        if result is None:
            start = time.monotonic()
            tests = reaching(mutant, reached, seconds)
            noticed = noticed_by(mutant.path, mutant.number, tests, seconds, folder / "scratch") if tests else None
            result = Result(mutant, noticed, len(tests), round(time.monotonic() - start, 2))
            store.put(result)
        state = "equal" if reason else result.noticed_by or f"SURVIVED {result.tried} tests"
        click.echo(f"{count}/{len(mutants)} {mutant.path}:{mutant.line} {mutant.edit}: {state}", err=True)
        yield result


def _show(results: list[Result], stale_entries: list[Equal], output: str, *, only_list: bool) -> None:
    tried = [result for result in results if result.reason is None]
    survivors = [result for result in tried if result.noticed_by is None]
    share = 1 - len(survivors) / len(tried) if tried else 1.0
    if output == "json":
        document = {
            "mutants": len(results),
            "equal": len(results) - len(tried),
            "noticed": len(tried) - len(survivors),
            "share": round(share, 4),
            "survivors": [result.document for result in survivors],
            "stale": [vars(entry) for entry in stale_entries],
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        table = Table(
            "where", "in", "edit", "tests", title="mutants" if only_list else "survivors", title_justify="left"
        )
        for result in survivors:
            mutant = result.mutant
            cells = (f"{mutant.path}:{mutant.line}", mutant.function, mutant.edit, str(result.tried))
            table.add_row(*map(Text, cells))  # Code is no markup.
        console = Console(width=None if sys.stdout.isatty() else 200)
        console.print(table)
        if not only_list:
            console.print(
                f"{len(tried) - len(survivors)} of {len(tried)} mutants noticed: {share:.1%}; "
                f"{len(results) - len(tried)} more are equal."
            )
        for entry in stale_entries:
            console.print(f"stale: {entry.path}: no line '{entry.line}' with edit '{entry.edit}'", markup=False)
    if stale_entries:
        raise click.ClickException("tests/mutants/equal.yaml has stale entries: remove them or judge the lines again.")


if __name__ == "__main__":
    main()
