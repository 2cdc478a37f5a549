#!/usr/bin/env bash
# Fresh Debian systems, as root: made by debootstrap from MIRROR, entered, booted. For scripts to source.

# inside ROOT COMMAND...: runs it with processes and mounts of its own, which end with it.
inside() {
    # shellcheck disable=SC2016  # the inner shell expands it
    unshare --mount --pid --fork --kill-child bash -ec '
        root=$1; shift
        mount -t proc proc "$root/proc"
        mount -t tmpfs tmpfs "$root/dev/shm"
        mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
        exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
            DEBIAN_FRONTEND=noninteractive JOBS="${JOBS:-$(nproc)}" "$@"' inside "$@"
}

# boot ROOT PROGRAM: boots the root's systemd as in a container without a network. It runs PROGRAM, a path in the root, and
# ends with it. What systemd could change of this machine is read-only or taken away.
boot() {
    cat >"$1/etc/systemd/system/boot.service" <<END
[Unit]
SuccessAction=exit
FailureAction=exit
FailureActionExitStatus=1

[Service]
Type=oneshot
Environment=LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
ExecStart=$2
StandardOutput=file:/boot.log
StandardError=inherit
END
    local status=0 group=pganalytics-packages-$$
    # shellcheck disable=SC2016  # the inner shell expands it
    unshare --mount --pid --net --ipc --uts --fork --kill-child bash -ec '
        mount --bind "$1" "$1"
        cd "$1"
        mount -t proc proc proc
        mount --bind proc/sys proc/sys
        mount -o remount,bind,ro proc/sys
        mount -t tmpfs -o mode=755 tmpfs mnt
        cp -a dev/. mnt
        mount --move mnt dev
        mount -t tmpfs -o mode=1777 tmpfs dev/shm
        mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
        mount -t tmpfs -o mode=755 tmpfs run
        ip link set lo up
        mount -t cgroup2 cgroup2 mnt
        mkdir -p "mnt/$2"
        echo 0 >"mnt/$2/cgroup.procs"
        umount mnt
        exec unshare --cgroup bash -ec "
            mount -t sysfs -o ro sysfs sys
            mount -t cgroup2 cgroup2 sys/fs/cgroup
            pivot_root . mnt
            umount --lazy /mnt
            exec setpriv --bounding-set=-sys_module,-sys_time,-sys_rawio,-syslog \
                env -i container=packages PATH=/usr/sbin:/usr/bin:/sbin:/bin \
                /lib/systemd/systemd --unit=boot.service --show-status=no"
        ' boot "$1" "$group" || status=$?
    cat "$1/boot.log"
    # shellcheck disable=SC2016  # the inner shell expands it
    unshare --mount bash -ec 'mount -t cgroup2 cgroup2 /mnt
        find "/mnt/$1" -depth -type d -exec rmdir {} +' boot "$group"
    return "$status"
}

# debian SUITE ROOT: makes a minimal system, unless it is there, and brings it up to date.
debian() {
    local suite=$1 root=$2 mirror=${MIRROR:-http://deb.debian.org/debian} script=()
    if [ ! -e "$root/ready" ]; then
        rm -rf "$root"
        # debootstrap may be older than the release. All are made as sid is.
        [ -e "/usr/share/debootstrap/scripts/$suite" ] || script=(/usr/share/debootstrap/scripts/sid)
        debootstrap --variant=minbase "$suite" "$root" "$mirror" "${script[@]}" >"$root.log"
        printf 'deb %s %s main\n' "$mirror" "$suite" "$mirror" "$suite-updates" \
            "${mirror%/debian}/debian-security" "$suite-security" >"$root/etc/apt/sources.list"
        # Nothing starts when it is installed, as in any container.
        printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
        chmod 755 "$root/usr/sbin/policy-rc.d"
        printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
        touch "$root/ready"
    fi
    inside "$root" apt-get -qq update
    inside "$root" apt-get -qq -y dist-upgrade >/dev/null
}
