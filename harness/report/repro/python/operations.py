#: open
def open(name, flags=os.O_RDONLY, mode=0o644, resolve=None, at=None, keep_as=None):
    where = path(name, at)
    if resolve is None:
        return keep(keep_as, lambda: os.open(where, flags, mode))
    how = (ctypes.c_uint64 * 3)(flags | os.O_CLOEXEC, mode if flags & os.O_CREAT else 0, resolve)
    return keep(keep_as, lambda: syscall(437, 437, -100, where, how, 24))  # openat2


#: tmpfile
def tmpfile(directory, flags=os.O_RDWR, mode=0o644, at=None, keep_as=None):
    where = path(directory, at)
    return keep(keep_as, lambda: os.open(where, flags | os.O_TMPFILE, mode))


#: close
def close(name):
    number, fds[name] = fds[name], CLOSED
    os.close(number)


#: read
def read(file, count=65536, offset=None):
    data = os.read(file, count) if offset is None else os.pread(file, count, offset)
    return {"data": plain(data), "count": len(data)}


#: write
def write(file, data="", offset=None, fill="", size=0):
    data = raw(data) or raw(fill) * size
    return {"count": os.write(file, data) if offset is None else os.pwrite(file, data, offset)}


#: cat
def cat(name, flags=0, at=None):
    file = os.open(path(name, at), flags | os.O_RDONLY)
    try:
        data, some = b"", b"?"
        while some and len(data) < 64 << 20:
            some = os.read(file, 1 << 20)
            data += some
    finally:
        os.close(file)
    return {"data": plain(data), "size": len(data)}


#: put
def put(name, data="", flags=0, offset=None, mode=0o644, at=None):
    file = os.open(path(name, at), flags | os.O_WRONLY, mode)
    try:
        count = os.write(file, raw(data)) if offset is None else os.pwrite(file, raw(data), offset)
    finally:
        os.close(file)
    return {"count": count}


#: lseek
def lseek(file, offset=0, whence=os.SEEK_SET):
    return {"offset": os.lseek(file, offset, whence)}


#: truncate
def truncate(name, size, at=None):
    os.truncate(path(name, at), size)


#: ftruncate
def ftruncate(file, size):
    os.ftruncate(file, size)


#: fallocate
def fallocate(file, offset=0, size=0, mode=0):
    call("fallocate64", file, mode, offset, size)


#: copy_file_range
def copy_file_range(source, target, size=0, offsets=None):
    at = [ctypes.byref(ctypes.c_int64(offset)) for offset in offsets] if offsets else [None, None]
    return {"count": call("copy_file_range", source, at[0], target, at[1], size, 0, result=ctypes.c_ssize_t)}


#: ficlone
def ficlone(source, target):
    call("ioctl", target, 0x40049409, source)


#: sendfile
def sendfile(source, target, size=0):
    return {"count": call("sendfile", target, source, None, size, result=ctypes.c_ssize_t)}


#: dedupe
def dedupe(source, target, size=0):
    import fcntl, struct

    buffer = bytearray(struct.pack("=QQHHIqQQiI", 0, size, 1, 0, 0, target, 0, 0, 0, 0))
    fcntl.ioctl(source, 0xC0189436, buffer)
    count, status = struct.unpack_from("=Qi", buffer, 40)
    if status != 0:
        raise OSError(errno.EBADE if status > 0 else -status, "not shared")
    return {"count": count}


#: fadvise
def fadvise(file, advice=0):
    os.posix_fadvise(file, 0, 0, advice)


#: mountinfo
def mountinfo(name, at=None):
    # The innermost mount that the path is below.
    where, found = os.path.realpath(path(name, at)), []
    for line in open("/proc/self/mountinfo"):
        point, options = line.split()[4], line.split()[-1]
        if (where + "/").startswith(point.rstrip("/") + "/") and " - overlay " in line:
            found = options.split(",")
    layers = ("lowerdir", "datadir", "upperdir=", "workdir=")
    return {"options": [option for option in found if not option.startswith(layers)]}


#: reconfigure
def reconfigure(how):
    call("mount", None, path("/").encode(), None, 32 | (how == "ro"), None)  # MS_REMOUNT, MS_RDONLY


