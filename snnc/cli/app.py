"""The table of commands, the shared options, and the way from arguments to an exit code."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from snnc.cli import (
    compile as compile_command,
)
from snnc.cli import (
    demo,
    diff,
    explain,
    inspect,
    opt,
    passes,
    report,
    run,
    targets,
)
from snnc.cli import (
    eval as eval_command,
)
from snnc.cli.console import Output, Settings
from snnc.cli.failures import report_failure
from snnc.diagnostics import Diagnostic, UsageError

EPILOG = "Options of every command: --json (one JSON object on stdout), -q/--quiet, -v/--verbose."

COMMANDS = (
    ("compile", compile_command.compile_),
    ("run", run.run),
    ("eval", eval_command.eval_),
    ("inspect", inspect.inspect),
    ("opt", opt.opt),
    ("diff", diff.diff),
    ("report", report.report),
    ("targets", targets.targets),
    ("passes", passes.passes),
    ("explain", explain.explain),
    ("demo", demo.demo),
)
SHARED = {"--json": "json", "-q": "quiet", "--quiet": "quiet", "-v": "verbose"}
SHARED["--verbose"] = "verbose"


def build() -> typer.Typer:
    """The Typer application with every command."""
    app = typer.Typer(
        name="snnc",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog=EPILOG,
    )
    app.callback()(shared_options)
    for name, function in COMMANDS:
        app.command(name, epilog=EPILOG)(function)
    return app


def without_flag_types(command: Any) -> Any:
    """The command with flags that take no value shown without the type of one in `--help`."""
    for parameter in command.params:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    for child in getattr(command, "commands", {}).values():
        without_flag_types(child)
    return command


def print_version(asked: bool) -> None:
    """Print the version and stop, where it was asked for."""
    if asked:
        import snnc

        sys.stdout.write(f"snnc {snnc.__version__}\n")
        raise typer.Exit


def shared_options(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notes, no progress.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more on stderr.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=print_version),
    ] = False,
) -> None:
    """Compile trained ONNX networks into spiking networks, and measure what was compiled."""
    context.obj = Output(Settings(json=json, quiet=quiet, verbose=verbose))


def hoist(arguments: Sequence[str]) -> tuple[list[str], Settings]:
    """Take the shared options out, wherever they stand before a `--`, as `Settings`."""
    found: set[str] = set()
    kept: list[str] = []
    for index, argument in enumerate(arguments):
        if argument == "--":
            kept.extend(arguments[index:])
            break
        if argument in SHARED:
            found.add(SHARED[argument])
        else:
            kept.append(argument)
    settings = Settings(**dict.fromkeys(sorted(found), True))
    flags = [flag for flag in ("--json", "--quiet", "--verbose") if flag[2:] in found]
    return [*flags, *kept], settings


def run_command_line(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; every failure ends in a message and an exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    hoisted, settings = hoist(given)
    try:
        command = without_flag_types(typer.main.get_command(build()))
        with quiet_libraries(settings):
            outcome = command.main(args=hoisted, prog_name="snnc", standalone_mode=False)
    except Exception as error:
        return report_failure(_as_usage_error(error) or error, given, settings)
    except KeyboardInterrupt as error:
        return report_failure(error, given, settings)
    code = outcome if isinstance(outcome, int) else 0
    return report_failure(KeyboardInterrupt(), given, settings) if code == 130 else code


@contextmanager
def quiet_libraries(settings: Settings) -> Iterator[None]:
    """Keep other packages' log lines and warnings off stderr unless `--verbose` asks for them."""
    if settings.verbose:
        yield
        return
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _as_usage_error(error: Exception) -> UsageError | None:
    """Typer's own complaints as a diagnostic; None for anything else."""
    formatted: Any = getattr(error, "format_message", None)
    if formatted is None or isinstance(error, UsageError):
        return None
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "snnc"
    text = str(formatted()).strip().rstrip(".")
    if not text:
        text = "no command given"
    return UsageError(Diagnostic("SN922", text, where="command line", help=f"see `{path} --help`"))
