"""What a process may do: its limits, and on Linux no network, no other programs and no other files.

Landlock (Linux 5.13 and later) restricts files and signals, seccomp forbids system calls. Both are asked for through
the system's C library, because no maintained package offers them.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
import sys
import sysconfig
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

KEPT_VARIABLES = frozenset(
    "LANG LANGUAGE LC_ALL LC_CTYPE TZ LD_LIBRARY_PATH PYTHONHOME PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX "
    "SYSTEMROOT ORT_DISABLE_TELEMETRY HF_HUB_DISABLE_TELEMETRY RAY_USAGE_STATS_ENABLED GRADIO_ANALYTICS_ENABLED "
    "DO_NOT_TRACK".split()
)
"""Environment variables that a process in which files are parsed gets. No others: they may hold secrets."""

LARGEST_FILE = 64 << 20
"""Bytes of a file that such a process writes."""

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_READ = 1 << 2 | 1 << 3  # files and folders
_WRITE = 1 << 1 | 1 << 5 | 1 << 7 | 1 << 8  # write and remove files, make folders and files
_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""Rights to files that each version of Landlock knows, by the first version that does."""
_TRUNCATE = 1 << 14

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# fmt: off
_FORBIDDEN = {
    # name: (x86_64, aarch64); None where there is no such call
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203),
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_send_signal": (424, 424), "pidfd_getfd": (438, 438), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
    "setpgid": (109, 154), "setsid": (112, 157), "unshare": (272, 97), "setns": (308, 268),
    "mount": (165, 40), "umount2": (166, 39), "mknod": (133, None), "mknodat": (259, 33),
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "lchown": (94, None), "fchown": (93, 55), "fchownat": (260, 54),
    "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
}
# fmt: on
_KILL_CALL, _TGKILL, _PRLIMIT = (62, 129), (234, 131), (302, 261)
"""Calls on processes, which are allowed on the process itself."""
_CLONE, _CLONE3 = (56, 220), (435, 435)
_CLONE_THREAD = 0x10000
_EPERM, _ENOSYS = 1, 38
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000


def clean_environment() -> dict[str, str]:
    """The variables of this process that a process gets in which files are parsed."""
    kept = {name: value for name, value in os.environ.items() if name in KEPT_VARIABLES}
    return {**kept, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def limit_resources(seconds: float, memory: int) -> None:
    """Limit this process's memory in bytes and the processor time of what it does next, and forbid core dumps."""
    try:
        import resource
    except ImportError:  # not on Windows, where the parent's time limit still applies
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    soon = int(used.ru_utime + used.ru_stime + 2 * seconds) + 2
    for kind, wanted in (
        (resource.RLIMIT_CPU, soon),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, LARGEST_FILE),
    ):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (wanted if hard < 0 else min(wanted, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def end_with_pipe(descriptor: int) -> None:
    """Have this process and all that share its process group killed when the other end of a pipe is closed."""
    if sys.platform == "linux":
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(descriptor, fcntl.F_SETOWN, -os.getpgrp() if os.getpgrp() == os.getpid() else os.getpid())
        fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
        with suppress(BlockingIOError):  # closed before it was watched
            if not os.read(descriptor, 1):
                os._exit(1)
        return

    def wait() -> None:
        os.read(descriptor, 1)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def die_with_parent(parent: int) -> None:
    """Have this process killed when the process that made it ends. On Linux only."""
    if sys.platform == "linux":
        _prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)


def confine(read: Iterable[Path], write: Iterable[Path] = ()) -> None:
    """Take from this process, for good, the network, other programs, and files but these and Python's own.

    What this machine cannot forbid stays allowed: `gaps` names it.
    """
    if sys.platform != "linux":
        return
    libc = _libc()
    _prctl(38, 1)  # PR_SET_NO_NEW_PRIVS, which both ask for
    _restrict_files(libc, [*read, *_python()], list(write))
    _forbid_calls()


def gaps() -> list[str]:
    """What a process in which files are parsed could still do on this machine, which `confine` should forbid."""
    if sys.platform != "linux":
        return ["network, other programs and other files (Linux only)"]
    libc = _libc()
    found = []
    version = _landlock_version(libc)
    if version < 1:
        found.append("other files (Landlock is not available)")
    elif version < 3:
        found.append("cutting files short (Landlock is older than version 3)")
    if not _has_seccomp():
        found.append("network and other programs (seccomp is not available)")
    return found


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, *arguments: int) -> int:
    return int(_libc().prctl(option, *(ctypes.c_ulong(value) for value in [*arguments, 0, 0, 0, 0][:4])))