#: fiemap
def fiemap(file):
    import fcntl, struct

    buffer = bytearray(struct.pack("=QQIIII", 0, (1 << 64) - 1, 1, 0, 256, 0) + bytes(256 * 56))
    fcntl.ioctl(file, 0xC020660B, buffer)
    covered, holes = 0, False
    count = struct.unpack_from("=I", buffer, 20)[0]
    for i in range(count):
        offset, _, length = struct.unpack_from("=QQQ", buffer, 32 + 56 * i)
        holes, covered = holes or offset > covered, offset + length
    return {"extents": count, "holes": holes or covered < os.lseek(file, 0, os.SEEK_END)}


#: enable_verity
def enable_verity(file):
    import fcntl, struct

    fcntl.ioctl(file, 0x40806685, struct.pack("=IIII", 1, 1, 4096, 0).ljust(128, b"\0"))


#: mmap
def mmap(file, size=4096, offset=0, prot=1, flags=1, keep_as=None):
    if keep_as:
        maps[keep_as] = (0, 0)
    address = call("mmap", None, size, prot, flags, file, offset, result=ctypes.c_long)
    if keep_as:
        maps[keep_as] = (address, size)
    else:
        call("munmap", ctypes.c_void_p(address), size)


#: memory
class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


def touch_memory(function, name, buffer, offset, count):
    """Through the kernel, so that beyond the end of a file it is EFAULT instead of a signal."""
    address, size = maps[name]
    if offset + count > size:
        raise OSError(errno.EINVAL, "beyond the mapping")
    local, remote = Vector(ctypes.addressof(buffer), count), Vector(address + offset, count)
    try:
        done = call(function, os.getpid(), ctypes.byref(local), 1, ctypes.byref(remote), 1, 0, result=ctypes.c_ssize_t)
    except OSError:
        done = -1
    if done != count:
        raise OSError(errno.EFAULT, "not all of it can be touched")


#: mread needs memory
def mread(name, offset=0, count=None):
    count = maps[name][1] - offset if count is None else count
    buffer = ctypes.create_string_buffer(max(count, 1))
    touch_memory("process_vm_readv", name, buffer, offset, count)
    return {"data": plain(buffer.raw[:count])}


#: mwrite needs memory
def mwrite(name, offset=0, data=""):
    data = raw(data)
    touch_memory("process_vm_writev", name, ctypes.create_string_buffer(data, len(data) or 1), offset, len(data))


#: msync
def msync(name):
    call("msync", ctypes.c_void_p(maps[name][0]), maps[name][1], 4)  # MS_SYNC


#: munmap
def munmap(name):
    address, size = maps.pop(name)
    call("munmap", ctypes.c_void_p(address), size)


#: status
def status_of(seen):
    def time_of(nanoseconds):
        return list(divmod(nanoseconds, 10**9))
    return {"type": {0o010000: "fifo", 0o020000: "char", 0o040000: "dir", 0o060000: "block", 0o100000: "file",
                     0o120000: "symlink", 0o140000: "socket"}[seen.st_mode & 0o170000],
            "mode": f"{seen.st_mode & 0o7777:04o}", "uid": seen.st_uid, "gid": seen.st_gid, "size": seen.st_size,
            "nlink": seen.st_nlink, "ino": seen.st_ino, "dev": f"{os.major(seen.st_dev)}:{os.minor(seen.st_dev)}",
            "rdev": [os.major(seen.st_rdev), os.minor(seen.st_rdev)], "blocks": seen.st_blocks,
            "mtime": time_of(seen.st_mtime_ns), "atime": time_of(seen.st_atime_ns), "ctime": time_of(seen.st_ctime_ns)}


#: stat needs status
def stat(name, at=None):
    return status_of(os.stat(path(name, at)))


#: lstat needs status
def lstat(name, at=None):
    return status_of(os.lstat(path(name, at)))


#: fstat needs status
def fstat(file):
    return status_of(os.fstat(file))


#: statx needs status
def statx(name, flags=0, at=None):
    where = path(name, at)
    value = status_of(os.stat(where, follow_symlinks=not flags & 0x100))
    buffer = ctypes.create_string_buffer(256)
    call("statx", -100, where, flags & 0x100, 0xfff, buffer)
    number = lambda at, size: int.from_bytes(buffer.raw[at:at + size], sys.byteorder)
    if number(0, 4) & 0x800:  # STATX_BTIME
        value["btime"] = [number(80, 8), number(88, 4)]
    value["attributes"] = [name for name, bit in STATX_NAMES.items() if number(8, 8) & bit]
    return value


