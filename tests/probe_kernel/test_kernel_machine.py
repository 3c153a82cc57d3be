"""The machine and the control groups: captured texts of both versions, hierarchies on disk, one real quota."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from kernel_victims import Start, until

from spindoctor.probe import cgroups
from spindoctor.probe.cgroups import (
    Cgroup,
    Mount,
    Throttling,
    find_levels,
    parse_membership,
    parse_mounts,
    parse_stall,
    parse_throttling,
    read_cgroup,
    read_mounts,
    read_quota,
)
from spindoctor.probe.machine import (
    MachineReading,
    machine,
    parse_cpu_ticks,
    parse_file_counts,
    parse_meminfo,
    parse_tcp_counters,
    read_machine,
)
from spindoctor.probe.proc import TICK_S

V1_MEMBERSHIP = "9:name=systemd:/\n4:memory:/kube/pod1/c1\n2:cpu,cpuacct:/kube/pod1/c1\n0::/\n"
V2_MEMBERSHIP = "0::/system.slice/shop.service\n"
HOST_V1 = """22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 master:2 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
CONTAINER_V1 = "32 31 0:29 /kube/pod1/c1 /sys/fs/cgroup/cpu\\040acct ro - cgroup cgroup rw,cpu,cpuacct\n"
V1_FREEZER = "36 31 0:33 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n"
HOST_V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


def test_membership_names_each_controllers_path() -> None:
    paths = parse_membership(V1_MEMBERSHIP)

    assert paths == {
        "name=systemd": "/", "memory": "/kube/pod1/c1", "cpu": "/kube/pod1/c1", "cpuacct": "/kube/pod1/c1", "": "/",
    }  # fmt: skip
    assert parse_membership(V2_MEMBERSHIP) == {"": "/system.slice/shop.service"}


def test_only_cgroup_mounts_are_taken_and_blanks_are_unescaped() -> None:
    assert [(one.version, one.point) for one in parse_mounts(HOST_V1)] == [
        (1, "/sys/fs/cgroup/cpu,cpuacct"),
        (1, "/sys/fs/cgroup/memory"),
        (2, "/sys/fs/cgroup/unified"),
    ]
    assert [(one.root, one.point) for one in parse_mounts(CONTAINER_V1)] == [
        ("/kube/pod1/c1", "/sys/fs/cgroup/cpu acct")
    ]


def test_levels_go_from_the_process_up_to_the_mount() -> None:
    root = "/sys/fs/cgroup/cpu,cpuacct"

    found = find_levels("cpu", parse_membership(V1_MEMBERSHIP), parse_mounts(HOST_V1))

    assert found == (1, [f"{root}/kube/pod1/c1", f"{root}/kube/pod1", f"{root}/kube", root])


def test_in_a_container_the_mounted_part_of_the_path_is_left_out() -> None:
    found = find_levels("cpu", parse_membership(V1_MEMBERSHIP), parse_mounts(CONTAINER_V1))

    assert found == (1, ["/sys/fs/cgroup/cpu acct"])


def test_on_a_mixed_host_a_controller_of_version_1_is_not_sought_in_version_2() -> None:
    paths = parse_membership(V1_MEMBERSHIP)

    assert find_levels("cpu", paths, parse_mounts(HOST_V2)) == (0, [])
    assert find_levels("", paths, parse_mounts(HOST_V1)) == (2, ["/sys/fs/cgroup/unified"])


@pytest.mark.parametrize("path", ["/../../other.service", "/elsewhere"])
def test_a_cgroup_outside_of_what_is_mounted_is_not_guessed(path: str) -> None:
    mounts = [Mount(2, "/docker/abc", "/sys/fs/cgroup", frozenset())]

    assert find_levels("cpu", {"": path}, mounts) == (0, [])


def test_throttling_is_read_in_either_version() -> None:
    new = "usage_usec 5\nnr_periods 40\nnr_throttled 30\nthrottled_usec 2500000\n"
    old = "nr_periods 40\nnr_throttled 30\nthrottled_time 2500000000\n"

    assert parse_throttling("150000", "100000\n", new) == Throttling(1.5, 40, 30, 2.5)
    assert parse_throttling("150000\n", "100000\n", old) == Throttling(1.5, 40, 30, 2.5)


