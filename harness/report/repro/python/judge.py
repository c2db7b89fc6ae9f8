#: kernel-range
def in_range(version, bounds):
    """Does a kernel version meet all of ">=5.11 <6.8"?"""
    def numbers(text):
        found = []
        for part in text.split("."):
            digits = part[:len(part) - len(part.lstrip("0123456789"))]
            if digits:
                found.append(int(digits))
            if digits != part:
                break
        return found
    have = numbers(version)
    for bound in bounds.split():
        sign = bound[:len(bound) - len(bound.lstrip("<>="))]
        limit = numbers(bound[len(sign):])
        mine = (have + [0] * len(limit))[:len(limit)]
        if not {"<": mine < limit, "<=": mine <= limit, ">": mine > limit, ">=": mine >= limit, "=": mine == limit, "==": mine == limit}[sign]:
            return False
    return True


#: conditions needs kernel-range
def holds(condition):
    """Is what an expectation depends on the case here?"""
    for kind, wanted in condition.items():
        if kind == "options":
            if not all(option_is(name, value) for name, value in wanted.items()):
                return False
        elif kind == "kernel":
            if not in_range(KERNEL, wanted):
                return False
        elif {"privilege": PRIVILEGE, "fs": FILESYSTEM, "samefs": True}[kind] != wanted:
            return False
    return True


def option_is(name, allowed):
    if isinstance(allowed, list):
        return any(option_is(name, one) for one in allowed)
    if isinstance(allowed, bool):
        return allowed != (OPTIONS.get(name, "off") in ("off", "false"))
    return OPTIONS.get(name) == str(allowed)


def choose(condition, then, otherwise):
    return then if holds(condition) else otherwise


#: judge
steps = deviations = 0


