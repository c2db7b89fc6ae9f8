#: entries
DIRENT_TYPES = {0: "unknown", 1: "fifo", 2: "char", 4: "dir", 6: "block", 8: "file", 10: "symlink", 12: "socket"}


def entries(directory, room=32768):
    """What the system call getdents64 gives: name, type, inode number, offset of the next entry."""
    buffer = ctypes.create_string_buffer(room)
    while True:
        size, at = syscall(217, 61, directory, buffer, room), 0
        if size == 0:
            return
        while at < size:
            head = buffer[at:at + 19]
            length = int.from_bytes(head[16:18], sys.byteorder)
            yield (buffer[at + 19:at + length].split(b"\0")[0], DIRENT_TYPES[head[18]],
                   int.from_bytes(head[:8], sys.byteorder), int.from_bytes(head[8:16], sys.byteorder, signed=True))
            at += length


#: acl
ACL_TAGS = {1: "u:", 2: "u:", 4: "g:", 8: "g:", 16: "m:", 32: "o:"}


def acl_text(value):
    """The attribute system.posix_acl_* as u::rw-,u:1000:r--,..."""
    words = []
    for at in range(4, len(value), 8):
        tag, bits = (int.from_bytes(value[at + i:at + i + 2], "little") for i in (0, 2))
        number = str(int.from_bytes(value[at + 4:at + 8], "little")) if tag in (2, 8) else ""
        words.append(ACL_TAGS[tag] + number + ":" + "".join(c if bits & 4 >> i else "-" for i, c in enumerate("rwx")))
    return ",".join(words)


#: survey needs entries acl
KINDS = {0o010000: "fifo", 0o020000: "char", 0o040000: "dir", 0o060000: "block", 0o100000: "file", 0o120000: "symlink", 0o140000: "socket"}


def complain(node, what):
    node["trouble"] = f"{node['trouble']}; {what}" if "trouble" in node else what


def content(name, node):
    """All bytes of a file, but for files too large to be worth it."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        try:
            file = os.open(name, flags | os.O_NOATIME)
        except PermissionError:
            file = os.open(name, flags)
    except OSError as problem:
        return complain(node, "open fails with " + errno.errorcode[problem.errno])
    try:
        data, some = b"", b"?"
        while some and len(data) < 64 << 20:
            some = os.pread(file, 1 << 20, len(data))
            data += some
        if len(data) != node["size"]:
            complain(node, f"stat says {node['size']} bytes, read gives {len(data)}")
        node["content"] = data
    except OSError as problem:
        complain(node, "read fails with " + errno.errorcode[problem.errno])
    finally:
        os.close(file)


def describe_node(name, contents):
    """What lstat, llistxattr, readlink and read tell about a name of the current directory."""
    node = {"type": "missing"}
    try:
        seen = os.lstat(name)
        node = {"type": KINDS[seen.st_mode & 0o170000], "mode": seen.st_mode & 0o7777, "uid": seen.st_uid, "gid": seen.st_gid,
                "mtime": divmod(seen.st_mtime_ns, 10**9), "atime": divmod(seen.st_atime_ns, 10**9), "nlink": seen.st_nlink,
                "size": seen.st_size, "sparse": seen.st_blocks * 512 < seen.st_size, "id": (seen.st_dev, seen.st_ino),
                "device": (os.major(seen.st_rdev), os.minor(seen.st_rdev)), "ctime": seen.st_ctime_ns, "xattrs": {}}
        if node["type"] == "symlink":
            node["target"] = plain(os.readlink(name))
    except OSError as problem:
        complain(node, "stat or readlink fails with " + errno.errorcode[problem.errno])
        return node
    attributes = []
    try:
        attributes = os.listxattr(name, follow_symlinks=False)
    except OSError as problem:
        if problem.errno not in (errno.ENOTSUP, errno.ENOSYS):
            complain(node, "listxattr fails with " + errno.errorcode[problem.errno])
    for attribute in attributes:
        try:
            value = os.getxattr(name, attribute, follow_symlinks=False)
        except OSError as problem:
            complain(node, f"listxattr names {attribute}, getxattr fails with {errno.errorcode[problem.errno]}")
            continue
        if attribute in ("system.posix_acl_access", "system.posix_acl_default"):
            node["acl" if attribute.endswith("access") else "default_acl"] = acl_text(value)
        else:
            node["xattrs"][attribute] = plain(value)
    if contents and node["type"] == "file":
        content(name, node)
    return node


def survey(top, contents=True):
    """Every node below the directory `top` (a descriptor): path -> what it is; "." is the directory itself."""
    os.fchdir(top)
    nodes = {".": describe_node(b".", contents)}

    def below(directory, where):
        found = {}
        try:
            for name, kind, _, _ in entries(directory):
                if name in found:
                    complain(nodes[where], f"readdir names {shown(plain(name))} twice")
                elif name not in (b".", b".."):
                    found[name] = kind
        except OSError as problem:
            complain(nodes[where], "readdir fails with " + errno.errorcode[problem.errno])
        for name, kind in found.items():
            os.fchdir(directory)
            at = plain(name) if where == "." else where + "/" + plain(name)
            node = nodes[at] = describe_node(name, contents)
            if node["type"] == "missing":
                node.update(type=kind, trouble="readdir names it, " + node["trouble"])
            elif kind not in ("unknown", node["type"]):
                complain(node, f"readdir says {kind}, stat says {node['type']}")
            if node["type"] == "dir" and "mode" in node:
                try:
                    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                except OSError as problem:
                    complain(node, "opening the directory fails with " + errno.errorcode[problem.errno])
                    continue
                below(inner, at)
                os.close(inner)

    inner = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    below(inner, ".")
    os.close(inner)
    os.fchdir(here)
    return nodes


def survey_of(layer, contents=True):
    if layer == "merged":
        need_mount()
        return survey(tree, contents)
    if layer.endswith(".merged"):
        return survey_other(layer[:-len(".merged")])
    directory = os.open(layer, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return survey(directory, contents)
    finally:
        os.close(directory)
