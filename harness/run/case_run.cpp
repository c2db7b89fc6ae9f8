#include "harness/run/case_run.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <set>
#include <thread>

#include "harness/case/problem.h"
#include "harness/judge/judge.h"
#include "harness/ops/executor.h"
#include "harness/ops/fd.h"
#include "harness/ops/kernel_vfs.h"
#include "harness/ops/layers.h"
#include "harness/run/lower_images.h"
#include "harness/run/namespaces.h"
#include "harness/run/other_overlays.h"
#include "harness/run/requirements.h"

namespace ovlcheck {
namespace {

// The case cannot go on; becomes the end of its observation.
struct Stop {
  End end;
  std::string reason;
};

// Names of layers mentioned in `after`, which may be nested in "if" objects.
void collect_layers(const Json& after, std::set<std::string>& names) {
  if (!after.is_object()) return;
  if (!after.contains("if")) {
    for (const auto& item : after.items()) names.insert(item.key());
    return;
  }
  for (const char* branch : {"then", "else"})
    if (after.contains(branch)) collect_layers(after[branch], names);
}

bool has_privileged_file(const Tree& tree) {
  if (tree.type != NodeType::directory && tree.mode && (*tree.mode & 06000)) return true;
  if (tree.xattrs.count("security.capability")) return true;
  for (const auto& [name, child] : tree.children)
    if (has_privileged_file(child)) return true;
  return false;
}

class CaseRun {
 public:
  // `has_daemon`: a process serves the mount. `watches_steps`: find out for every single step which layers it
  // changed.
  CaseRun(const Case& c, Adapter& adapter, bool has_daemon, const Sandbox& sandbox, Progress& progress,
          const Stage* stage, bool watches_steps)
      : case_(c),
        adapter_(adapter),
        has_daemon_(has_daemon),
        sandbox_(sandbox),
        progress_(progress),
        stage_(stage),
        staged_name_(staged_name(c)),
        watches_steps_(watches_steps),
        options_(c.mount),
        images_(sandbox.environment().lower_fs),
        others_(adapter, c.actors) {}

  void run(Observation& seen) {
    prepare();
    if (case_.mounted) {
      if (auto error = bring_up()) {
        if (error->error == kNotOffered) throw Stop{End::skip, error->message};
        seen.mount_error = error->message;
        return;
      }
    }
    describe_start(seen);
    uint64_t lowers = fingerprint_of_lowers();
    for (const auto& step : case_.steps) {
      // After a refused mount nothing more can be done; the judge knows whether it had to be refused.
      if ((refused_ && needs_mount(step)) || needs_refused_overlay(step)) break;
      const bool rewrites = may_change_lower(step);
      if (rewrites && fingerprint_of_lowers() != lowers) lowers_changed_ = true;
      seen.steps.push_back(run_step(step));
      if (!seen.steps.back().skip.empty()) throw Stop{End::skip, step.op + ": " + seen.steps.back().skip};
      if (rewrites) lowers = fingerprint_of_lowers();
    }
    progress_.begin_step("");
    look(seen);
    if (fingerprint_of_lowers() != lowers) lowers_changed_ = true;
    take_down();
  }

  // A lower layer changed, and no step was watched that closely: which one was it?
  bool must_look_closer() const { return lowers_changed_ && !watches_steps_; }