#: readlink
def readlink(name, at=None):
    return {"target": plain(os.readlink(path(name, at)))}


#: readdir needs entries
def readdir(directory, count=None, rewind=False, seek=None, at=None, keep_as=None):
    """Of a path, or of a descriptor from its position on."""
    if isinstance(directory, str):
        opened_here = os.open(path(directory, at), os.O_RDONLY | os.O_DIRECTORY)
        try:
            return readdir(opened_here, count, rewind, seek, None, keep_as)
        finally:
            os.close(opened_here)
    next_at = os.lseek(directory, positions[seek], os.SEEK_SET) if seek else os.lseek(directory, 0, os.SEEK_SET if rewind else os.SEEK_CUR)
    names, types, inos = [], {}, {}
    left = count
    if count != 0:
        for name, kind, ino, next_at in entries(directory):
            if name not in (b".", b".."):
                names.append(plain(name))
                types[plain(name)], inos[plain(name)] = kind, ino
            left = None if left is None else left - 1
            if left == 0:
                os.lseek(directory, next_at, os.SEEK_SET)
                break
    if keep_as:
        positions[keep_as] = next_at
    return {"entries": names, "count": len(names), "types": types, "inos": inos, "next": next_at}


#: mkdir
def mkdir(name, mode=0o755, at=None):
    os.mkdir(path(name, at), mode)


#: rmdir
def rmdir(name, at=None):
    os.rmdir(path(name, at))


#: unlink
def unlink(name, at=None):
    os.unlink(path(name, at))


#: rename
def rename(old, new, flags=0, at=None):
    call("renameat2", -100, path(old, at), -100, path(new, at), flags)


#: link
def link(old, new, flags=0, at=None):
    call("linkat", -100, path(old, at), -100, path(new, at), flags & 0x400)


#: flink
def flink(file, new, at=None):
    call("linkat", file, b"", -100, path(new, at), 0x1000)  # AT_EMPTY_PATH


#: symlink
def symlink(target, new, at=None):
    os.symlink(raw(target), path(new, at))


#: mknod
def mknod(name, type="file", dev=(0, 0), mode=0o644, at=None):
    kind = {"file": 0o100000, "fifo": 0o010000, "socket": 0o140000, "char": 0o020000, "block": 0o060000}[type]
    os.mknod(path(name, at), kind | mode, os.makedev(*dev))


#: chmod
def chmod(name, mode, at=None):
    os.chmod(path(name, at), mode)


#: fchmod
def fchmod(file, mode):
    os.fchmod(file, mode)


#: chown
def chown(name, uid=-1, gid=-1, at=None):
    os.chown(path(name, at), uid, gid)


#: lchown
def lchown(name, uid=-1, gid=-1, at=None):
    os.lchown(path(name, at), uid, gid)


#: fchown
def fchown(file, uid=-1, gid=-1):
    os.fchown(file, uid, gid)


#: times
def times_of(*times):
    """Seconds, [seconds, nanoseconds], "now" or "omit" as two struct timespec."""
    words = []
    for one in times:
        words += {"now": [0, (1 << 30) - 1], "omit": [0, (1 << 30) - 2]}[one] if isinstance(one, str) else one if isinstance(one, list) else [one, 0]
    return (ctypes.c_int64 * 4)(*words)


#: utimens needs times
def utimens(name, atime="omit", mtime="omit", at=None):
    call("utimensat", -100, path(name, at), times_of(atime, mtime), 0)


#: lutimens needs times
def lutimens(name, atime="omit", mtime="omit", at=None):
    call("utimensat", -100, path(name, at), times_of(atime, mtime), 0x100)


#: futimens needs times
def futimens(file, atime="omit", mtime="omit"):
    call("futimens", file, times_of(atime, mtime))


#: setxattr
def setxattr(target, name, value="", flags=0, at=None):
    os.setxattr(path(target, at), raw(name), raw(value), flags)


#: lsetxattr
def lsetxattr(target, name, value="", flags=0, at=None):
    os.setxattr(path(target, at), raw(name), raw(value), flags, follow_symlinks=False)


#: fsetxattr
def fsetxattr(file, name, value="", flags=0):
    os.setxattr(file, raw(name), raw(value), flags)


