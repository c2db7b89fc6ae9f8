#: actors
def raw_setid(kind, *ids):
    """setresuid and the like for this thread alone."""
    number = {"groups": (116, 159), "uid": (117, 147), "gid": (119, 149)}[kind]
    syscall(*number, *ids)


def capabilities(effective=None, all_sets=False):
    """This thread's sets; or sets the effective ones, or all three."""
    header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    syscall(125, 90, header, data)
    permitted = data[1] | data[4] << 32
    if effective is None:
        return permitted
    for word in (0, 1, 2) if all_sets else (0,):
        data[word], data[word + 3] = effective & 0xffffffff, effective >> 32
    syscall(126, 91, header, data)


own_groups = sorted(os.getgroups())


def set_groups(groups):
    """A user namespace of one id forbids it; having none to set is then no reason to stop."""
    try:
        raw_setid("groups", len(groups), (ctypes.c_uint32 * len(groups))(*groups))
    except PermissionError:
        if groups and groups != own_groups:
            raise Cannot("these groups cannot be had here")


def become(actor):
    """This thread acts as somebody else from now on, with a way back."""
    try:
        capabilities(capabilities())
        if actor["caps"] & ~capabilities():
            raise Cannot("these capabilities cannot be had here")
        set_groups(actor["groups"])
        raw_setid("gid", actor["gid"], actor["gid"], -1)
        raw_setid("uid", actor["uid"], actor["uid"], -1)
        capabilities(actor["caps"])
    except OSError as problem:
        raise Cannot(f"cannot act as uid {actor['uid']}, gid {actor['gid']}: {problem.strerror}")


def become_root():
    raw_setid("uid", 0, 0, -1)
    capabilities(capabilities())
    raw_setid("gid", 0, 0, -1)
    set_groups(own_groups)
    call("prctl", 4, 1)  # PR_SET_DUMPABLE: a change of ids makes the kernel forget it


def drop_to(actor):
    """This process is somebody else for good, for the program it will execute."""
    everything = capabilities()
    capabilities(everything)
    set_groups(actor["groups"])
    if actor["uid"] == 0 and everything & ~actor["caps"]:
        call("prctl", 28, 1)  # PR_SET_SECUREBITS, SECBIT_NOROOT
    call("prctl", 8, 1)  # PR_SET_KEEPCAPS
    raw_setid("gid", *[actor["gid"]] * 3)
    raw_setid("uid", *[actor["uid"]] * 3)
    capabilities(actor["caps"], all_sets=True)
    for number in range(64):
        if actor["uid"] and actor["caps"] >> number & 1:
            call("prctl", 47, 2, number, 0, 0)  # PR_CAP_AMBIENT_RAISE
