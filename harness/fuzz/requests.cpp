// The userlay daemon under requests that no kernel would send. The bytes are read as requests, each with its
// operation, node and body as they come; they go to the daemon's session through a socket that takes the
// place of /dev/fuse. Only handles of open files are always good ones: they are addresses, which the kernel
// gives back as it got them. Each request must be answered once; in the end the lower layers and what is
// beside them must be as before, and the upper layer a legal one, which shows the same when it is mounted
// again.
#include <linux/fuse.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <vector>

#include "adapters/userspace/daemon/channel.h"
#include "harness/fuzz/place.h"
#include "harness/fuzz/targets.h"

namespace ovlcheck {
namespace {

constexpr int kMostRequests = 64;
constexpr rlim_t kLongestFile = 64 << 10;  // so that every answer fits into the socket
constexpr int kDeepest = 6;

[[noreturn]] void found(const std::string& what) {
  (void)std::fprintf(stderr, "requests: %s\n", what.c_str());
  std::abort();
}

// Files stay short while it lives; what would be longer fails.
class ShortFiles {
 public:
  ShortFiles() : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    if (getrlimit(RLIMIT_FSIZE, &before_) != 0) std::abort();
    rlimit limit = before_;
    limit.rlim_cur = std::min(limit.rlim_max, kLongestFile);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) std::abort();
  }
  ShortFiles(const ShortFiles&) = delete;
  ShortFiles& operator=(const ShortFiles&) = delete;
  ~ShortFiles() {
    if (setrlimit(RLIMIT_FSIZE, &before_) != 0) std::abort();
    (void)std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

void build(const std::string& base) {
  namespace fs = std::filesystem;
  for (const char* name : {"upper", "work", "lower0/a", "lower0/d/e", "lower1/a/k", "lower1/d", "outside"})
    fs::create_directories(base + "/" + name);
  for (const char* name : {"upper/u", "lower0/b", "lower0/a/x", "lower0/d/e/f", "lower1/a/y", "lower1/w",
                           "lower1/z", "outside/o"})
    std::ofstream(base + "/" + name) << name;
  fs::create_symlink("../outside", base + "/lower0/c");
  fs::create_hard_link(base + "/lower1/z", base + "/lower1/a/z");
  if (::mknod((base + "/lower0/w").c_str(), S_IFCHR, 0) != 0) std::abort();
}

std::string options_text(const std::string& base, unsigned choice) {
  return "lowerdir=" + base + "/lower0:" + base + "/lower1,upperdir=" + base + "/upper,workdir=" + base +
         "/work" + ((choice & 1) ? ",index=on" : "") + ((choice & 2) ? ",xino=on" : "") +
         (geteuid() != 0 || (choice & 4) ? ",userxattr"
          : (choice & 8)                 ? ",redirect_dir=on"
                                         : "") +
         (geteuid() == 0 && (choice & 20) == 16 ? ",metacopy=on" : "");
}

// An overlay in words, as far as it has to be the same after another mount.
class Picture {
 public:
  explicit Picture(userlay::Overlay& overlay) : overlay_(overlay) { directory(userlay::kRootNode, "", 0); }
  const std::string& text() const { return text_; }

 private:
  void add(const std::string& what) { text_ += what + "\n"; }

  void directory(userlay::NodeId node, const std::string& path, int depth) {
    auto opened = overlay_.opendir(node);
    if (!opened) return add(path + " cannot be opened: " + std::strerror(opened.error()));
    std::vector<std::string> names;
    const auto listed = (*opened)->read(0, [&](const userlay::DirEntry& entry) {
      if (entry.name != "." && entry.name != "..") names.emplace_back(entry.name);
      return true;
    });
    if (!listed) return add(path + " cannot be listed: " + std::strerror(listed.error()));
    std::sort(names.begin(), names.end());
    for (const auto& name : names) child(node, path + "/" + name, name, depth);
  }

  void child(userlay::NodeId parent, const std::string& path, const std::string& name, int depth) {
    const auto entry = overlay_.lookup(parent, name);
    if (!entry) return add(path + " is listed, but: " + std::strerror(entry.error()));
    const userlay::NodeRef ref(overlay_, entry->node);
    const auto& st = entry->attr;
    add(path + " " + std::to_string(st.st_mode) + " " + std::to_string(st.st_uid) + ":" +
        std::to_string(st.st_gid) + " " + std::to_string(st.st_rdev));
    for (const auto& xattr :
         overlay_.listxattr(userlay::Caller::superuser(), ref.id()).value_or(std::vector<std::string>()))
      add("  " + xattr + "=" + overlay_.getxattr(ref.id(), xattr).value_or("?"));
    if (S_ISLNK(st.st_mode)) add("  -> " + overlay_.readlink(ref.id()).value_or("?"));
    if (S_ISREG(st.st_mode)) file(ref.id());
    if (S_ISDIR(st.st_mode) && depth < kDeepest) directory(ref.id(), path, depth + 1);
  }

  void file(userlay::NodeId node) {
    auto opened = overlay_.open(userlay::Caller::self(), node, O_RDONLY);
    if (!opened) return add(std::string("  cannot be read: ") + std::strerror(opened.error()));
    std::string data(kLongestFile, '\0');
    const auto got = (*opened)->pread(std::as_writable_bytes(std::span(data)), 0);
    data.resize(got.value_or(0));
    add("  " + data);
  }

  userlay::Overlay& overlay_;
  std::string text_;
};

// What the kernel is: sends requests, takes answers, keeps handles.
class Peer {
 public:
  explicit Peer(userlay::Overlay& overlay) : service_(overlay) {
    fuse_set_log_func([](fuse_log_level, const char*, va_list) {});
    fuse_args args = FUSE_ARGS_INIT(0, nullptr);
    if (fuse_opt_add_arg(&args, "userlay") != 0) std::abort();
    session_ = fuse_session_new(&args, &userlay::fuse_operations(), sizeof(fuse_lowlevel_ops), &service_);
    fuse_opt_free_args(&args);
    int ends[2];
    if (!session_ || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
      std::abort();
    service_.session = session_;
    end_ = Fd(ends[0]);
    if (userlay::watch_channel(session_, ends[1]) != 0) std::abort();
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  // Closes what is open, as the kernel does.
  ~Peer() {
    while (!files_.empty()) release(FUSE_RELEASE, files_.back());
    while (!directories_.empty()) release(FUSE_RELEASEDIR, directories_.back());
    // libfuse keeps interrupts of what it does not know, and answers one with each request that comes.
    for (; interrupts_ > 0; --interrupts_) exchange(FUSE_STATFS, userlay::kRootNode, 0, "", 0);
    exchange(FUSE_DESTROY, 0, 0, "", 0);
    fuse_session_destroy(session_);
    std::free(buffer_.mem);
  }

  void greet(bool modern) {
    fuse_init_in init{FUSE_KERNEL_VERSION, modern ? 38U : 31U, 1 << 17,
                      modern ? ~0U : 0U,   modern ? ~0U : 0U,  {}};
    exchange(FUSE_INIT, 0, 0, {reinterpret_cast<const char*>(&init), sizeof init}, 0);
  }

  // One request of the input.
  void request(Bytes& input) {
    const uint32_t opcode = input.next() % 56;
    const uint64_t node = input.next();
    const unsigned handle = input.next();
    const unsigned how = input.next();
    std::string body = input.text(input.next());
    if (opcode == FUSE_DESTROY) ended_ = true;  // the last one, after all is closed
    if (ended_ || !put_handles(opcode, body, handle)) return;
    exchange(opcode, node, (how & 1) ? 65534 : 0, body, (how & 6) == 6 ? static_cast<int>(how >> 3) - 16 : 0);
  }
  bool ended() const { return ended_; }

 private:
  // Writes a handle that is open over what is in the body; false if there is none to be had.
  bool put_handle(std::string& body, size_t at, const std::vector<uint64_t>& open, unsigned which) {
    if (body.size() < at + sizeof(uint64_t)) return true;  // is too short anyway
    if (open.empty()) return false;
    std::memcpy(body.data() + at, &open[which % open.size()], sizeof(uint64_t));
    return true;
  }

  bool put_handles(uint32_t opcode, std::string& body, unsigned which) {
    switch (opcode) {
      case FUSE_READ:
      case FUSE_WRITE:
      case FUSE_FLUSH:
      case FUSE_FSYNC:
      case FUSE_FALLOCATE:
      case FUSE_LSEEK:
      case FUSE_RELEASE:
        return put_handle(body, 0, files_, which);
      case FUSE_COPY_FILE_RANGE:
        return put_handle(body, 0, files_, which) &&
               put_handle(body, offsetof(fuse_copy_file_range_in, fh_out), files_, which / 8);
      case FUSE_SETATTR:
        if (body.empty() || !(static_cast<unsigned char>(body[0]) & FATTR_FH)) return true;
        return put_handle(body, offsetof(fuse_setattr_in, fh), files_, which);
      case FUSE_READDIR:
      case FUSE_READDIRPLUS:
      case FUSE_FSYNCDIR:
      case FUSE_RELEASEDIR:
        return put_handle(body, 0, directories_, which);
      default:
        return true;
    }
  }

  void release(uint32_t opcode, uint64_t handle) {
    fuse_release_in arguments{};
    arguments.fh = handle;
    exchange(opcode, userlay::kRootNode, 0, {reinterpret_cast<const char*>(&arguments), sizeof arguments}, 0);
  }

  void exchange(uint32_t opcode, uint64_t node, uint32_t user, std::string_view body, int lie) {
    fuse_in_header header{};
    header.len = static_cast<uint32_t>(static_cast<int>(sizeof header + body.size()) + lie);
    header.opcode = opcode;
    header.unique = unique_ += 2;
    header.nodeid = node;
    header.uid = header.gid = user;
    header.pid = 1;
    std::string whole(reinterpret_cast<const char*>(&header), sizeof header);
    whole += body;
    if (::send(end_.get(), whole.data(), whole.size(), 0) != static_cast<ssize_t>(whole.size())) std::abort();
    const bool processed = serve();
    if (processed && opcode == FUSE_INTERRUPT) ++interrupts_;
    if (processed && (opcode == FUSE_RELEASE || opcode == FUSE_RELEASEDIR)) forget_handle(body);
    const bool silent = opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET || opcode == FUSE_INTERRUPT ||
                        opcode == FUSE_NOTIFY_REPLY;
    if (take_answers(opcode) != 1 && !silent)
      found("no answer, or several, to operation " + std::to_string(opcode));
  }

  // Lets the session work on what was sent. False: that was ended before libfuse.
  bool serve() {
    const int got = fuse_session_receive_buf(session_, &buffer_);
    if (got <= 0) return false;
    // In memory of its own, so that reading past its end is noticed.
    const std::unique_ptr<char[]> exact(new char[static_cast<size_t>(got)]);
    std::memcpy(exact.get(), buffer_.mem, static_cast<size_t>(got));
    fuse_buf request{};
    request.mem = exact.get();
    request.size = static_cast<size_t>(got);
    fuse_session_process_buf(session_, &request);
    return true;
  }

  void forget_handle(std::string_view body) {
    uint64_t handle = 0;
    std::memcpy(&handle, body.data(), sizeof handle);
    std::erase(files_, handle);
    std::erase(directories_, handle);
  }

  int take_answers(uint32_t opcode) {
    int answers = 0;
    ssize_t got = 0;
    while ((got = ::recv(end_.get(), answer_, sizeof answer_, 0)) >=
           static_cast<ssize_t>(sizeof(fuse_out_header))) {
      fuse_out_header header;
      std::memcpy(&header, answer_, sizeof header);
      if (header.unique != unique_) continue;  // not asked for, or about an interrupt
      ++answers;
      if (header.error == 0)
        keep_handle(opcode, {answer_ + sizeof header, static_cast<size_t>(got) - sizeof header});
    }
    return answers;
  }

  void keep_handle(uint32_t opcode, std::string_view answer) {
    if (opcode == FUSE_CREATE || opcode == FUSE_TMPFILE)
      answer.remove_prefix(std::min(answer.size(), sizeof(fuse_entry_out)));
    else if (opcode != FUSE_OPEN && opcode != FUSE_OPENDIR)
      return;
    fuse_open_out opened{};
    if (answer.size() < sizeof opened) found("a short answer to operation " + std::to_string(opcode));
    std::memcpy(&opened, answer.data(), sizeof opened);
    (opcode == FUSE_OPENDIR ? directories_ : files_).push_back(opened.fh);
  }

  userlay::Service service_;
  fuse_session* session_ = nullptr;
  Fd end_;
  fuse_buf buffer_{};
  uint64_t unique_ = 0;
  int interrupts_ = 0;
  bool ended_ = false;
  std::vector<uint64_t> files_, directories_;
  char answer_[1 << 17];
};

std::unique_ptr<userlay::Overlay> mounted(const std::string& options) {
  const auto spec = userlay::parse_options(options);
  if (!spec) found("options " + options + ": " + std::strerror(spec.error()));
  auto overlay = userlay::Overlay::mount(*spec);
  // Others than root may have closed the layers to themselves.
  if (!overlay && overlay.error() == EACCES && geteuid() != 0) return nullptr;
  if (!overlay) found("mount with " + options + ": " + std::strerror(overlay.error()));
  return std::move(*overlay);
}

}  // namespace

void fuzz_requests(std::string_view bytes) {
  const Place place;
  const std::string& base = place.path();
  build(base);
  const auto unchanged = [&] {
    return std::vector{print_of(base + "/lower0"), print_of(base + "/lower1"), print_of(base + "/outside")};
  };
  const auto before = unchanged();
  Bytes input(bytes);
  const unsigned choice = input.next();
  const std::string options = options_text(base, choice);
  std::string shown;
  {
    const ShortFiles limit;
    const auto overlay = mounted(options);
    {
      Peer peer(*overlay);
      peer.greet(choice & 32);
      for (int i = 0; i < kMostRequests && !input.empty() && !peer.ended(); ++i) peer.request(input);
    }
    shown = Picture(*overlay).text();
  }
  if (unchanged() != before) found("lower layers or what is outside of layers have changed");
  const auto again = mounted(options);
  if (!again) return;
  if (const std::string now = Picture(*again).text(); now != shown)
    found("shows something else when mounted again; first:\n" + shown + "then:\n" + now);
}

}  // namespace ovlcheck