#: getxattr
def getxattr(target, name, at=None):
    return {"value": plain(os.getxattr(path(target, at), raw(name)))}


#: lgetxattr
def lgetxattr(target, name, at=None):
    return {"value": plain(os.getxattr(path(target, at), raw(name), follow_symlinks=False))}


#: fgetxattr
def fgetxattr(file, name):
    return {"value": plain(os.getxattr(file, raw(name)))}


#: listxattr
def listxattr(target, at=None):
    return {"names": os.listxattr(path(target, at))}


#: llistxattr
def llistxattr(target, at=None):
    return {"names": os.listxattr(path(target, at), follow_symlinks=False)}


#: flistxattr
def flistxattr(file):
    return {"names": os.listxattr(file)}


#: removexattr
def removexattr(target, name, at=None):
    os.removexattr(path(target, at), raw(name))


#: lremovexattr
def lremovexattr(target, name, at=None):
    os.removexattr(path(target, at), raw(name), follow_symlinks=False)


#: fremovexattr
def fremovexattr(file, name):
    os.removexattr(file, raw(name))


#: setfacl
def setfacl(name, acl, default=False, at=None):
    attribute = "system.posix_acl_default" if default else "system.posix_acl_access"
    if acl is None:
        return os.removexattr(path(name, at), attribute)
    value = (2).to_bytes(4, "little")
    for entry in acl.split(","):
        letter, number, bits = entry.split(":")
        tag = {"u": 2, "g": 8}[letter] if number else {"u": 1, "g": 4, "m": 16, "o": 32}[letter]
        permissions = sum(4 >> i for i, c in enumerate(bits) if c != "-")
        value += b"".join(n.to_bytes(size, "little") for n, size in ((tag, 2), (permissions, 2), (int(number or 0xffffffff), 4)))
    os.setxattr(path(name, at), attribute, value)


#: getfacl needs acl
def getfacl(name, default=False, at=None):
    try:
        return {"acl": acl_text(os.getxattr(path(name, at), "system.posix_acl_default" if default else "system.posix_acl_access"))}
    except OSError as problem:
        if problem.errno != errno.ENODATA:
            raise
        return {"acl": None}


#: statfs
def statfs(name, at=None):
    buffer = (ctypes.c_long * 15)()
    call("statfs64", path(name, at), buffer)
    types = {0x794c7630: "overlay", 0x01021994: "tmpfs", 0xEF53: "ext4", 0x58465342: "xfs", 0x9123683E: "btrfs", 0x65735546: "fuse"}
    return {"type": types.get(buffer[0], hex(buffer[0])), "bsize": buffer[1], "fsid": f"{buffer[7] & 0xffffffff}:{buffer[7] >> 32}",
            "namelen": buffer[8], "readonly": bool(buffer[10] & 1)}


#: fsync
def fsync(file):
    os.fsync(file)


#: fdatasync
def fdatasync(file):
    os.fdatasync(file)


#: syncfs
def syncfs(file):
    call("syncfs", file)


#: getflags
def getflags(file):
    value = ctypes.c_int()
    call("ioctl", file, 0x80086601, ctypes.byref(value))  # FS_IOC_GETFLAGS
    return {"flags": [name for name, bit in FSFLAG_NAMES.items() if value.value & bit]}


#: setflags
def setflags(file, flags):
    call("ioctl", file, 0x40086602, ctypes.byref(ctypes.c_int(flags)))  # FS_IOC_SETFLAGS


#: flock
def flock(file, op):
    call("flock", file, op)


#: fcntl_lock
def fcntl_lock(file, type=0, offset=0, size=0, ofd=False):
    lock = type.to_bytes(2, sys.byteorder) + bytes(6) + offset.to_bytes(8, sys.byteorder) + size.to_bytes(8, sys.byteorder) + bytes(8)
    call("fcntl", file, 37 if ofd else 6, lock)  # F_OFD_SETLK, F_SETLK


#: lease
signal.signal(signal.SIGIO, signal.SIG_IGN)


def lease(file, type=0):
    call("fcntl", file, 1024, type)  # F_SETLEASE


#: access
def access(name, mode=0, flags=0, at=None):
    if flags:
        syscall(439, 439, -100, path(name, at), mode, flags)  # faccessat2
    else:
        syscall(269, 48, -100, path(name, at), mode)  # faccessat


