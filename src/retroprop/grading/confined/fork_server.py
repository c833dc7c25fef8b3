"""The fork server: imports torch once, and forks a confined process for each submission.

    python fork_server.py CONTROL SETTINGS     the number of a socket; JSON, as `Settings` has it
    python fork_server.py --alone              no fork and no confinement, where there is no Linux

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
import select
import signal
import socket
import sys
import types
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

try:
    import resource
except ImportError:  # Windows, where nothing is confined
    resource: Any = None

HERE = os.path.dirname(os.path.abspath(__file__))
CONNECTION = 3
"""Of the submission to the grader: the number of its file."""
MOST_OPEN_FILES = 1_024
FAILED = 70
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
    "MPLBACKEND": "Agg", "CUDA_VISIBLE_DEVICES": "",
    "PYTHONHASHSEED": "0",  # the same order of sets, so the same answers
}  # fmt: skip
"""Of the server and of every submission."""
READABLE = (
    "/usr/lib", "/lib", "/lib64", "/usr/share/zoneinfo", "/etc/localtime", "/usr/share/fonts",
    "/dev/null", "/dev/urandom", "/proc/cpuinfo", "/sys/devices/system/cpu",
)  # fmt: skip
CONFINE = ("confinement", "landlock", "namespaces", "seccomp")
"""The modules that confine: they come first, and need no library."""
SERVE = ("messages", "stand_ins", "healing", "observation", "submission")
"""Those that run submissions."""
LIBRARIES = (
    "argparse", "collections", "copy", "dataclasses", "functools", "gzip", "itertools", "json",
    "math", "pathlib", "pickle", "random", "time", "typing", "urllib.request", "warnings",
    "numpy", "torch", "safetensors.torch", "torch.nn.functional", "torch.utils.data",
    "torch.autograd.functional",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How submissions are confined.

    Attributes:
        required: Whether a process ends where neither Landlock nor a root of its own holds.
        user: Whom a submission becomes, where the grader is root; None: it stays who it is.
        landlock_at_most: The version of Landlock that is used at most; 0 for none.
        namespaces: Those that are made.
        seccomp: Whether system calls are filtered.
    """

    required: bool
    user: int | None
    landlock_at_most: int
    namespaces: Sequence[str]
    seccomp: bool