 private:
  // ---- layers
  void prepare() {
    if (stage_) return find_staged();
    const std::string name = std::to_string(next_directory_++);
    if (mkdirat(sandbox_.directory(), name.c_str(), 0755) != 0) stop("mkdir of the case's directory");
    directory_ = Fd(openat(sandbox_.directory(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory_) stop("open the case's directory");
    dirs_.dir = directory_.get();
    dirs_.path = sandbox_.path() + "/" + name;
    make_directory(dirs_.merged);
    if (!adapter_.has_layers())
      return build(dirs_.merged, flatten(case_.upper ? &*case_.upper : nullptr, case_.lowers), false);
    for (const auto& lower : case_.lowers)
      add_layer(dirs_.lowers, "lower" + std::to_string(dirs_.lowers.size()), lower);
    for (const auto& data : case_.data)
      add_layer(dirs_.data, "data" + std::to_string(dirs_.data.size()), data);
    if (!case_.upper) return;
    dirs_.upper = "upper";
    dirs_.work = "work";
    make_directory(dirs_.upper);
    make_directory(dirs_.work);
    build(dirs_.upper, *case_.upper, true);
    layer_names_.push_back("upper");
  }

  // The layers are there already.
  void find_staged() {
    const auto there = stage_->open("merged", staged_name_);
    if (!there && there.error() == ENOTCONN) throw Stop{End::error, "what was mounted at merged has ended"};
    if (!there)
      throw Stop{there.error() == ENOENT ? End::skip : End::error,
                 "it is not staged there: merged/" + staged_name_ + ": " + std::strerror(there.error())};
    for (size_t i = 0; i < std::min(case_.lowers.size(), stage_->lowers()); ++i) {
      layer_names_.push_back("lower[" + std::to_string(i) + "]");
      dirs_.lowers.push_back("lower" + std::to_string(i));
    }
    dirs_.upper = "upper";
    layer_names_.push_back("upper");
    if (stage_->is_foreign() && !compare_trees(*case_.upper, look_at("upper")).empty())
      throw Stop{End::error, "upper/" + staged_name_ +
                                 " does not hold what was staged there (every stage serves one run): run "
                                 "`ovlcheck stage` again, with new directories"};
  }

  void add_layer(std::vector<std::string>& group, const std::string& name, const Tree& tree) {
    make_directory(name);
    build(name, tree, true);
    make_read_only(name);
    layer_names_.push_back((&group == &dirs_.data ? "data[" : "lower[") + std::to_string(group.size()) + "]");
    group.push_back(name);
  }

  void make_directory(const std::string& name) {
    if (mkdirat(dirs_.dir, name.c_str(), 0755) != 0) stop("mkdir " + name);
  }

  void build(const std::string& directory, const Tree& tree, bool encode) {
    Tree raw;
    try {
      raw = encode ? adapter_.dialect().encode(tree) : tree;
    } catch (const BadCase& cannot) {
      throw Stop{End::skip, std::string("this format has no such mark: ") + cannot.problems.front().message};
    }
    Fd target = open_directory(directory);
    std::string where;
    if (auto built = build_tree(target.get(), raw, &where); !built) {
      const bool missing_privilege = built.error() == EPERM || built.error() == EINVAL;
      throw Stop{missing_privilege ? End::skip : End::error,
                 "cannot build " + directory + "/" + where + " here: " + std::strerror(built.error())};
    }
  }

  // Where lower layers shall lie on a file system of their own.
  void make_read_only(const std::string& directory) {
    if (sandbox_.environment().lower_fs.empty()) return;
    std::string lost;
    try {
      lost = images_.replace(dirs_.dir, directory, dirs_.path + "/" + directory);
    } catch (const std::runtime_error& cannot) {
      throw Stop{End::skip, cannot.what()};
    }
    if (!lost.empty()) throw Stop{End::skip, sandbox_.environment().lower_fs + " does not keep " + lost};
  }

  Fd open_directory(const std::string& name) {
    if (stage_) {
      auto staged = stage_->open(name, staged_name_);
      if (!staged) stop("open " + name + "/" + staged_name_, staged.error());
      return std::move(*staged);
    }
    Fd fd(openat(dirs_.dir, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) stop("open " + name);
    return fd;
  }

  // "lower[1]" -> the directory's name; stops the case on an unknown one.
  std::string directory_of(const std::string& layer) {
    if (stage_) {
      if (auto directory = layer_directory(dirs_, layer)) return *directory;
      throw Stop{End::skip, "it looks at " + layer + ", whose directory is not known (--lower)"};
    }
    if (layer == "merged" || (layer == "upper" && !dirs_.upper.empty()) ||
        (layer == "work" && !dirs_.work.empty()))
      return layer;
    for (const auto* group : {"lower", "data"}) {
      const std::string prefix = std::string(group) + "[";
      if (!layer.starts_with(prefix) || !layer.ends_with("]")) continue;
      const std::string name = group + layer.substr(prefix.size(), layer.size() - prefix.size() - 1);
      if (faccessat(dirs_.dir, name.c_str(), F_OK, 0) == 0) return name;
    }
    if (const size_t dot = layer.find('.'); dot != layer.npos)
      if (const LayerDirs* dirs = others_.layers(layer.substr(0, dot)))
        if (const auto directory = layer_directory(*dirs, layer.substr(dot + 1))) return *directory;
    throw Stop{adapter_.has_layers() ? End::error : End::skip, "there is no layer " + layer};
  }

  // ---- mount
  std::optional<MountError> bring_up() {
    auto mounted = stage_ ? stage_->enter(staged_name_) : adapter_.mount(dirs_, options_);
    if (!mounted) return mounted.error();
    mount_ = std::move(*mounted);
    executor_ = std::make_unique<Executor>(mount_->vfs(), case_.actors, std::move(handles_));
    return std::nullopt;
  }

  void take_down() {
    if (auto down = others_.unmount_all(); !down) stop("unmount another overlay", down.error());
    if (!mount_) return;
    handles_ = executor_->handles();
    executor_.reset();
    for (; !volumes_.empty(); volumes_.pop_back()) {
      if (fchdir(dirs_.dir) != 0 || umount2(volumes_.back().c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0)
        stop("unmount a volume");
    }
    auto down = mount_->unmount();
    // A program that was left in the background may sit in it. A daemon would be hit as well.
    if (!down && down.error() == EBUSY && !has_daemon_) {
      end_strays();
      for (int tries = 0; tries < 100 && !down && down.error() == EBUSY; ++tries) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));  // until they are gone
        down = mount_->unmount();
      }
    }
    if (!down && mount_->died()) throw Stop{End::crash, *mount_->died()};
    if (!down) stop("unmount", down.error());
    mount_.reset();
  }

  void stop_if_dead(bool broken) {
    if (auto death = mount_->died(broken)) throw Stop{End::crash, *death};
  }

  // ---- steps
  StepResult run_step(const Step& step) {
    progress_.begin_step(step.where);
    const bool watched = watches_steps_ || may_fail(step);
    if (!watched) fingerprints_.clear();
    const auto before = watched ? fingerprints() : std::vector<uint64_t>{};
    StepResult result = perform(step);
    result.ran = true;
    // Layers are looked at with the worker's own credentials, whoever acted.
    if (!step.actor.empty() || !step.tracks.empty())
      if (auto home = go_home(); !home) stop("leave the merged directory", home.error());
    if (mount_ && result.error != 0) {
      if (!stage_)
        stop_if_dead(result.error == ENOTCONN || result.error == ECONNABORTED);
      else if (auto death = stage_->died())
        throw Stop{End::crash, *death};
    }
    if (!watched) return result;
    fingerprints_ = fingerprints();
    for (size_t i = 0; i < before.size(); ++i)
      if (before[i] != fingerprints_[i]) result.touched.push_back(layer_names_[i]);
    return result;
  }

  // Could the step fail and still be as expected? Only then does it matter whether it left upper alone.
  static bool may_fail(const Step& step) {
    if (step.expect.is_string()) return step.expect != "ok";
    return !step.expect.is_object() || step.expect.contains("if") || step.op == "offline";
  }

  // What is done to a lower layer while it is not mounted changes it rightly.
  static bool may_change_lower(const Step& step) {
    return step.op == "offline" && step.args.at("offline") != "upper";
  }

  // One number per layer in layer_names_; those taken after the step before serve the next one.
  std::vector<uint64_t> fingerprints() {
    if (!fingerprints_.empty()) return std::exchange(fingerprints_, {});
    std::vector<uint64_t> all;
    for (const auto& name : layer_names_) all.push_back(fingerprint_of(name));
    return all;
  }

  uint64_t fingerprint_of(const std::string& layer) {
    const Notice notice = layer == "upper" ? Notice::meaning : Notice::everything;
    if (stage_) return stage_->fingerprint_of(directory_of(layer), staged_name_, notice);
    return fingerprint(layer_fd(layer), notice);
  }

  // All layers that must never change, as one number.
  uint64_t fingerprint_of_lowers() {
    uint64_t sum = 0;
    for (const auto& name : layer_names_)
      if (name != "upper") sum = sum * 31 + fingerprint_of(name);
    return sum;
  }

  int layer_fd(const std::string& layer) {
    Fd& fd = layer_fds_[layer];
    if (!fd) fd = open_directory(directory_of(layer));
    return fd.get();
  }

  static bool needs_mount(const Step& step) {
    if (step.op == "tree") return step.args.at("tree") == "merged";
    for (const char* works_without : {"mount", "umount", "remount", "offline", "overlay", "inside"})
      if (step.op == works_without) return false;
    return true;
  }

  // Is the step about another overlay that is not there, because it was refused?
  bool needs_refused_overlay(const Step& step) {
    if (step.op != "inside" && step.op != "umount" && step.op != "tree") return false;
    const Json& name = step.args.at(step.op);
    return name.is_string() && is_refused_overlay(name.get<std::string>());
  }

  bool is_refused_overlay(const std::string& layer) {
    const size_t dot = layer.find('.');
    const std::string name = layer.substr(0, dot);
    const bool needs_it_mounted = dot == layer.npos || layer.ends_with(".merged");
    return needs_it_mounted && others_.layers(name) && !others_.mounted(name);
  }

  StepResult perform(const Step& step) {
    if (step.op == "mount") return mount_step(step);
    if (step.op == "umount") return down_step(step);
    if (step.op == "remount") return remount_step(step);
    if (step.op == "offline") return offline_step(step);
    if (step.op == "tree") return tree_step(step);
    if (step.op == "overlay") return overlay_step(step);
    if (step.op == "inside") return inside_step(step);
    if (!mount_) throw Stop{End::error, "a step needs the tree to be mounted"};
    if (step.op == "volume") return volume_step(step);
    return executor_->run(step);
  }

  StepResult down_step(const Step& step) {
    StepResult result;
    if (!step.args.at("umount").is_string())
      take_down();
    else if (auto down = others_.unmount(step.args["umount"].get<std::string>()); !down)
      result.error = down.error();
    return result;
  }

  StepResult mount_step(const Step& step) {
    change_options(step.args.at("mount"), step.args);
    return up_again();
  }

  StepResult remount_step(const Step& step) {
    take_down();
    change_options(step.args.at("remount"), step.args);
    return up_again();
  }

  StepResult up_again() {
    const auto error = bring_up();
    refused_ = error.has_value();
    return mounting_result(error);
  }

  static StepResult mounting_result(const std::optional<MountError>& error) {
    StepResult result;
    if (!error) return result;
    if (error->error == kNotOffered) result.skip = error->message;
    result.error = error->error == 0 ? EIO : error->error;
    result.value = Json{{"message", error->message}};
    return result;
  }

  StepResult overlay_step(const Step& step) {
    if (!adapter_.has_layers()) throw Stop{End::skip, "this subject keeps no layers"};
    if (auto home = go_home(); !home) stop("leave the merged directory", home.error());
    const std::string name = step.args.at("overlay").get<std::string>();
    LayerDirs dirs;
    dirs.dir = dirs_.dir;
    dirs.path = dirs_.path;
    dirs.merged = name + ".merged";
    make_directory(dirs.merged);
    for (const auto& lower : step.args.at("lower"))
      dirs.lowers.push_back(layer_for_other(lower, name + ".lower" + std::to_string(dirs.lowers.size())));
    const Json upper = step.args.value("upper", Json::object());
    if (!upper.is_null()) {
      dirs.upper = layer_for_other(upper, name + ".upper");
      dirs.work = layer_for_other(step.args.value("work", Json::object()), name + ".work");
    }
    return mounting_result(others_.mount(name, std::move(dirs),
                                         changed_options({}, step.args.value("mount", Json::object()), "")));
  }

  // The directory of a layer of another overlay: one of its own if `layer` is a tree, else the one it names.
  std::string layer_for_other(const Json& layer, const std::string& own_name) {
    if (layer.is_object()) {
      make_directory(own_name);
      build(own_name, tree_from_json(layer, ""), true);
      if (own_name.find(".lower") != own_name.npos) make_read_only(own_name);
      return own_name;
    }
    const std::string path = bytes_from_text(layer.get<std::string>());
    const size_t slash = std::min(path.find('/'), path.size());
    const std::string named = path.substr(0, slash);
    if (named == "merged" ? mount_ && mount_->directory() < 0 : others_.has_no_directory(named))
      throw Stop{End::skip, "a layer in " + named + " needs a real mount"};
    return directory_of(named) + path.substr(slash);
  }

  StepResult inside_step(const Step& step) {
    Executor* executor = others_.executor(step.args.at("inside").get<std::string>());
    if (!executor) throw Stop{End::error, "no such overlay is mounted"};
    StepResult result;
    run_inner(*executor, step, result);
    if (auto home = go_home(); !home) stop("leave the other overlay", home.error());
    return result;
  }

  void run_inner(Executor& executor, const Step& step, StepResult& result) {
    result.tracks.emplace_back();
    for (const auto& inner : step.tracks.at(0)) {
      progress_.begin_step(inner.where);
      result.tracks[0].push_back(executor.run(inner));
      result.tracks[0].back().ran = true;
      if (!result.tracks[0].back().skip.empty()) result.skip = result.tracks[0].back().skip;
    }
  }

  void change_options(const Json& change, const Json& args) {
    if (change.is_object()) options_ = changed_options(options_, change, "");
    if (!args.contains("order")) return;
    if (!adapter_.has_layers()) throw Stop{End::skip, "this subject keeps no layers"};
    const auto all = dirs_.lowers;
    dirs_.lowers.clear();
    for (const auto& index : args["order"]) dirs_.lowers.push_back(all.at(index.get<size_t>()));
  }

  StepResult offline_step(const Step& step) {
    if (!adapter_.has_layers()) throw Stop{End::skip, "this subject keeps no layers"};
    const bool was_up = mount_ != nullptr;
    take_down();
    StepResult result;
    const std::string directory = directory_of(step.args.at("offline").get<std::string>());
    if (step.args.contains("tree")) {
      build(directory, tree_from_json(step.args["tree"], step.where + "/tree"), true);
    } else {
      Fd layer = open_directory(directory);
      auto vfs = open_kernel_vfs(layer.get());
      if (!vfs)
        throw Stop{End::skip,
                   std::string("cannot confine steps to a layer here: ") + std::strerror(vfs.error())};
      Executor executor(**vfs, case_.actors);
      run_inner(executor, step, result);
      executor.forget();
      (*vfs)->let_go();
    }
    if (was_up) {
      StepResult up = up_again();
      result.error = up.error;
      result.value = std::move(up.value);
      if (!up.skip.empty()) result.skip = up.skip;
    }
    return result;
  }

  StepResult tree_step(const Step& step) {
    StepResult result;
    result.value = json_from_tree(look_at(step.args.at("tree").get<std::string>()));
    return result;
  }

  StepResult volume_step(const Step& step) {
    StepResult result;
    if (mount_->directory() < 0) {
      result.skip = "volumes need a real mount";
      return result;
    }
    const std::string source = "volume" + std::to_string(volumes_.size());
    make_directory(source);
    if (step.args.contains("tree"))
      build(source, tree_from_json(step.args["tree"], step.where + "/tree"), false);
    const std::string path = bytes_from_text(step.args.at("volume").get<std::string>());
    if (auto home = go_home(); !home) stop("leave the merged directory", home.error());
    struct open_how how = {};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT;
    Fd target(static_cast<int>(syscall(SYS_openat2, mount_->directory(), path.c_str(), &how, sizeof how)));
    const std::string target_path = "/proc/self/fd/" + std::to_string(target.get());
    if (!target ||
        mount((dirs_.path + "/" + source).c_str(), target_path.c_str(), nullptr, MS_BIND, nullptr) != 0) {
      result.error = errno;
      return result;
    }
    volumes_.push_back(dirs_.merged + "/" + path);
    return result;
  }

  // ---- looking
  Tree look_at(const std::string& layer) {
    if (layer == "merged") {
      if (!mount_) throw Stop{End::error, "merged is not mounted"};
      return mount_->directory() >= 0 ? snapshot(mount_->directory()) : snapshot(mount_->vfs());
    }
    if (layer.ends_with(".merged")) {
      Mount* other = others_.mounted(layer.substr(0, layer.find('.')));
      if (!other) throw Stop{End::error, layer + " is not mounted"};
      return other->directory() >= 0 ? snapshot(other->directory()) : snapshot(other->vfs());
    }
    // Not kept open: what lies in merged would keep it busy.
    if (layer.find('.') != layer.npos)
      return adapter_.dialect().decode(snapshot(open_directory(directory_of(layer)).get()));
    if (stage_) return stage_->look(directory_of(layer), staged_name_, adapter_.dialect());
    return adapter_.dialect().decode(snapshot(layer_fd(layer)));
  }

  void describe_start(Observation& seen) {
    Options effective = adapter_.effective(options_);
    for (const auto& [name, value] : effective) seen.options[name] = value.empty() ? "on" : value;
    bool privileged = case_.upper && has_privileged_file(*case_.upper);
    for (const auto& lower : case_.lowers) privileged = privileged || has_privileged_file(lower);
    // From the layers as given: looking at merged now would warm its caches.
    if (privileged) seen.trees["before"] = flatten(case_.upper ? &*case_.upper : nullptr, case_.lowers);
  }

  void look(Observation& seen) {
    if (mount_) seen.trees["merged"] = look_at("merged");
    if (mount_ && !seen.trees["merged"].trouble.empty()) stop_if_dead(true);
    if (!adapter_.has_layers()) return;
    std::set<std::string> wanted;
    collect_layers(case_.after, wanted);
    wanted.erase("merged");
    if (!dirs_.upper.empty()) wanted.insert("upper");
    std::erase_if(wanted, [this](const std::string& layer) { return is_refused_overlay(layer); });
    for (const auto& layer : wanted) seen.trees[layer] = look_at(layer);
  }

  [[noreturn]] void stop(const std::string& what, int error = errno) {
    throw Stop{End::error, what + ": " + std::strerror(error)};
  }

  static inline long next_directory_ = 0;
  const Case& case_;
  Adapter& adapter_;
  const bool has_daemon_;
  const Sandbox& sandbox_;
  Progress& progress_;
  const Stage* stage_;
  const std::string staged_name_;
  const bool watches_steps_;
  bool lowers_changed_ = false;
  bool refused_ = false;  // the last mount failed
  Options options_;
  Fd directory_;
  LayerDirs dirs_;
  LowerImages images_;
  std::vector<std::string> layer_names_;  // that are watched for change
  std::map<std::string, Fd> layer_fds_;
  std::vector<uint64_t> fingerprints_;
  std::unique_ptr<Mount> mount_;
  OtherOverlays others_;  // go down before the first
  std::unique_ptr<Executor> executor_;
  NamedHandles handles_;              // of the mounts before
  std::vector<std::string> volumes_;  // mount points relative to the case's directory
};

bool runs_program(const std::vector<Step>& steps) {
  return std::any_of(steps.begin(), steps.end(), [](const Step& step) {
    return step.op == "run" || std::any_of(step.tracks.begin(), step.tracks.end(), runs_program);
  });
}

// Why the case cannot be run under a mount that somebody else made with the adapter's default options.
std::optional<std::string> needs_another_mount(const Case& c, const Adapter& adapter) {
  if (auto why = needs_own_mount(c)) return why;
  // A worker's programs do not find the way to a directory outside its sandbox.
  if (runs_program(c.steps)) return "it runs a program in the mount";
  if (adapter.effective(c.mount) == adapter.effective({})) return std::nullopt;
  std::string options;
  for (const auto& [name, value] : c.mount)
    options += (options.empty() ? "" : ",") + name + (value.empty() ? "" : "=" + value);
  return "it needs a mount with the options " + options;
}

}  // namespace

Observation run_case(const Case& c, Adapter& adapter, const std::string& subject_kind, const Sandbox& sandbox,
                     Progress& progress, const Stage* stage) {
  const auto start = std::chrono::steady_clock::now();
  Environment environment = sandbox.environment();
  if (stage) environment.fs = stage->filesystem();
  Observation seen;
  seen.fs = environment.fs;
  seen.privilege = environment.privilege;
  seen.options = Json::object();
  auto reason = unmet_requirement(c, adapter, subject_kind, environment, sandbox.directory());
  if (!reason && stage && stage->is_foreign()) reason = needs_another_mount(c, adapter);
  if (reason) {
    seen.end = End::skip;
    seen.reason = *reason;
    return seen;
  }
  const Observation blank = seen;
  const bool has_daemon = subject_kind != "kernel";
  try {
    // A foreign stage cannot be used twice.
    CaseRun quick(c, adapter, has_daemon, sandbox, progress, stage, stage && stage->is_foreign());
    quick.run(seen);
    if (quick.must_look_closer()) {
      seen = blank;
      CaseRun(c, adapter, has_daemon, sandbox, progress, nullptr, true).run(seen);
    }
  } catch (const BadCase& bad) {
    seen.end = End::error;
    seen.reason = "the case is wrong: " + bad.problems.front().message;
    seen.at_step = progress.now().where;
  } catch (const Stop& stop) {
    seen.end = stop.end;
    seen.reason = stop.reason;
    seen.at_step = progress.now().where;
  }
  seen.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return seen;
}

}  // namespace ovlcheck