#: name_to_handle
def name_to_handle(name, at=None, keep_as=None):
    if keep_as:
        handles[keep_as] = bytes(8)
    handle, mount_id = ctypes.create_string_buffer((128).to_bytes(4, sys.byteorder), 136), ctypes.c_int()
    call("name_to_handle_at", -100, path(name, at), handle, ctypes.byref(mount_id), 0)
    size = int.from_bytes(handle.raw[:4], sys.byteorder)
    if keep_as:
        handles[keep_as] = handle.raw[:8 + size]
    return {"handle": f"{int.from_bytes(handle.raw[4:8], sys.byteorder)}:{plain(handle.raw[8:8 + size])}"}


#: open_by_handle
def open_by_handle(name, flags=os.O_RDONLY, keep_as=None):
    handle = ctypes.create_string_buffer(handles[name], 136)
    return keep(keep_as, lambda: call("open_by_handle_at", tree, handle, flags | os.O_CLOEXEC))


#: inotify
def inotify(name, mask, at=None, keep_as=None):
    def watching():
        queue = call("inotify_init1", os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            call("inotify_add_watch", queue, path(name, at), mask)
        except OSError:
            os.close(queue)
            raise
        return queue
    return keep(keep_as, watching)


#: events
IN_NAMES = ("ACCESS", "MODIFY", "ATTRIB", "CLOSE_WRITE", "CLOSE_NOWRITE", "OPEN", "MOVED_FROM", "MOVED_TO", "CREATE", "DELETE",
            "DELETE_SELF", "MOVE_SELF", "", "UNMOUNT", "Q_OVERFLOW", "IGNORED") + ("",) * 14 + ("ISDIR",)


def events(queue):
    seen = []
    while True:
        try:
            data = os.read(queue, 16384)
        except BlockingIOError:
            return {"events": seen}
        while data:
            mask, length = (int.from_bytes(data[at:at + 4], sys.byteorder) for at in (4, 12))
            name = data[16:16 + length].split(b"\0")[0]
            words = "|".join("IN_" + word for bit, word in enumerate(IN_NAMES) if word and mask >> bit & 1)
            seen.append(words + (" " + plain(name) if length else ""))
            data = data[16 + length:]


#: chdir
def chdir(name, at=None):
    os.chdir(path(name, at))
    now = os.open(".", os.O_PATH | os.O_DIRECTORY)
    if current.actor in standing:
        os.close(standing[current.actor])
    standing[current.actor] = now


#: umask
def umask(mask):
    masks[current.actor] = mask


#: program
VARIABLES = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", "LC_ALL": "C"}


def program(execute):
    """Runs `execute` in a child that starts outside, with the merged directory as current directory."""
    actor, out, err = current.actor, os.memfd_create("out"), os.memfd_create("err")
    told, tell = os.pipe()
    leave(actor)
    child = os.fork()
    if child == 0:
        number = 127
        try:
            for target, source in enumerate((os.open("/dev/null", os.O_RDONLY), out, err)):
                os.dup2(source, target)
            os.fchdir(standing.get(actor, tree))
            os.umask(masks.get(actor, ACTORS[actor]["umask"] if actor else 0o022))
            if actor:
                drop_to(ACTORS[actor])
            for number_of_signal in (signal.SIGPIPE, signal.SIGINT, signal.SIGIO):
                signal.signal(number_of_signal, signal.SIG_DFL)
            execute()
        except OSError as problem:
            os.write(tell, b"%d" % problem.errno)
        os._exit(number)
    os.close(tell)
    _, status = os.waitpid(child, 0)
    failed, said_out, said_err = os.read(told, 16), os.pread(out, 1 << 20, 0), os.pread(err, 1 << 20, 0)
    for one in told, out, err:
        os.close(one)
    if failed:
        raise OSError(int(failed), os.strerror(int(failed)))
    ended = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
    return {"status": ended, "stdout": plain(said_out), "stderr": plain(said_err)}


#: run-program needs program
def run(command):
    return program(lambda: os.execvpe(raw(command[0]), [raw(word) for word in command], VARIABLES))


#: execve needs program
def execve(name, args=(), at=None):
    file = os.open(path(name, at), os.O_PATH)
    try:
        os.set_inheritable(file, True)
        return program(lambda: os.execve(file, [raw(name)] + [raw(word) for word in args], VARIABLES))
    finally:
        os.close(file)
