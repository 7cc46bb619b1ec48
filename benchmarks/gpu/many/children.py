"""Processes that try the ways, so that one that fails costs no more than its process."""

from __future__ import annotations

import functools
import multiprocessing
import os
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch
import torch._inductor.config  # for the children: torch imports it when it is asked for determinism

from benchmarks.gpu.many.bench import Bench, Setting, free
from hierapp.training import device as compute


class FailedError(Exception):
    """What went wrong in a process, in one sentence."""


class Child:
    """A process that does what it is asked, one thing after another, and ends with the first that fails."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("fork" if may_fork() else "spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=serve, args=(other,), daemon=True)
        self.process.start()
        other.close()

    def ask(self, setting: Setting, function: Callable[..., Any], *arguments: object) -> None:
        try:
            self.pipe.send((setting, function, arguments))
        except OSError:
            raise FailedError("the process is gone") from None

    def answer(self, seconds: float) -> Any:
        if not self.pipe.poll(max(seconds, 1.0)):
            raise FailedError(f"no answer within {seconds:.0f} s")
        try:
            answer = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(5)
            raise FailedError(f"the process ended with exit code {self.process.exitcode}") from None
        if isinstance(answer, FailedError):
            raise answer
        return answer

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


@functools.cache
def may_fork() -> bool:
    """Whether children of this process may use the GPU, as they may as long as it has not asked for one itself: then
    they need not import torch again."""
    child = os.fork()
    if child == 0:
        os._exit(int(torch.cuda._is_in_bad_fork()))
    return os.waitpid(child, 0)[1] == 0


def serve(pipe: Connection) -> None:
    """The child's side."""
    bench = None
    with compute.determinism("auto", compute.choose_device("auto")):
        while True:
            try:
                setting, function, arguments = pipe.recv()
            except EOFError:
                return
            try:
                if bench is None or bench.setting != setting:
                    bench = None
                    free()
                    bench = Bench(setting)
                answer = function(bench, *arguments)
            except Exception as error:
                traceback.print_exc()
                pipe.send(FailedError(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"))
                return
            pipe.send(answer)
