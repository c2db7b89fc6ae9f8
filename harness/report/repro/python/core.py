#: core
import ctypes, errno, os, signal, subprocess, sys, threading, time

libc = ctypes.CDLL(None, use_errno=True)
DIR = os.getcwd()  # holds the layers and the mount point "merged"
CLOSED = 2**31 - 1  # a descriptor number nothing ever has: EBADF


def raw(text):
    """The bytes of a text; a byte that is not UTF-8 is written as a surrogate: '\\udcff' is 0xff."""
    return text.encode("utf-8", "surrogateescape")


def plain(data):
    return data.decode("utf-8", "surrogateescape")


def call(name, *arguments, result=ctypes.c_int):
    """Calls a C function; a failure becomes an OSError with its errno."""
    function = getattr(libc, name)
    function.restype = result
    value = function(*[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    if value == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return value


def syscall(x86_64, others, *arguments):
    return call("syscall", x86_64 if os.uname().machine == "x86_64" else others, *arguments, result=ctypes.c_long)


class Cannot(Exception):
    """This cannot be tried here; says why."""


# ---- where steps are done: with the merged directory as root directory, so that no path leads out of it
home, here = os.open("/", os.O_PATH), os.open(".", os.O_PATH)
tree = None  # descriptor of that directory; None: nothing is mounted
results = {}  # what steps saw, by the names they gave it
fds, maps, positions, handles = {}, {}, {}, {}  # what steps opened, by name
standing, masks = {}, {}  # current directory and umask of each actor who changed them
ACTORS = {}
current = threading.local()  # who acts on this thread


def enter(actor):
    need_mount()
    os.fchdir(tree)
    os.chroot(".")
    if actor in standing:
        os.fchdir(standing[actor])
    os.umask(masks.get(actor, ACTORS[actor]["umask"] if actor else 0o022))
    if actor:
        become(ACTORS[actor])


def need_mount():
    """After a refused mount nothing more can be done in the tree."""
    if tree is None and refused:
        print("         (the steps left need it to be mounted)")
        verdict()
    if tree is None:
        raise Cannot("a step needs the tree to be mounted")


def leave(actor):
    if actor:
        become_root()
    os.fchdir(home)
    os.chroot(".")
    os.fchdir(here)
    os.umask(0o022)


def perform(do, actor):
    """Does it as that actor; gives errno (0: none) and what was seen."""
    try:
        enter(actor)
        current.actor = actor
        return 0, do() or {}
    except OSError as problem:
        return problem.errno, {}
    finally:
        leave(actor)


def fd(name):
    return fds[name]


def path(name, at=None):
    """A path as bytes; one that starts at a directory descriptor makes that the current directory."""
    if at is not None and not name.startswith("/"):
        os.fchdir(at)
    return raw(name)


def keep(name, opens):
    """Gives a new descriptor its name; where there is none, what is done with the name is EBADF."""
    if name is None:
        return os.close(opens())
    fds[name] = CLOSED
    fds[name] = opens()


def forget():
    """Closes and unmaps everything, as before an unmount."""
    global tree
    for one in [*fds.values(), *standing.values()] + ([] if tree is None else [tree]):
        if one != CLOSED:
            os.close(one)
    for address, size in maps.values():
        if address:
            call("munmap", ctypes.c_void_p(address), size)
    for names in fds, standing, masks, maps, positions:  # handles of files stay known
        names.clear()
    tree = None


# ---- mounting
merged = "merged"
volumes = []
daemon = None  # the subject's own process
refused = False  # the last mount failed


def opened():
    global tree
    tree = os.open(merged, os.O_RDONLY | os.O_DIRECTORY)


def umount():
    forget()
    while volumes:
        call("umount2", raw(volumes.pop()), 2 | 8)  # MNT_DETACH | UMOUNT_NOFOLLOW
    unmount_merged()


def take_down():
    umount_others()
    if tree is not None:
        umount()


def umount_others():
    pass


def remount(*how):
    take_down()
    mount(*how)
