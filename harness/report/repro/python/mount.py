#: mount-plain
def mount():
    opened()


def unmount_merged():
    pass


def program_died():
    return None


#: mount-kernel
def mount(options):
    print(f"         $ mount -t overlay overlay -o '{options}' {merged}")
    call("mount", b"overlay", raw(merged), b"overlay", 0, raw(options))
    opened()


def unmount_merged():
    call("umount2", raw(merged), 0)


def program_died():
    return None


#: mount-program
ENVIRONMENT = dict(os.environ)


def is_mounted():
    with os.fdopen(os.open("/proc/self/mountinfo", os.O_RDONLY)) as table:
        return any(line.split()[4] == f"{DIR}/{merged}" for line in table)


def end_with_parent():
    call("prctl", 1, int(signal.SIGKILL))  # PR_SET_PDEATHSIG


def said():
    return " ".join(os.pread(log, 65536, 0).decode(errors="replace").split())


def mount(command):
    global daemon, log
    print("         $", " ".join(f"'{word}'" if " " in word else word for word in command))
    log = os.memfd_create("log")  # what it says; nothing beside the layers stays open for writing
    daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=ENVIRONMENT, preexec_fn=end_with_parent)
    deadline = time.monotonic() + 10
    while not is_mounted():
        ended = daemon.poll() is not None and not is_mounted()
        if ended or time.monotonic() > deadline:
            print("           ", said() or "it does not mount")
            told = [number for number in sorted(errno.errorcode) if os.strerror(number) in said()]
            raise OSError(told[0] if told else errno.EIO, said())
        time.sleep(0.002)
    opened()


def unmount_merged():
    call("umount2", raw(f"{DIR}/{merged}"), 8)
    daemon.wait(5)  # the layers are complete when the program is gone


def program_died():
    if daemon is None or tree is None or daemon.poll() is None:
        return None
    try:
        os.stat(merged)
    except OSError:
        return f"the program ended with {daemon.returncode}: {said()}"


#: unmount-command needs mount-program
def unmount_merged():
    subprocess.run(UNMOUNT, stdin=subprocess.DEVNULL, env=ENVIRONMENT, check=True)
    daemon.wait(5)


#: offline
def offline_begin(layer):
    """Unmounts; the next steps are done inside that layer."""
    global tree, was_up, lower_allowed
    was_up, lower_allowed = tree is not None, layer
    take_down()
    tree = os.open(layer, os.O_RDONLY | os.O_DIRECTORY)


def offline_end():
    """Leaves the layer again. True: mount again."""
    global lower_allowed
    forget()
    changed("while it was unmounted", True)
    lower_allowed = None
    return was_up


#: others
# ---- overlays beside the first, each with descriptors of its own
others = {"": None}  # what is set aside of those that steps are not in now; "" is the first
inside_of = ""


def switch_to(name):
    """Steps are done in that overlay from now on."""
    global inside_of, tree, fds, maps, positions, handles, standing, masks, merged, daemon
    if name == inside_of:
        return
    others[inside_of] = tree, fds, maps, positions, handles, standing, masks, merged, daemon
    if name not in others:
        others[name] = None, {}, {}, {}, {}, {}, {}, name + ".merged", None
    inside_of = name
    tree, fds, maps, positions, handles, standing, masks, merged, daemon = others[name]


def overlay(name, *how):
    os.mkdir(name + ".merged")
    switch_to(name)
    try:
        mount(*how)
    finally:
        switch_to("")


def inside(name):
    """The next steps are done in that overlay, until outside()."""
    switch_to(name)
    if tree is None:
        print("         (the steps left need it to be mounted)")
        verdict()


def outside():
    switch_to("")


def umount_other(name):
    inside(name)
    try:
        umount()
    finally:
        switch_to("")


def umount_others():
    for name in reversed(list(others)):
        switch_to(name)
        if name and tree is not None:
            umount()
    switch_to("")


def survey_other(name):
    inside(name)
    try:
        return survey(tree)
    finally:
        switch_to("")


#: volume
def volume(name, source):
    """Bind-mounts a directory of its own over a path of the merged tree."""
    target = os.open(raw(name), os.O_PATH)
    leave("")
    try:
        call("mount", raw(f"{DIR}/{source}"), b"/proc/self/fd/%d" % target, None, 4096, None)  # MS_BIND
    finally:
        os.close(target)
    volumes.append("merged/" + name)


#: backing
def backing(state, free=0):
    """The tmpfs below becomes full but for some bytes, read-only, or as it was."""
    options = {"read-only": "ro", "normal": "rw,size=50%"}.get(state)
    if state == "full":
        filler = os.open(f"{DIR}/.filler", os.O_WRONLY | os.O_CREAT)
        os.write(filler, b"x")  # a tmpfs of size 0 is one without a limit
        os.close(filler)
        below = os.statvfs(DIR)
        options = f"size={(below.f_blocks - below.f_bfree) * below.f_frsize + free}"
    print("         $", f"mount -o remount,{options} {DIR}")
    subprocess.run(["mount", "-o", f"remount,{options}", DIR], check=True)


#: shell
def shell(*lines):
    """Changes layers, with the commands that made them."""
    for line in lines:
        print("         $", shown(line))
    subprocess.run([b"sh", b"-euc", raw("\n".join(lines))], check=True)
