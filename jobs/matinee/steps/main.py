"""The entry point of the steps: arguments ▸ settings ▸ a step ▸ report; exit 0 done, 1 failed, 2 wrong call."""

import argparse
import inspect
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin

from matinee.errors import InternalError, MatineeError, UsageError, kind_named
from matinee.foreign import translated
from matinee.hooks import registered
from matinee.limits import address_space, refuse_little
from matinee.lineage.emission import send_events
from matinee.readout.environment import environment_of
from matinee.report import ErrorReport, Report
from matinee.settings import Settings, load_settings

log = logging.getLogger(__name__)
#: A package registers its steps under this name: functions of the settings and of arguments, which are texts.
HOOK = "matinee.steps"
Step = Callable[..., Report]


def main(step: str | None = None, arguments: Sequence[str] | None = None) -> int:
    """Run one step and write its report, also where it fails; return the exit code.

    Args:
        step: its name; None: the first argument is the name.
        arguments: those of the command line; None takes `sys.argv`.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    given = sys.argv[1:] if arguments is None else arguments
    given = [*([step] if step else []), *given]
    known = argparse.ArgumentParser(add_help=False)
    known.add_argument("step", nargs="?", default="")
    known.add_argument("--report")
    options, _ = known.parse_known_args(given)  # Where the step cannot be loaded, its options are not known.
    settings: Settings | None = None
    try:
        refuse_little(address_space())
        options = _parser(given[0] if given else "").parse_args(given)
        settings = load_settings()
        asked = {name: value for name, value in vars(options).items() if name not in {"step", "report"}}
        report = registered(HOOK)[options.step].load()(settings, **asked)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the outermost call
        report = _failed(options, _told(options.step, error, settings))
    if settings is not None:
        send_events(settings, report)
    try:
        if settings is not None:
            report = report.model_copy(update={"environment": environment_of(settings)})
        _deliver(report, options.report, settings)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the outermost call
        _told(options.step, error, settings)
        return 1
    if report.error is None:
        return 0
    return 2 if issubclass(kind_named(report.error.type) or MatineeError, UsageError) else 1


def _deliver(report: Report, uri: str | None, settings: Settings | None) -> None:
    if uri is None:
        log.info("%s", report.model_dump_json(by_alias=True))
    elif "://" not in uri:
        report.write(Path(uri))
    elif settings is not None:
        from pyiceberg.io import load_file_io

        from matinee.table.catalog import catalog_properties

        with load_file_io(catalog_properties(settings), uri).new_output(uri).create(overwrite=True) as stream:
            stream.write(report.model_dump_json(by_alias=True).encode())


def _told(step: str, error: BaseException, settings: Settings | None) -> MatineeError:
    """Log an error, and return what it is among Matinee's; only a fault of Matinee is logged with its traceback."""
    ours = translated(error, settings.warehouse_uri if settings else "")
    log.error(
        "%s: %s: %s", step, type(ours).__name__, ours, exc_info=error if isinstance(ours, InternalError) else None
    )
    return ours


def _failed(options: argparse.Namespace, error: MatineeError) -> Report:
    return Report(
        step=options.step,
        dataset=getattr(options, "dataset", None) or "",
        key=getattr(options, "key", None),
        publication_id=getattr(options, "publication_id", None),
        error=ErrorReport.of(error),
    )


def _parser(step: str) -> argparse.ArgumentParser:
    example = "example: step.py write --dataset core.plays --key 2026-03-01 --attempt 1 --report report.json"
    parser = argparse.ArgumentParser(prog="step.py", description="Run one step and write its report.", epilog=example)
    steps = parser.add_subparsers(dest="step", metavar="NAME", required=True)
    known = registered(HOOK)
    for name in [step] if step in known else sorted(known):  # The others are not loaded.
        run = known[name].load()
        _add_arguments(steps.add_parser(name, help=_title(run), description=_title(run)), run)
    return parser


def _title(step: Step) -> str:
    return (inspect.getdoc(step) or "").partition("\n")[0]


def _add_arguments(parser: argparse.ArgumentParser, step: Step) -> None:
    """Add an option for each parameter of a step: its type says how many texts and which, `Annotated` what it is."""
    parser.add_argument("--report", help="path or URI that gets the report; without it the report is logged")
    for name, parameter in [*inspect.signature(step).parameters.items()][1:]:
        is_told = get_origin(parameter.annotation) is Annotated
        kind, told = get_args(parameter.annotation) if is_told else (parameter.annotation, None)
        parser.add_argument(
            f"--{name.strip('_').replace('_', '-')}",
            dest=name,
            required=parameter.default is parameter.empty,
            default=None,
            nargs="+" if get_origin(kind) is Sequence else None,
            choices=get_args(kind) if get_origin(kind) is Literal else None,
            help=told,
        )
