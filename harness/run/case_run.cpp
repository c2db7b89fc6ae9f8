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
#include "harness/run/backing.h"
#include "harness/run/case_layers.h"
#include "harness/run/namespaces.h"
#include "harness/run/other_overlays.h"
#include "harness/run/requirements.h"
#include "harness/run/stop.h"

namespace ovlcheck {
namespace {

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

bool names_layers(const Options& options) {
  return std::any_of(options.begin(), options.end(), [](const auto& option) {
    return option.first.find("dir") != std::string::npos && option.first != "redirect_dir";
  });
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
        watches_steps_(watches_steps),
        options_(c.mount),
        backing_(sandbox),
        layers_(c, adapter, sandbox, stage),
        others_(adapter, c.actors) {}

  void run(Observation& seen) {
    progress_.begin_part(Part::layers);
    layers_.prepare();
    progress_.begin_part(Part::mount);
    if (case_.mounted) {
      if (auto error = bring_up()) {
        if (error->error == kNotOffered) throw Stop{End::skip, error->message};
        seen.mount_error = error->message;
        return;
      }
    }
    progress_.begin_part(Part::steps);
    describe_start(seen);
    uint64_t lowers = layers_.fingerprint_of_lowers();
    for (const auto& step : case_.steps) {
      // After a refused mount nothing more can be done; the judge knows whether it had to be refused.
      if ((refused_ && needs_mount(step)) || needs_refused_overlay(step)) break;
      const bool rewrites = may_change_lower(step);
      if (rewrites && layers_.fingerprint_of_lowers() != lowers) lowers_changed_ = true;
      seen.steps.push_back(run_step(step));
      if (!seen.steps.back().skip.empty()) throw Stop{End::skip, step.op + ": " + seen.steps.back().skip};
      if (rewrites) lowers = layers_.fingerprint_of_lowers();
    }
    progress_.begin_step("");
    if (auto restored = backing_.restore(); !restored)
      stop("restore the scratch file system", restored.error());
    progress_.begin_part(Part::snapshot);
    look(seen);
    if (layers_.fingerprint_of_lowers() != lowers) lowers_changed_ = true;
    progress_.begin_part(Part::unmount);
    take_down();
    progress_.end_part();
  }

  // After run().
  void exchange(const Exchange& other, Observation& seen) {
    seen.not_exchanged = not_exchangeable(other);
    if (!seen.not_exchanged.empty()) return;
    progress_.begin_step("");
    // The other one first: a mount of its own might mend what the subject wrote.
    seen.exchanged = view_by(other.adapter);
    seen.remounted = view_by(adapter_);
  }

  // A lower layer changed, and no step was watched that closely: which one was it?
  bool must_look_closer() const { return lowers_changed_ && !watches_steps_; }

 private:
  // ---- layers
  // "lower[1]" -> the directory's name; stops the case on an unknown one.
  std::string directory_of(const std::string& layer) {
    if (const auto own = layers_.directory_of(layer)) return *own;
    if (stage_) throw Stop{End::skip, "it looks at " + layer + ", whose directory is not known (--lower)"};
    if (const size_t dot = layer.find('.'); dot != layer.npos)
      if (const LayerDirs* dirs = others_.layers(layer.substr(0, dot)))
        if (const auto directory = layer_directory(*dirs, layer.substr(dot + 1))) return *directory;
    throw Stop{adapter_.has_layers() ? End::error : End::skip, "there is no layer " + layer};
  }

  // ---- exchange
  std::string not_exchangeable(const Exchange& other) {
    if (!was_mounted_) return "nothing was mounted that could be exchanged";
    if (!adapter_.has_layers()) return "it keeps no layers";
    // What a case needs a real mount for is not needed to look at the layers, unless it names them itself.
    const bool in_process_does = other.kind == "userlay" && !names_layers(options_);
    const auto reason = unmet_requirement(case_, other.adapter, in_process_does ? "" : other.kind,
                                          sandbox_.environment(), sandbox_.directory());
    return reason ? other.name + ": " + *reason : "";
  }

  View view_by(Adapter& adapter) {
    auto mount = adapter.mount(layers_.dirs(), options_);
    if (!mount) return {mount.error().message, {}};
    View view;
    view.merged = view_of(**mount);
    if (auto down = (*mount)->unmount(); !down) stop("unmount the layers after an exchange", down.error());
    return view;
  }

  // ---- mount
  std::optional<MountError> bring_up() {
    auto mounted = layers_.mount(options_);
    if (!mounted) return mounted.error();
    mount_ = std::move(*mounted);
    was_mounted_ = true;
    executor_ = std::make_unique<Executor>(mount_->vfs(), case_.actors, std::move(handles_));
    return std::nullopt;
  }

  void take_down() {
    if (auto down = others_.unmount_all(); !down) stop("unmount another overlay", down.error());
    if (!mount_) return;
    handles_ = executor_->handles();
    executor_.reset();
    for (; !volumes_.empty(); volumes_.pop_back()) {
      if (fchdir(layers_.dirs().dir) != 0 ||
          umount2(volumes_.back().c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0)
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
    // Those taken after the step before serve this one.
    auto before = watched ? std::exchange(fingerprints_, {}) : std::vector<uint64_t>{};
    if (watched && before.empty()) before = layers_.fingerprints();
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
    fingerprints_ = layers_.fingerprints();
    for (size_t i = 0; i < before.size(); ++i)
      if (before[i] != fingerprints_[i]) result.touched.push_back(layers_.names()[i]);
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

  static bool needs_mount(const Step& step) {
    if (step.op == "tree") return step.args.at("tree") == "merged";
    for (const char* works_without :
         {"mount", "umount", "remount", "offline", "overlay", "inside", "backing"})
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
    if (step.op == "backing") return backing_step(step);
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
    dirs.dir = layers_.dirs().dir;
    dirs.path = layers_.dirs().path;
    dirs.merged = name + ".merged";
    layers_.make_directory(dirs.merged);
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
      layers_.make_directory(own_name);
      layers_.build(own_name, tree_from_json(layer, ""), true);
      if (own_name.find(".lower") != own_name.npos) layers_.make_read_only(own_name);
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
    layers_.reorder(args["order"]);
  }

  StepResult offline_step(const Step& step) {
    if (!adapter_.has_layers()) throw Stop{End::skip, "this subject keeps no layers"};
    const bool was_up = mount_ != nullptr;
    take_down();
    StepResult result;
    const std::string directory = directory_of(step.args.at("offline").get<std::string>());
    if (step.args.contains("tree")) {
      layers_.build(directory, tree_from_json(step.args["tree"], step.where + "/tree"), true);
    } else {
      Fd layer = layers_.open(directory);
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

  StepResult backing_step(const Step& step) {
    if (!sandbox_.owns_filesystem())
      throw Stop{End::skip, "the scratch file system is not ovlcheck's own (--scratch-fs)"};
    const std::string state = step.args.at("backing").get<std::string>();
    const auto done = state == "full"        ? backing_.fill(step.args.value("free", off_t{0}))
                      : state == "read-only" ? backing_.make_read_only()
                                             : backing_.restore();
    // A disk's file system is not this user namespace's, or mounted as a whole elsewhere.
    if (!done && (done.error() == EPERM || done.error() == EINVAL))
      throw Stop{End::skip, sandbox_.environment().fs + " cannot be made " + state + " from here"};
    if (!done) stop("make the scratch file system " + state, done.error());
    return {};
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
    layers_.make_directory(source);
    if (step.args.contains("tree"))
      layers_.build(source, tree_from_json(step.args["tree"], step.where + "/tree"), false);
    const std::string path = bytes_from_text(step.args.at("volume").get<std::string>());
    if (auto home = go_home(); !home) stop("leave the merged directory", home.error());
    struct open_how how = {};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT;
    Fd target(static_cast<int>(syscall(SYS_openat2, mount_->directory(), path.c_str(), &how, sizeof how)));
    const std::string target_path = "/proc/self/fd/" + std::to_string(target.get());
    if (!target || mount((layers_.dirs().path + "/" + source).c_str(), target_path.c_str(), nullptr, MS_BIND,
                         nullptr) != 0) {
      result.error = errno;
      return result;
    }
    volumes_.push_back(layers_.dirs().merged + "/" + path);
    return result;
  }

  // ---- looking
  static Tree view_of(Mount& mount) {
    return mount.directory() >= 0 ? snapshot(mount.directory()) : snapshot(mount.vfs());
  }

  Tree look_at(const std::string& layer) {
    if (layer == "merged") {
      if (!mount_) throw Stop{End::error, "merged is not mounted"};
      return view_of(*mount_);
    }
    if (layer.ends_with(".merged")) {
      Mount* other = others_.mounted(layer.substr(0, layer.find('.')));
      if (!other) throw Stop{End::error, layer + " is not mounted"};
      return view_of(*other);
    }
    // Not kept open: what lies in merged would keep it busy.
    if (layer.find('.') != layer.npos)
      return adapter_.dialect().decode(snapshot(layers_.open(directory_of(layer)).get()));
    (void)directory_of(layer);
    return layers_.look(layer);
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
    if (!layers_.dirs().upper.empty()) wanted.insert("upper");
    std::erase_if(wanted, [this](const std::string& layer) { return is_refused_overlay(layer); });
    for (const auto& layer : wanted) seen.trees[layer] = look_at(layer);
  }

  const Case& case_;
  Adapter& adapter_;
  const bool has_daemon_;
  const Sandbox& sandbox_;
  Progress& progress_;
  const Stage* stage_;
  const bool watches_steps_;
  bool lowers_changed_ = false;
  bool refused_ = false;  // the last mount failed
  bool was_mounted_ = false;
  Options options_;
  Backing backing_;
  CaseLayers layers_;
  std::vector<uint64_t> fingerprints_;
  std::unique_ptr<Mount> mount_;
  OtherOverlays others_;  // go down before the first
  std::unique_ptr<Executor> executor_;
  NamedHandles handles_;              // of the mounts before
  std::vector<std::string> volumes_;  // mount points relative to the case's directory
};

// Why the case cannot be run under a mount that somebody else made with the adapter's default options.
std::optional<std::string> needs_another_mount(const Case& c, const Adapter& adapter) {
  if (auto why = needs_own_mount(c)) return why;
  // A worker's programs do not find the way to a directory outside its sandbox.
  if (any_step(c.steps, [](const Step& step) { return step.op == "run"; }))
    return "it runs a program in the mount";
  if (adapter.effective(c.mount) == adapter.effective({})) return std::nullopt;
  std::string options;
  for (const auto& [name, value] : c.mount)
    options += (options.empty() ? "" : ",") + name + (value.empty() ? "" : "=" + value);
  return "it needs a mount with the options " + options;
}

}  // namespace

Observation run_case(const Case& c, Adapter& adapter, const std::string& subject_kind, const Sandbox& sandbox,
                     Progress& progress, const Stage* stage, const Exchange* exchange) {
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
    if (exchange) {
      quick.exchange(*exchange, seen);
    } else if (quick.must_look_closer()) {
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
