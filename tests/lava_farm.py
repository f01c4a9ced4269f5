"""Runs Lava programs one after the other; Lava is loaded once, and every program gets a fork.

Reads a JSON list of [folder, arguments] from standard input, prints a list of [exit code, standard
output, standard error].
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import tempfile
import time
from typing import IO

LIMIT = 60.0


def preload() -> None:
    import lava.magma.compiler.compiler
    import lava.magma.core.model.sub.model
    import lava.magma.runtime.runtime
    import lava.proc.conv.models
    import lava.proc.dense.models
    import lava.proc.sparse.models  # noqa: F401


def in_child(folder: str, arguments: list[str], out: IO[str], err: IO[str]) -> None:
    os.setsid()
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    sys.argv = [f"{folder}/program.py", *arguments]
    sys.path.insert(0, folder)
    code = 70
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 71
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait(child: int) -> int:
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(child, 9)
    os.waitpid(child, 0)
    return -9


def run(folder: str, arguments: list[str]) -> list[object]:
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = os.fork()
        if child == 0:
            in_child(folder, arguments, out, err)
        code = wait(child)
        out.seek(0)
        err.seek(0)
        return [code, out.read(), err.read()]


def main() -> None:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    jobs = json.load(sys.stdin)
    preload()
    sys.stdout.write(json.dumps([run(folder, arguments) for folder, arguments in jobs]))


if __name__ == "__main__":
    main()