def main(control_number: int, settings: Settings) -> None:
    """Serve until the grader closes the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the grader, which had it blocked
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    control = socket.socket(fileno=control_number)
    places = readable_and_hidden()
    forget_retroprop()
    confined = package_of_here(*CONFINE)
    layers = layers_of_machine(settings, places, confined)
    control.send(json.dumps(layers).encode())
    if settings.required and not (layers["landlock"] or layers["root"]):
        return
    confined = package_of_here(*CONFINE, *SERVE)
    missing = load_libraries(confined)
    os.environ.clear()
    os.environ.update(ENVIRONMENT, LANG="C.UTF-8")
    gc.collect()
    gc.freeze()
    assert len(os.listdir("/proc/self/task")) == 1, "only with one thread is a fork safe"
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers are forgotten when they end
    control.send(json.dumps({"missing": missing}).encode())
    while True:
        data, files, _, _ = socket.recv_fds(control, 1 << 16, 4)
        if not data:
            return
        with suppress(OSError):  # no process can be started: the grader sees its files closed
            if os.fork() == 0:
                try:
                    control.close()
                    keep(json.loads(data), files, settings, layers, places, confined)
                finally:
                    os._exit(FAILED)
        for file in files:
            os.close(file)


def alone() -> None:
    """Serve one submission in this process: orders come from standard input, replies go out.

    What the submission prints goes to standard error.
    """
    orders, replies = os.dup(0), os.dup(1)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # pyright: ignore[reportAttributeAccessIssue]
    sys.argv[:] = ["solution.py"]
    forget_retroprop()
    confined = package_of_here(*SERVE)
    load_libraries(confined)
    confined.submission.serve(orders, replies, [])


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
        if "-packages" in path or not os.path.isdir(os.path.join(path, "retroprop"))
    ]
    sys.meta_path.insert(0, Nowhere())


def readable_and_hidden() -> tuple[list[str], list[str]]:
    """The libraries; and retroprop, wherever it is among them."""
    standard = os.path.dirname(os.__file__)
    packages = [path for path in sys.path if path.endswith("-packages") and os.path.isdir(path)]
    libraries = os.path.dirname(standard)  # Python's own, and shared ones beside it
    readable = [path for path in (*READABLE, libraries, *packages) if os.path.exists(path)]
    hidden = [os.path.dirname(os.path.dirname(HERE))]
    for folder in {
        *packages,
        *(os.path.join(standard, f"{kind}-packages") for kind in ("site", "dist")),
    }:
        if os.path.isdir(folder):
            names = [name for name in os.listdir(folder) if "retroprop" in name]
            hidden += [os.path.join(folder, name) for name in names]
    return readable, hidden


def package_of_here(*names: str) -> types.ModuleType:
    """Modules beside this one, as the package `confined`."""
    package = types.ModuleType("confined")
    package.__path__ = [HERE]
    sys.modules["confined"] = package
    for name in names:
        setattr(package, name, importlib.import_module(f"confined.{name}"))
    package.__path__ = []
    return package


def load_libraries(confined: types.ModuleType) -> list[str]:
    """Import what submissions import; the names of what is missing, and has a stand-in."""
    for name in LIBRARIES:
        importlib.import_module(name)
    missing = confined.stand_ins.install()
    importlib.import_module("matplotlib.pyplot")
    warm_up()
    confined.submission.ordinary_state()
    confined.messages.rehearse()
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
        "num_workers", "prefetch_factor", "persistent_workers", "multiprocessing_context",
        "timeout",
    )  # fmt: skip

    def make_alone(self: Any, *arguments: Any, **named: Any) -> None:
        given = signature.bind(self, *arguments, **named)
        for name in ignored:
            given.arguments.pop(name, None)
        make(*given.args, **given.kwargs)

    loader.__init__ = make_alone


def layers_of_machine(settings: Settings, places: tuple, confined: types.ModuleType) -> dict:
    """What this machine has of what the settings ask for: landlock, root, seccomp and user."""
    landlock = confined.landlock.version(settings.landlock_at_most)
    root = (
        not landlock
        and "mount" in settings.namespaces
        and can_make_root(settings, places, confined)
    )
    seccomp = settings.seccomp and confined.seccomp.is_possible()
    becomes = settings.user is not None and confined.confinement.other_user_reads(os.__file__)
    user = settings.user if becomes else None
    return {"landlock": landlock, "root": root, "seccomp": seccomp, "user": user}


def can_make_root(settings: Settings, places: tuple, confined: types.ModuleType) -> bool:
    """Whether a process here can have a root of its own: one tries."""
    pid = os.fork()
    if pid == 0:
        code = FAILED
        with suppress(OSError):
            confined.namespaces.unshare(settings.namespaces)
            confined.namespaces.keep_mounts_private()
            readable, hidden = places
            tried = confined.landlock.Places(readable=readable, hidden=hidden, folder="/tmp")
            confined.namespaces.new_root(tried, None, most_bytes=1 << 20, most_files=10)
            os.chroot("/tmp")
            code = 0
        os._exit(code)
    _, status = os.waitpid(pid, 0)
    return status == 0


# --- one submission -------------------------------------------------------------------------------


def keep(
    order: dict,
    files: list[int],
    settings: Settings,
    layers: dict,
    readable_hidden: tuple,
    confined: types.ModuleType,
) -> None:
    """Confine a process for a submission, wait for its end or the grader's, and tell.

    Args:
        order: As `sessions.Session` writes it.
        files: Connection, output and status, which is this keeper's own connection.
        settings: How submissions are confined.
        layers: What this machine has for it.
        readable_hidden: What submissions may read, and what not.
        confined: The package of these modules.
    """
    confinement = confined.confinement
    connection, output, status_number = files
    status = socket.socket(fileno=status_number)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    confinement.adopt_orphans()
    readable, hidden = readable_hidden
    places = confined.landlock.Places(readable=readable, hidden=hidden, folder=order["folder"])
    limits = confinement.ResourceLimits(**order["limits"])
    made = confined.namespaces.unshare(settings.namespaces)
    mounted = "mount" in made and mount_folder(order, layers, places, confined.namespaces)
    if layers["user"] is None and "user" not in made:
        limits = replace(limits, threads=limits.threads + confinement.threads_of_user())
    wanted = confinement.Confinement(
        limits=limits,
        places=places,
        user=layers["user"],
        root=order["folder"] if layers["root"] else None,
        landlock=layers["landlock"],
        seccomp=layers["seccomp"],
        required=settings.required,
    )
    pid = os.fork()
    if pid == 0:
        status.close()
        arrange_files(connection, output)
        os.environ.update(HOME=order["folder"], TMPDIR=order["folder"])
        os.umask(0o077)
        sys.argv[:] = ["solution.py"]
        signal.signal(signal.SIGINT, signal.default_int_handler)
        begin(wanted, made, confined)
        os._exit(0)
    os.close(connection)
    os.close(output)
    tell(status, {"pid": pid, "mounted": mounted})
    select.select([status, os.pidfd_open(pid)], [], [])
    os.kill(pid, signal.SIGKILL)
    _, code = os.waitpid(pid, 0)
    end_orphans()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor_s = used.ru_utime + used.ru_stime
    tell(status, {"code": os.waitstatus_to_exitcode(code), "processor_s": processor_s})


def begin(wanted: Any, made: list[str], confined: types.ModuleType) -> None:
    """Confine this process, then serve; what hinders it is the grader's affair, and is told."""
    try:
        held = [f"namespace {kind}" for kind in made] + confined.confinement.confine(wanted)
    except Exception as error:
        confined.submission.send(
            CONNECTION, {"id": 0, "failed": f"{type(error).__name__}: {error}"}
        )
        return
    confined.submission.serve(CONNECTION, CONNECTION, held)