def _landlock_version(libc: ctypes.CDLL) -> int:
    return int(libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1)))


def _has_seccomp() -> bool:
    return platform.machine() in _ARCHITECTURES and _prctl(21) >= 0  # PR_GET_SECCOMP


def _python() -> list[Path]:
    """Folders of Python, its libraries, the system's libraries and this package."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    places = {sysconfig.get_path(name) for name in names} | {"/lib", "/lib64", "/usr/lib", "/usr/lib64"}
    return [*map(Path, sorted(places)), Path(__file__).parents[1], Path(os.devnull)]


def _restrict_files(libc: ctypes.CDLL, read: list[Path], write: list[Path]) -> None:
    version = _landlock_version(libc)
    if version < 1:
        return
    handled = next(rights for first, rights in sorted(_RIGHTS.items(), reverse=True) if version >= first)
    # Connections and servers (version 4), sockets and signals of others (version 6).
    attributes = struct.pack("=QQQ", handled, 3, 3)[: 24 if version >= 6 else 16 if version >= 4 else 8]
    ruleset = libc.syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    if ruleset < 0:
        return
    for path, rights in [*((path, _READ) for path in read), *((path, _READ | _WRITE | _TRUNCATE) for path in write)]:
        _allow(libc, ruleset, path, rights & handled)
    libc.syscall(_LANDLOCK_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not path.is_dir():
        rights &= 1 << 1 | 1 << 2 | _TRUNCATE
    rule = struct.pack("=Qi", rights, descriptor)
    libc.syscall(_LANDLOCK_ADD, ctypes.c_int(ruleset), ctypes.c_int(1), rule, ctypes.c_uint32(0))
    os.close(descriptor)


def _forbid_calls() -> None:
    if not _has_seccomp():
        return
    machine = platform.machine()
    program = _filter(list(_ARCHITECTURES).index(machine), _ARCHITECTURES[machine], os.getpid())
    code = ctypes.create_string_buffer(program)
    description = ctypes.create_string_buffer(struct.pack("HP", len(program) // 8, ctypes.addressof(code)))
    _prctl(22, 2, ctypes.addressof(description))  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


def _filter(column: int, architecture: int, own: int) -> bytes:
    """A program of classic BPF over struct seccomp_data: number at 0, architecture at 4, first argument at 16."""
    load, equal, at_least, has_bits, give = 0x20, 0x15, 0x35, 0x45, 0x06

    def step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
        return struct.pack("=HBBI", code, yes, no, value)

    refuse = step(give, _ERRNO | _EPERM)
    program = [step(load, 4), step(equal, architecture, 1, 0), step(give, _KILL), step(load, 0)]
    if column == 0:
        program += [step(at_least, 0x40000000, 0, 1), refuse]  # the x32 calls of x86_64
    for numbers in _FORBIDDEN.values():
        if (number := numbers[column]) is not None:
            program += [step(equal, number, 0, 1), refuse]
    # glibc asks for clone where there is no clone3; only clone's flags can be looked at.
    program += [step(equal, _CLONE3[column], 0, 1), step(give, _ERRNO | _ENOSYS)]
    program += [step(equal, _CLONE[column], 0, 3), step(load, 16), step(has_bits, _CLONE_THREAD, 1, 0), refuse]
    program += [step(load, 0)]
    for numbers, value in ((_KILL_CALL, own), (_TGKILL, own), (_PRLIMIT, 0)):
        program += [step(equal, numbers[column], 0, 4), step(load, 16), step(equal, value, 1, 0), refuse]
        program += [step(give, _ALLOW)]
    program += [step(give, _ALLOW)]
    return b"".join(program)
