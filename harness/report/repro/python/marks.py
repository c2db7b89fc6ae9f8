#: marks-plain
def read_marks(nodes):
    return nodes


#: marks-overlayfs
def read_marks(nodes):
    """Turns overlayfs's own format of a layer into what it means."""
    for node in nodes.values():
        xattrs = node.get("xattrs", {})
        if node["type"] == "char" and node.get("device") == (0, 0):
            node.update(type="whiteout", whiteout="char")
            continue
        if node["type"] == "file" and node["size"] == 0 and xattrs.pop(OVERLAY + "whiteout", None) is not None:
            node.update(type="whiteout", whiteout="xattr")
            continue
        for mark in ("opaque", "redirect"):
            if OVERLAY + mark in xattrs:
                node[mark] = xattrs.pop(OVERLAY + mark)
        for mark in ("metacopy", "origin", "impure"):
            node[mark] = xattrs.pop(OVERLAY + mark, None) is not None
        for mark in ("nlink", "upper", "uuid", "protattr"):
            xattrs.pop(OVERLAY + mark, None)
    return nodes


#: marks-moot
def without_moot_marks(nodes):
    """Below an opaque directory a mark hides nothing any more: leaves it out."""
    opaque = {at for at, node in nodes.items() if node.get("opaque")}
    for at in list(nodes):
        above = [at[:i] for i, c in enumerate(at) if c == "/"] + (["."] if at != "." else [])
        if not opaque.intersection(above):
            continue
        nodes[at].pop("opaque", None)
        if nodes[at]["type"] == "whiteout":
            del nodes[at]
    return nodes


#: marks-wh needs marks-moot
def read_marks(nodes):
    """Turns a layer with .wh.NAME files (and perhaps char 0/0 whiteouts) into what it means."""
    meant = {}
    for at, node in nodes.items():
        parts = at.split("/")
        directory, name = "/".join(parts[:-1]), parts[-1]
        if name == ".wh..wh..opq":
            nodes[directory or "."]["opaque"] = "y"
        if any(part.startswith(".wh.") for part in parts[:-1]):
            continue
        if name.startswith(".wh."):
            hides = (directory + "/" if directory else "") + name[4:]
            if not name.startswith(".wh..wh.") and node["type"] == "file" and hides not in nodes:
                meant[hides] = {"type": "whiteout"}
            continue
        if CHAR_WHITEOUTS and node["type"] == "char" and node.get("device") == (0, 0):
            meant[at] = {"type": "whiteout"}
            continue
        for prefix in XATTR_MARKS:
            if node.get("xattrs", {}).get(prefix + "opaque") == "y":
                node["opaque"] = "y"
            if prefix + "origin" in node.get("xattrs", {}):
                node["origin"] = True
            node["xattrs"] = {key: value for key, value in node.get("xattrs", {}).items() if not key.startswith(prefix)}
        meant[at] = node
    return without_moot_marks(meant)


#: marks-unionfs-fuse needs marks-moot
def read_marks(nodes):
    """Turns a branch of unionfs-fuse, whose marks are NAME_HIDDEN~ below .unionfs-fuse, into what it means."""
    suffix = "_HIDDEN~"
    meant = {at: node for at, node in nodes.items() if at.split("/")[0] not in (".unionfs", ".unionfs-fuse")}
    for at in nodes:
        parts = at.split("/")
        if parts[0] not in (".unionfs", ".unionfs-fuse") or not parts[-1].endswith(suffix) or parts[-1] == suffix:
            continue
        directory = "/".join(parts[1:-1])
        if any(part.endswith(suffix) for part in parts[1:-1]) or meant.get(directory or ".", {}).get("type") != "dir":
            continue
        hides = "/".join(parts[1:])[:-len(suffix)]
        node = meant.setdefault(hides, {"type": "whiteout"})
        if node["type"] == "dir":
            node["opaque"] = "y"
    return without_moot_marks(meant)