def mount_folder(order: dict, layers: dict, places: Any, namespaces: types.ModuleType) -> bool:
    """Mount what a submission writes in memory, and its root where Landlock is missing.

    Returns:
        Whether that was possible.

    Raises:
        OSError: If the root is needed, and not possible.
    """
    bounds = {"most_bytes": order["folder_bytes"], "most_files": order["most_files"]}
    try:
        namespaces.keep_mounts_private()
        if layers["root"]:
            namespaces.new_root(places, layers["user"], **bounds)
        else:
            namespaces.scratch(places.folder, layers["user"], **bounds)
    except OSError:
        if layers["root"]:
            raise
        return False
    return True


def end_orphans() -> None:
    """End what a submission left behind, where nothing kept it from starting processes."""
    while True:
        with open("/proc/thread-self/children", encoding="ascii") as file:
            pids = [int(pid) for pid in file.read().split()]
        if not pids:
            return
        for pid in pids:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def arrange_files(connection: int, output: int) -> None:
    """Standard input is empty, both outputs go to the grader, and so does the connection."""
    empty = os.open("/dev/null", os.O_RDONLY)
    for number, file in enumerate((empty, output, output, connection)):
        os.dup2(file, number)
    os.closerange(CONNECTION + 1, MOST_OPEN_FILES)
    sys.stdout.reconfigure(line_buffering=True)  # pyright: ignore[reportAttributeAccessIssue]


def tell(status: socket.socket, news: dict) -> None:
    """A line to the grader, if it still listens."""
    with suppress(OSError):
        status.send(json.dumps(news).encode() + b"\n")


if __name__ == "__main__" and sys.argv[1:] == ["--alone"]:
    alone()
elif __name__ == "__main__":
    with suppress(ConnectionError):  # the grader was killed: nobody waits for an answer
        main(int(sys.argv[1]), Settings(**json.loads(sys.argv[2])))