@pytest.mark.parametrize("quota", ["max", "-1\n", ""])
def test_no_quota_is_no_throttling(quota: str) -> None:
    assert parse_throttling(quota, "100000", "nr_periods 0\n") is None


def test_pressure_is_the_total_of_some() -> None:
    text = "some avg10=3.46 avg60=1.02 avg300=0.57 total=10581804\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"

    assert parse_stall(text) == pytest.approx(10.581804)
    assert parse_stall("") is None


def hierarchy(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="ascii")


def test_the_smallest_quota_and_memory_limit_of_all_levels_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service has a loose quota, the slice above it a tight one, and the other way round for memory."""
    hierarchy(
        tmp_path / "s", cpu__max="50000 100000\n", memory__max="max\n", cpu__stat="nr_periods 9\nnr_throttled 4\n"
    )
    hierarchy(
        tmp_path / "s/one", cpu__max="200000 100000\n", memory__max="1048576\n", memory__current="4096\n",
        cpu__pressure="some avg10=0.00 total=3000000\n", cpu__stat="nr_periods 0\n",
    )  # fmt: skip
    texts = {"/proc/7/cgroup": "0::/s/one\n", "/proc/self/mountinfo": f"1 1 0:1 / {tmp_path} rw - cgroup2 x rw\n"}
    real = cgroups.try_text
    monkeypatch.setattr(cgroups, "try_text", lambda path: texts[path] if path in texts else real(path))

    cgroup = read_cgroup(7)

    assert cgroup == Cgroup(2, Throttling(0.5, 9, 4, 0.0), 1048576, 4096, 3.0, None)
    assert read_quota(7, read_mounts()) == 0.5


def reading(at_s: float, *ticks: int, **given: object) -> MachineReading:
    return MachineReading(at_s, affinity_cores=1, cores=2, cpu_ticks=ticks, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mounts", "membership", "file", "text", "frozen"),
    [
        (V1_FREEZER, "4:freezer:/shop/web", "/sys/fs/cgroup/freezer/shop/freezer.state", "FROZEN\n", True),
        (V1_FREEZER, "4:freezer:/shop/web", "/sys/fs/cgroup/freezer/shop/web/freezer.state", "FREEZING\n", True),
        (V1_FREEZER, "4:freezer:/shop/web", "/sys/fs/cgroup/freezer/shop/web/freezer.state", "THAWED\n", False),
        (HOST_V2, "0::/shop/web", "/sys/fs/cgroup/shop/cgroup.events", "populated 1\nfrozen 1\n", True),
        (HOST_V2, "0::/shop/web", "/sys/fs/cgroup/shop/web/cgroup.events", "populated 1\nfrozen 0\n", False),
        ("", "", "", "", False),
    ],
    ids=["above", "on its way", "thawed", "version 2", "version 2, thawed", "no cgroups"],
)
def test_a_frozen_cgroup_at_any_level_freezes_the_process(  # noqa: PLR0913 - a row of the table
    monkeypatch: pytest.MonkeyPatch, mounts: str, membership: str, file: str, text: str, *, frozen: bool
) -> None:
    texts = {"/proc/7/cgroup": membership, "/proc/self/mountinfo": mounts, file: text}
    monkeypatch.setattr(cgroups, "try_text", lambda path: texts.get(path, ""))

    assert cgroups.is_frozen(7) is frozen


def test_the_first_line_of_stat_is_the_sum_of_all_cores() -> None:
    assert parse_cpu_ticks("cpu  11483 0 4755\ncpu0 1 2 3\n") == (11483, 0, 4755)
    assert parse_cpu_ticks("") == ()


def test_memory_is_in_bytes() -> None:
    assert parse_meminfo("MemTotal:       24684092 kB\nHugePages_Total:       3\nSwapFree: 8 kB\n") == {
        "MemTotal": 24684092 * 1024, "SwapFree": 8192,
    }  # fmt: skip


def test_cores_are_ticks_a_second_and_iowait_never_below_nothing() -> None:
    before = reading(10.0, 100, 0, 50, 1000, 20, 0, 0, 5)
    after = reading(12.0, 100 + round(2 / TICK_S), 0, 50 + round(1 / TICK_S), 1000, 10, 0, 0, 5 + round(0.5 / TICK_S))

    found = machine(before, after)

    assert (found.cores, found.affinity_cores) == (2, 1)
    assert (found.busy_cores, found.steal_cores, found.iowait_cores) == (1.5, 0.25, 0.0)


def test_one_reading_alone_gives_what_needs_no_time() -> None:
    memory = (("MemTotal", 100), ("MemAvailable", 40), ("SwapTotal", 10), ("SwapFree", 4))
    once = reading(10.0, 1, 2, 3, 4, 5, 6, 7, 8, memory=memory, load_1min=0.5)

    found = machine(once, once)

    assert (found.busy_cores, found.cpu_pressure, found.throttled_periods) == (None, None, None)
    assert (found.memory_bytes, found.memory_available_bytes, found.swap_used_bytes) == (100, 40, 6)
    assert found.load_1min == 0.5


def test_throttling_and_pressure_are_those_of_the_look() -> None:
    before = reading(0.0, cgroup=Cgroup(2, Throttling(0.5, 100, 90, 40.0), cpu_stall_s=7.0), cpu_stall_s=1.0)
    after = reading(2.0, cgroup=Cgroup(2, Throttling(0.5, 120, 105, 41.0), cpu_stall_s=8.5), cpu_stall_s=4.0)

    found = machine(before, after)

    assert (found.quota_cores, found.periods, found.throttled_periods, found.throttled_s) == (0.5, 20, 15, 1.0)
    assert (found.cgroup_cpu_pressure, found.cpu_pressure) == (0.75, 1.0)


@pytest.mark.live
def test_this_machine_agrees_with_itself() -> None:
    once = read_machine(os.getpid())

    found = machine(once, once)

    assert found.cores == os.cpu_count()
    assert found.affinity_cores == len(os.sched_getaffinity(0))
    assert (found.memory_available_bytes or 0) < (found.memory_bytes or 0)


@pytest.mark.live
def test_a_real_quota_throttles_a_busy_process(start: Start) -> None:
    """Two levels, the outer one with the quota, as a pod and its container have."""
    mount = next((one for one in read_mounts() if "cpu" in one.controllers), None)
    if mount is None or not os.access(mount.point, os.W_OK):
        pytest.skip("no writable hierarchy of version 1 with the CPU controller")
    outer = Path(mount.point) / f"spindoctor-test-{os.getpid()}"
    inner = outer / "inner"
    inner.mkdir(parents=True)
    try:
        (outer / "cpu.cfs_quota_us").write_text("10000", encoding="ascii")
        victim = start("import sys; print('ready', flush=True); sys.stdin.readline()\nwhile True: pass")
        (inner / "cgroup.procs").write_text(str(victim.pid), encoding="ascii")
        before = read_machine(victim.pid)
        victim.begin()
        is_throttled = until(lambda: (machine(before, read_machine(victim.pid)).throttled_periods or 0) >= 2)
        found = machine(before, read_machine(victim.pid))
        victim.end()
    finally:
        inner.rmdir()
        outer.rmdir()

    assert is_throttled
    assert found.quota_cores == 0.1
    assert (found.throttled_s or 0) > 0.05


def test_connections_are_counted_by_name() -> None:
    text = "Ip: Forwarding\nIp: 1\nTcp: RtoMin ActiveOpens AttemptFails\nTcp: 200 9 7\nUdp: InDatagrams\nUdp: 3\n"

    assert parse_tcp_counters(text) == {"RtoMin": 200, "ActiveOpens": 9, "AttemptFails": 7}
    assert parse_tcp_counters("Tcp: RtoMin\n") == parse_tcp_counters("") == {}


def test_the_files_of_the_machine_stand_beside_their_limit() -> None:
    """The second number is always 0 since Linux 2.6."""
    assert parse_file_counts("615\t0\t2466177\n") == (615, 2466177)
    assert parse_file_counts("") is None
    assert parse_file_counts("615 none 2466177") is None


def test_files_are_those_of_the_later_reading() -> None:
    found = machine(reading(1.0, files=(5, 100)), reading(2.0, files=(7, 100)))

    assert (found.open_files, found.open_files_limit) == (7, 100)
    assert machine(reading(1.0), reading(2.0)).open_files is None


def test_connections_that_failed_meanwhile_are_the_difference() -> None:
    assert machine(reading(1.0, failed_connects=7), reading(2.0, failed_connects=19)).failed_connects == 12
    assert machine(reading(1.0), reading(2.0, failed_connects=19)).failed_connects is None