def shown(value):
    """For people: short, printable, in double quotes if it is text with anything odd in it."""
    if isinstance(value, bytes):
        value = plain(value)
    if isinstance(value, str):
        quoted = value.encode("unicode_escape").decode().replace("\\udc", "\\x")
        return quoted if len(quoted) <= 400 else quoted[:400] + f"... ({len(value)} characters)"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{shown(k)}: {shown(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(shown, value)) + "]"
    return str(value)


def actual(number, value):
    if number:
        return errno.errorcode.get(number, f"E{number}")
    return ", ".join(["ok"] + [f"{k} {shown(v)}" for k, v in value.items() if k not in ("inos", "types", "next")])


def report(words, expected, seen, wrong):
    global deviations
    deviations += bool(wrong)
    print(f"{'DEVIATES' if wrong else 'ok      '} {words}")
    print(f"         expected: {expected}")
    print(f"         actual:   {seen}")


def same(member, expected, seen):
    if member == "mode" and isinstance(expected, str) and isinstance(seen, str):
        return int(expected, 8) == int(seen, 8)
    if isinstance(expected, (list, tuple)) != isinstance(seen, (list, tuple)) and not isinstance(expected, str):
        expected, seen = ([v, 0] if isinstance(v, int) else v for v in (expected, seen))
    if member in ("entries", "names", "flags", "attributes") and isinstance(expected, list):
        return isinstance(seen, list) and sorted(expected) == sorted(seen)
    return expected == seen


RELATIONS = ("same_as", "differs_from", "at_least", "at_most", "contains", "lacks", "one_of")


def referred(reference):
    """What an earlier step saw: "NAME.member"."""
    name, _, member = reference.partition(".")
    value = results.get(name)
    while isinstance(value, dict):
        if member in value:
            return value[member]
        first, _, member = member.partition(".")
        value = value.get(first)
    return None


def meets(member, expected, seen):
    if not isinstance(expected, dict) or not expected or any(key not in RELATIONS for key in expected):
        return same(member, expected, seen)
    for relation, operand in expected.items():
        if relation in ("same_as", "differs_from"):
            other = referred(operand)
            good = other is not None and meets(member, other, seen) == (relation == "same_as")
        elif relation in ("at_least", "at_most"):
            low, high = (operand, seen) if relation == "at_least" else (seen, operand)
            if isinstance(low, int) != isinstance(high, int):
                low, high = ([v, 0] if isinstance(v, int) else v for v in (low, high))
            good = low <= high
        elif relation == "one_of":
            good = any(meets(member, one, seen) for one in operand)
        else:
            wanted = operand if isinstance(operand, list) else [operand]
            good = all((one in seen) == (relation == "contains") for one in wanted)
        if not good:
            return False
    return True


def as_expected(expect, number, value):
    if isinstance(expect, dict) and "if" in expect and "then" in expect:
        return as_expected(choose(expect["if"], expect["then"], expect.get("else", "ok")), number, value)
    if isinstance(expect, list):
        return any(as_expected(one, number, value) for one in expect)
    fine = number == 0 and (value.get("status", 0) == 0 or isinstance(expect, dict) and "status" in expect)
    if not isinstance(expect, dict):
        return expect == "any" or (fine if expect == "ok" else getattr(errno, expect) == number)
    if not fine:
        return False
    for member, wanted in expect.items():
        if member not in value:
            return False
        seen = value[member]
        if member == "entries" and isinstance(wanted, dict) and not any(key in RELATIONS for key in wanted):
            seen = {name: "listed twice" if seen.count(name) > 1 else value.get("types", {}).get(name, "unknown") for name in seen}
        if not meets(member, wanted, seen):
            return False
    return True


#: steps needs core judge survey
# ---- what must hold all the time: lower layers never change, a step that fails leaves upper as it was
lower_allowed = None  # the layer that an offline step may change
inside_of = ""  # the other overlay that steps are in
privileged_allowed = 0
PRIVILEGED_BEFORE = 0


def prints():
    """What must not change, by layer. Of upper only what has a meaning: not the times of inodes, nor marks a lookup leaves."""
    everything = {}
    for layer in LAYERS:
        nodes = survey_of(layer, contents=False)
        for node in nodes.values():
            node.pop("atime", None)
            if layer == "upper":
                node.pop("ctime", None)
                for mark in ("overlay.origin", "overlay.impure"):
                    for prefix in ("trusted.", "user."):
                        node.get("xattrs", {}).pop(prefix + mark, None)
        everything[layer] = nodes
    return everything


def watch():
    """From now on layers count as they are."""
    global before
    before = prints()


def changed(words, upper_may_change):
    """Tells which layers a step changed that it should not have."""
    global before
    after = prints()
    for layer in LAYERS:
        if after[layer] == before[layer] or layer == lower_allowed or (layer == "upper" and (upper_may_change or inside_of)):
            continue
        rule = "a step that fails leaves upper as it was" if layer == "upper" else f"{layer} never changes"
        report(words, rule, f"{layer} changed", True)
    before = after


def hangs(words):
    print(f"DEVIATES {words}\n         expected: to end\n         actual:   not ended after 10 seconds\n\nVERDICT: deviates", flush=True)
    os._exit(10)


def step(words, expected, do, expect="ok", actor="", name=None, copies_up=False, grants=0):
    """Does one step and compares. `expected` is `expect` in words; `name` keeps what was seen for later steps."""
    global steps
    steps += 1
    limit = threading.Timer(10, hangs, [words])
    limit.daemon = True
    limit.start()
    number, value = perform(do, actor)
    limit.cancel()
    finished(words, expected, number, value, expect, name, grants)
    changed(words, number == 0 or copies_up)


def finished(words, expected, number, value, expect, name, grants):
    """Compares what a step gave with what it should give."""
    global privileged_allowed
    if name:
        results[name] = value
    privileged_allowed += grants if number == 0 else 0
    report(words, expected, actual(number, value), not as_expected(expect, number, value))
    if number and program_died():
        report(words, "the file system goes on", program_died(), True)
        verdict()


def mounting(words, expected, do, expect="ok", copies_up=False):
    """A step that mounts or unmounts: not done inside the merged tree. False: there is nothing mounted now."""
    global steps, refused
    steps += 1
    number = 0
    try:
        do()
    except OSError as problem:
        number = problem.errno
    refused = number != 0
    report(words, expected, actual(number, {}), not as_expected(expect, number, {}))
    changed(words, number == 0 or copies_up)
    return not refused


#: trees
def compare(expected, seen):
    """All differences of a tree from the one that must be there, one line each."""
    lines = []
    wrong = set()
    for at, want in expected.items():
        above = at.rpartition("/")[0] or "."
        node = seen.get(at)
        if want.get("absent"):
            if node:
                lines.append(f"+ {shown(at)}: {node['type']} must not be there")
            continue
        if at != "." and above in wrong:
            wrong.add(at)
            continue
        if not node:
            wrong.add(at)
            lines.append(f"- {shown(at)}: {want.get('type', 'something')} is missing")
            continue
        if want.get("anything"):
            continue
        for what, wanted, found in differences(want, node, seen):
            if what in ("type", "trouble"):
                wrong.add(at)
            lines.append(f"! {shown(at)}: {what} must be {shown(wanted)}, is {shown(found)}")
    for at, node in seen.items():
        parent = expected.get(at.rpartition("/")[0] or ".")
        if at in expected or parent is None or parent.get("anything") or parent.get("others") or parent.get("type") != "dir":
            continue
        lines.append(f"+ {shown(at)}: {node['type']} must not be there")
    return lines


def differences(want, node, seen):
    if node.get("trouble"):
        return [("trouble", "none", node["trouble"])]
    if want["type"] == "hardlink":
        other = seen.get(want["target"])
        found = [] if other and other.get("id") == node.get("id") else [("file", "the same as " + want["target"], "another")]
    elif want["type"] != node["type"]:
        return [("type", want["type"], node["type"])]
    else:
        found = []
        if "content" in want and not want.get("metacopy") and want["content"] != node.get("content"):
            found.append(("content", want["content"], node.get("content", b"")))
        for key in ("target", "device", "whiteout"):
            if key in want and want[key] != node.get(key):
                found.append((key, want[key], node.get(key)))
    for key in ("mode", "uid", "gid", "mtime", "atime", "nlink", "size", "sparse"):
        if key in want and want[key] != node.get(key):
            found.append((key, oct(want[key]) if key == "mode" else want[key], oct(node[key]) if key == "mode" else node.get(key)))
    for key in ("acl", "default_acl"):
        if key in want and want[key] != node.get(key, ""):
            found.append((key, want[key] or "none", node.get(key, "none")))
    for key, value in want.get("xattrs", {}).items():
        have = node.get("xattrs", {}).get(key)
        if (have is not None) if value is False else (have is None) if value is True else have != value:
            found.append(("xattr " + key, {True: "there", False: "absent"}.get(value, value), "absent" if have is None else have))
    for key, default in (("opaque", ""), ("redirect", None), ("metacopy", False)):
        if want.get(key, default) != node.get(key, default):
            found.append((key, want.get(key, default), node.get(key, default)))
    for key in ("origin", "impure"):
        if key in want and want[key] != node.get(key, False):
            found.append((key, want[key], node.get(key, False)))
    return found


def look(words, layer, expected):
    """Looks at a layer, or at merged, and compares it with the tree that must be there (None: anything)."""
    global steps
    steps += 1
    seen = survey_of(layer) if layer.endswith("merged") else read_marks(survey_of(layer))
    trouble = [f"! {shown(at)}: {node['trouble']}" for at, node in seen.items() if node.get("trouble") and layer == "merged"]
    lines = (compare(expected, seen) if expected is not None else []) + trouble
    if lines:
        report(words, "the tree in this script", "these differences", True)
        for line in lines:
            print("           ", line)
    else:
        report(words, "the tree in this script", "that tree", False)


#: end
def check_privilege():
    """Nothing may have gained set-id bits or capabilities."""
    has = [at for at, node in survey_of("merged", contents=False).items()
           if node["type"] != "dir" and (node.get("mode", 0) & 0o6000 or "security.capability" in node.get("xattrs", {}))]
    most = PRIVILEGED_BEFORE + privileged_allowed
    if len(has) > most:
        report("at the end", f"at most {most} files with set-id bits or capabilities", "these: " + ", ".join(map(shown, has)), True)


def finish(after, reveals=False):
    """Looks at the trees that must stand at the end, unmounts, and says the verdict."""
    if tree is not None:
        for at, node in survey_of("merged").items():
            if node.get("trouble"):
                report("at the end, in merged", "every name that readdir gives can be looked at", f"{shown(at)}: {node['trouble']}", True)
        if not reveals:
            check_privilege()
    for layer, expected in (after or {}).items():
        look(f"at the end, {layer}", layer, expected)
    take_down()
    verdict()


def verdict():
    print(f"\nVERDICT: {f'deviates ({deviations} deviations)' if deviations else 'as expected'}", flush=True)
    if tree is not None:
        forget()
    os._exit(10 if deviations else 0)


def attempt(steps_of_the_case):
    try:
        steps_of_the_case()
    except Cannot as why:
        print(f"\nVERDICT: cannot run here: {why}", flush=True)
    except (Exception, KeyboardInterrupt) as problem:
        print(f"\nVERDICT: cannot run here: the script broke: {type(problem).__name__}: {problem}", flush=True)
    os._exit(2)


#: parallel
class Barriers:
    """Where tracks meet: the first time one comes to a barrier it meets the others' first time."""

    def __init__(self, tracks):
        self.changed, self.awaited = threading.Condition(), {}
        for track in tracks:
            for meeting in self.meetings(track):
                self.awaited[meeting] = self.awaited.get(meeting, 0) + 1

    @staticmethod
    def meetings(track):
        seen = []
        for one in track:
            if isinstance(one, str):
                seen.append((one, sum(name == one for name, _ in seen)))
        return seen

    def arrive(self, meeting, wait=True):
        with self.changed:
            self.awaited[meeting] -= 1
            self.changed.notify_all()
            while wait and self.awaited[meeting] > 0:
                self.changed.wait()


def parallel(words, *tracks):
    """Runs lists of steps at the same time, each on its own thread; a text is a barrier."""
    global steps
    barriers, seen, problems = Barriers(tracks), {}, []

    def run_track(number, track):
        left = barriers.meetings(track)
        try:
            call("unshare", 0x200)  # CLONE_FS: a root and a current directory of its own
            for index, one in enumerate(track):
                if isinstance(one, str):
                    barriers.arrive(left.pop(0))
                else:
                    seen[number, index] = perform(one["do"], one.get("actor", ""))
        except Cannot as why:
            problems.append(why)
        finally:
            for meeting in left:
                barriers.arrive(meeting, wait=False)

    threads = [threading.Thread(target=run_track, args=each, daemon=True) for each in enumerate(tracks)]
    limit = threading.Timer(10, hangs, [words])
    limit.daemon = True
    limit.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    limit.cancel()
    if problems:
        raise problems[0]
    for (number, index), (error, value) in sorted(seen.items()):
        one = tracks[number][index]
        steps += 1
        finished(one["words"], one["expected"], error, value, one.get("expect", "ok"), one.get("name"), one.get("grants", 0))
    changed(words, True)


#: in-force
def parameter(name, when_unknown):
    try:
        with os.fdopen(os.open("/sys/module/overlay/parameters/" + name, os.O_RDONLY)) as file:
            return "on" if file.read().strip() == "Y" else "off"
    except OSError:
        return when_unknown


def in_force(asked):
    """The mount options in force when these are asked for: the running kernel's defaults for the others."""
    follows = "follow" if parameter("redirect_always_follow", "on") == "on" else "nofollow"
    redirect = "on" if parameter("redirect_dir", "off") == "on" else follows
    defaults = {"redirect_dir": redirect, "xino": "auto" if parameter("xino_auto", "off") == "on" else "off"}
    for name in ("metacopy", "index", "nfs_export"):
        defaults[name] = parameter(name, "off")
    options = {name: value or "on" for name, value in asked.items()}
    if USERXATTR:
        options["userxattr"] = "on"
    if "userxattr" in options:
        defaults.update(redirect_dir="nofollow" if redirect == "on" else redirect, metacopy="off")
    if options.get("redirect_dir") == "off":
        options["redirect_dir"] = "nofollow" if redirect == "nofollow" else "follow"
    return {**defaults, **options}
