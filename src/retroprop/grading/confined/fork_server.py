"""The fork server: imports torch once, and forks a confined process for each submission.

    python -I fork_server.py CONTROL     the number of the socket on which it is told what to do

It knows no right answer, no hidden input and no other submission: what was never here cannot be
read. Between it and a submission stands a keeper, which makes the namespaces, ends the submission
when the grader closes its connection, and tells how it ended.
"""

import gc
import importlib
import importlib.abc
import inspect
import json
import os
import resource
import select
import signal
import socket
import sys
import types
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
CONNECTION = 3  # of the submission to the grader
MOST_OPEN_FILES = 1_024
READABLE = (
    "/usr/lib", "/lib", "/lib64", "/dev/null", "/dev/urandom", "/proc/cpuinfo",
    "/sys/devices/system/cpu", "/usr/share/zoneinfo", "/etc/localtime", "/usr/share/fonts",
)  # fmt: skip


def main() -> None:
    """Serve until the grader closes the connection."""
    control = socket.socket(fileno=int(sys.argv[1]))
    forget_retroprop()
    confined = package_of_here()
    missing = load_libraries(confined)
    readable = readable_paths()
    os.environ.clear()
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", MPLBACKEND="Agg", LANG="C.UTF-8")
    gc.collect()
    gc.freeze()
    assert len(os.listdir("/proc/self/task")) == 1, "only with one thread is a fork safe"
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers are forgotten when they end
    control.send(json.dumps({"ready": True, "missing": missing}).encode())
    while True:
        data, files, _, _ = socket.recv_fds(control, 1 << 16, 4)
        if not data:
            return
        if os.fork() == 0:
            try:
                control.close()
                keep(json.loads(data), files, readable, confined)
            finally:
                os._exit(70)
        for file in files:
            os.close(file)


# --- before the first fork ------------------------------------------------------------------------


class Nowhere(importlib.abc.MetaPathFinder):
    """Says that there is no retroprop."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        """Raises: ModuleNotFoundError: For retroprop and all that is in it."""
        if fullname.partition(".")[0] == "retroprop":
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def forget_retroprop() -> None:
    """Nothing of retroprop can be imported; its files cannot be read either, by Landlock."""
    sys.path[:] = [
        path
        for path in sys.path
        if "site-packages" in path or not os.path.isdir(os.path.join(path, "retroprop"))
    ]
    sys.meta_path.insert(0, Nowhere())


def package_of_here() -> types.ModuleType:
    """The modules beside this one, as the package `confined`."""
    package = types.ModuleType("confined")
    package.__path__ = [HERE]
    sys.modules["confined"] = package
    for name in ("messages", "confinement", "stand_ins", "submission"):
        setattr(package, name, importlib.import_module(f"confined.{name}"))
    package.__path__ = []
    return package


def load_libraries(confined: types.ModuleType) -> list[str]:
    """Import what submissions import; the names of what is missing, and has a stand-in."""
    for name in (
        "argparse", "collections", "copy", "dataclasses", "functools", "gzip", "itertools", "json",
        "math", "pathlib", "pickle", "random", "time", "typing", "urllib.request", "warnings",
        "numpy", "torch", "safetensors.torch", "torch.nn.functional", "torch.utils.data",
        "torch.autograd.functional",
    ):  # fmt: skip
        importlib.import_module(name)
    missing = confined.stand_ins.install()
    importlib.import_module("matplotlib.pyplot")
    warm_up()
    return missing


def warm_up() -> None:
    """Let torch import what it imports late: its first optimizer alone costs a second."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    torch.set_num_threads(1)
    load_in_one_process(DataLoader)
    x = torch.ones(3, requires_grad=True)
    torch.autograd.functional.jacobian(lambda t: t**2, x)
    optimizers = [torch.optim.Adam([x], lr=0.1), torch.optim.SGD([x], lr=0.1)]
    torch.nn.functional.cross_entropy(x[None], torch.tensor([0])).backward()
    for optimizer in optimizers:
        optimizer.step()
    next(iter(DataLoader(TensorDataset(torch.zeros(2, 2)))))
    image = torch.zeros(1, 1, 4, 4)
    torch.nn.functional.conv2d(torch.nn.functional.max_pool2d(image, 2), torch.zeros(1, 1, 2, 2))


