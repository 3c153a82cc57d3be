"""The one command that helps where the kernel does not let us look, for the environment we are in.

Sources: ptrace(2) ("Ptrace access mode checking"), capabilities(7), Documentation/admin-guide/LSM/Yama.rst,
profiles of kubectl debug (KEP-1441), docker run (`--pid`, `--cap-add`).
"""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass

from spindoctor.probe.proc import parse_status, try_bytes, try_text

_CAP_SYS_PTRACE = 19
_YAMA_NOBODY = 3
"""No process may be traced until the next boot, whoever asks."""

_CONTAINER_MARKS = (
    ("/var/run/secrets/kubernetes.io", "kubernetes"),
    ("/run/.containerenv", "podman"),
    ("/.dockerenv", "docker"),
)
_OUR_PROGRAMS = frozenset({"spindoctor", "__main__.py"})
_ON_PROCESSES = frozenset({"diagnose", "dump", "record", "top"})
_KUBERNETES_NAME = "KUBERNETES_SERVICE_HOST"


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides who may look at whom.

    `has_ptrace`: we have CAP_SYS_PTRACE; `can_gain_ptrace`: root would have it here (it is in the bounding set).
    `command` is how we are started, `arguments` what was asked of us (empty: to diagnose the process),
    `container` what we are inside of, if any.
    """

    pid: int
    uid: int
    target_uid: int | None
    has_ptrace: bool
    can_gain_ptrace: bool = True
    has_sudo: bool = True
    yama: int = 0
    container: str | None = None
    host: str = ""
    command: str = "spindoctor"
    arguments: str = ""
    is_denied_by_selinux: bool = False


def hint_for(pid: int) -> str:
    """The one command that helps to look at a process that the kernel refused us; never fails."""
    return advise(read_situation(pid))


def advise(now: Situation) -> str:
    """The one command that helps in a situation."""
    if now.has_ptrace:
        return _advise_the_mighty(now)
    if now.can_gain_ptrace and (now.has_sudo or now.container is None):
        return f"{_reason(now)} Run it as root: sudo {now.command} {_asked(now)}"
    return f"{_reason(now)} {_advise_from_outside(now)}"


def _advise_from_outside(now: Situation) -> str:
    """In a container without sudo, or where even root lacks the capability."""
    if now.container is None:
        return "Root has not got it here either: run it outside of this sandbox, on the host."
    if now.container != "kubernetes":
        if now.can_gain_ptrace:
            return _inside(now, 0)
        if now.target_uid not in {None, now.uid}:
            return _inside(now, now.target_uid)
    return _side_container(now)


def _inside(now: Situation, uid: int | None) -> str:
    exec_as = f"{now.container} exec -it -u {uid} {now.host}"
    return f"Run it as user {uid}, from the host: {exec_as} {now.command} {_asked(now)}"


def _reason(now: Situation) -> str:
    if now.target_uid not in {None, now.uid}:
        return f"It belongs to user {now.target_uid}, and we run as {now.uid} without CAP_SYS_PTRACE."
    if now.yama:
        return f"kernel.yama.ptrace_scope is {now.yama}, and we lack CAP_SYS_PTRACE."
    return "We lack CAP_SYS_PTRACE."


def _side_container(now: Situation) -> str:
    """Neither needs a restart of the service."""
    if now.container == "kubernetes":
        return (
            "Attach a debug container: "
            f"kubectl debug -it {now.host} --profile=general --target=CONTAINER --image=IMAGE_WITH_SPINDOCTOR "
            f"-- spindoctor {_asked(now)}"
        )
    return (
        f"Start a container beside it, on the host: {now.container} run --rm -it --pid=container:{now.host} "
        f"--cap-add=SYS_PTRACE IMAGE_WITH_SPINDOCTOR spindoctor {_asked(now)}"
    )


def _advise_the_mighty(now: Situation) -> str:
    """We have the capability and are refused all the same."""
    if now.yama >= _YAMA_NOBODY:
        return (
            "kernel.yama.ptrace_scope is 3: nobody may look into a process until the next boot. "
            "For that boot: echo 'kernel.yama.ptrace_scope = 1' | sudo tee /etc/sysctl.d/10-ptrace.conf"
        )
    if now.is_denied_by_selinux:
        return "SELinux denies it to everybody. Allow it for now: sudo setsebool deny_ptrace 0"
    return f"A security module refuses it. See which: sudo dmesg | tail; then {now.command} {_asked(now)} again"


def read_situation(pid: int) -> Situation:
    """The situation for one target; what cannot be read counts as harmless."""
    status = parse_status(try_bytes("/proc/self/status"))
    yama = try_text("/proc/sys/kernel/yama/ptrace_scope").strip()
    mark = 1 << _CAP_SYS_PTRACE
    return Situation(
        pid=pid,
        uid=os.geteuid(),
        target_uid=_owner(pid),
        has_ptrace=bool(int(status.get("CapEff", "0"), 16) & mark),
        can_gain_ptrace=bool(int(status.get("CapBnd", "0"), 16) & mark),
        has_sudo=any(os.access(f"{folder}/sudo", os.X_OK) for folder in os.get_exec_path()),
        yama=int(yama) if yama.isdecimal() else 0,
        container=find_container(),
        host=os.uname().nodename,
        command=own_command(),
        arguments=own_arguments(pid),
        is_denied_by_selinux=try_text("/sys/fs/selinux/booleans/deny_ptrace").startswith("1"),
    )


def _owner(pid: int) -> int | None:
    uids = parse_status(try_bytes(f"/proc/{pid}/status")).get("Uid", "").split()
    return int(uids[1]) if len(uids) > 1 else None


def find_container() -> str | None:
    """What kind of container we run in: "kubernetes", "docker", "podman", or None."""
    if _KUBERNETES_NAME in os.environ:
        return "kubernetes"
    kind = next((kind for path, kind in _CONTAINER_MARKS if os.path.exists(path)), None)
    return None if kind == "docker" and is_on_disk(try_text("/proc/self/mountinfo")) else kind


def is_on_disk(mountinfo: str) -> bool:
    """Whether the root directory is that of a disk: a machine made from an image keeps the image's marks.

    A container's may be a folder of such a disk (Docker's storage drivers vfs and btrfs).
    """
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        if before.split()[4:5] == ["/"]:
            is_device = after.split()[1:2] != [] and after.split()[1].startswith("/dev/")
            return is_device and before.split()[3] == "/"
    return False


def _asked(now: Situation) -> str:
    return now.arguments or f"diagnose {now.pid}"


def own_arguments(pid: int | None = None) -> str:
    """What was typed behind our name, as a shell takes it; with the pid where it names no target; else ""."""
    if os.path.basename(sys.argv[0]) not in _OUR_PROGRAMS or sys.argv[1:2] == [] or sys.argv[1] not in _ON_PROCESSES:
        return ""
    typed = sys.argv[1:]
    is_named = pid is None or str(pid) in typed or any(one.startswith(("--port", "--name")) for one in typed)
    return shlex.join(typed if is_named else [*typed, str(pid)])


def own_command() -> str:
    """How to start us from anywhere: sudo has another PATH, so the full path of our command."""
    beside = os.path.join(os.path.dirname(sys.executable), "spindoctor")
    for path in (os.path.abspath(sys.argv[0]), beside):
        if path.endswith("/spindoctor") and os.access(path, os.X_OK):
            return shlex.quote(path)
    return f"{shlex.quote(sys.executable)} -m spindoctor"