def load_in_one_process(loader: Any) -> None:
    """Data loaders load in the process itself: a submission can start no other."""
    make, signature = loader.__init__, inspect.signature(loader.__init__)
    ignored = (
        "num_workers", "prefetch_factor", "persistent_workers", "multiprocessing_context", "timeout",
    )  # fmt: skip

    def make_alone(self: Any, *arguments: Any, **named: Any) -> None:
        given = signature.bind(self, *arguments, **named)
        for name in ignored:
            given.arguments.pop(name, None)
        make(*given.args, **given.kwargs)

    loader.__init__ = make_alone


def readable_paths() -> list[str]:
    """The libraries, without retroprop."""
    import torch

    standard = os.path.dirname(os.__file__)
    packages = os.path.dirname(os.path.dirname(torch.__file__))
    paths = [*READABLE]
    for folder in {standard, packages}:
        paths += [
            os.path.join(folder, name)
            for name in os.listdir(folder)
            if "retroprop" not in name and name != "site-packages"
        ]
    return paths


# --- one submission -------------------------------------------------------------------------------


def keep(order: dict, files: list[int], readable: list[str], confined: types.ModuleType) -> None:
    """Confine a process for a submission, wait for its end or the grader's, and tell.

    Args:
        order: As `sessions.Session` writes it.
        files: Connection, output and status, which is this keeper's own connection.
        readable: What the process may read.
        confined: The package of these modules.
    """
    confinement = confined.confinement
    connection, output, status_file = files
    status = socket.socket(fileno=status_file)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    confinement.adopt_orphans()
    user = order["user"] if os.getuid() == 0 else None
    made = confinement.namespaces(order["namespaces"])
    mounted = False
    if "mount" in made:
        try:
            confinement.scratch(
                order["folder"],
                user,
                most_bytes=order["folder_bytes"],
                most_files=order["most_files"],
            )
            mounted = True
        except OSError:
            made.remove("mount")
    pid = os.fork()
    if pid == 0:
        status.close()
        arrange_files(connection, output)
        os.chdir(order["folder"])
        os.environ.update(HOME=order["folder"], TMPDIR=order["folder"])
        os.umask(0o077)
        sys.argv[:] = ["solution.py"]
        limits = confinement.ResourceLimits(**order["limits"])
        wanted = confinement.Confinement(
            limits=limits,
            readable=readable,
            writable=[order["folder"]],
            user=user,
            landlock_at_most=order["landlock_at_most"],
            seccomp=order["seccomp"],
        )
        held = confinement.confine(wanted)
        confined.submission.serve(CONNECTION, [*(f"namespace {kind}" for kind in made), *held])
        os._exit(0)
    os.close(connection)
    os.close(output)
    tell(status, {"pid": pid, "mounted": mounted})
    select.select([status, os.pidfd_open(pid)], [], [])
    os.kill(pid, signal.SIGKILL)
    _, code = os.waitpid(pid, 0)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    tell(
        status,
        {"code": os.waitstatus_to_exitcode(code), "processor_s": used.ru_utime + used.ru_stime},
    )
    os.killpg(0, signal.SIGKILL)


def arrange_files(connection: int, output: int) -> None:
    """Standard input is empty, both outputs go to the grader, and so does the connection."""
    empty = os.open("/dev/null", os.O_RDONLY)
    for number, file in enumerate((empty, output, output, connection)):
        os.dup2(file, number)
    os.closerange(CONNECTION + 1, MOST_OPEN_FILES)
    sys.stdout.reconfigure(line_buffering=True)  # pyright: ignore[reportAttributeAccessIssue]


def tell(status: socket.socket, news: dict) -> None:
    """A line to the grader, if it still listens."""
    try:
        status.send(json.dumps(news).encode() + b"\n")
    except OSError:
        pass


if __name__ == "__main__":
    main()
