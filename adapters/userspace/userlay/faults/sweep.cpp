#include "adapters/userspace/userlay/faults/sweep.h"

#include <set>
#include <sstream>

namespace userlay::faults {
namespace {

namespace fs = std::filesystem;
using testing::Detail;
using testing::Layers;
using testing::Paths;

constexpr time_t kPast = 600;

// Everything far in the past, so that times that are kept can be told from new ones.
void age(const fs::path& root) {
  const timespec times[2] = {{kPast, 0}, {kPast, 0}};
  for (const auto& entry : fs::recursive_directory_iterator(root))
    if (::utimensat(AT_FDCWD, entry.path().c_str(), times, AT_SYMLINK_NOFOLLOW) < 0)
      throw std::system_error(errno, std::generic_category(), entry.path().string());
}

// `line` without the word that begins like that; only the first `kept` bytes of it are left.
void shorten(std::string& line, const std::string& word, std::size_t kept = 0) {
  const auto at = line.find(" " + word);
  if (at == line.npos) return;
  const auto end = std::min(line.find(' ', at + 1), line.size());
  if (end - at > kept) line.erase(at + kept, end - at - kept);
}

// What a state is compared by: contents by their digests; links only where they stay linked; no times of
// directories, which are set back after something was copied into one, by the kernel as well.
std::string comparable(const std::string& tree, bool indexed = false) {
  std::istringstream lines(tree);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    const bool is_dir = line.find(" 40") == line.find(' ');
    if (is_dir || !indexed) shorten(line, "links=");
    if (is_dir) shorten(line, "mtime=");
    if (const auto at = line.find(" data="); at != line.npos) {
      const std::string data = line.substr(at, line.find(' ', at + 1) - at);
      shorten(line, "data=", 20);
      line += " digest=" + std::to_string(std::hash<std::string>()(data));
    }
    out += line + "\n";
  }
  return out;
}

Detail shown() {
  Detail detail;
  detail.old_before = kPast + 1;
  return detail;
}

std::string view_of(Overlay& overlay) {
  std::istringstream lines(testing::overlay_tree(overlay, shown()));
  std::string tree;
  for (std::string line; std::getline(lines, line); tree += line + "\n")
    shorten(line, "trusted.overlay.");  // beside userxattr, where it is nobody's mark
  return comparable(tree, overlay.options().index);
}

std::string stored(const fs::path& layer) {
  Detail detail = shown();
  detail.marks = true;
  return comparable(testing::real_tree(layer, detail));
}

// What the child tells about its operation, unless it was killed.
struct Told {
  int error = 0;
  std::string view;      // after it, in the same mount
  int second_error = 0;  // of trying again after an error
  std::string second_view;
};

void tell(const fs::path& file, const Told& told) {
  std::ofstream out(file);
  out << told.error << ' ' << told.view.size() << '\n' << told.view;
  out << told.second_error << ' ' << told.second_view.size() << '\n' << told.second_view;
}

std::optional<Told> told_in(const fs::path& file) {
  std::ifstream in(file);
  Told told;
  const auto read = [&in](int& error, std::string& view) {
    std::size_t size = 0;
    if (!(in >> error >> size) || in.get() != '\n') return false;
    view.resize(size);
    return static_cast<bool>(in.read(view.data(), static_cast<std::streamsize>(size)));
  };
  if (!read(told.error, told.view) || !read(told.second_error, told.second_view)) return std::nullopt;
  return told;
}

class Sweep {
 public:
  Sweep(const Scenario& scenario, std::string options) : scenario_(scenario), options_(std::move(options)) {}

  Swept run(Extent extent) {
    const Layers untouched;
    prepare(untouched);
    old_ = remounted(untouched);
    const Layers done;
    prepare(done);
    const Traced whole = operate(done, {});
    const auto told = told_in(report_of(done));
    if (!told || told->error != 0) {
      const std::string why = told ? std::strerror(told->error) : "the process ended";
      return {1, {scenario_.name + ": fails without a fault: " + why}};
    }
    new_ = told->view;
    Swept swept;
    for (std::size_t i = 0; i < whole.calls.size(); ++i) {
      for (const Fault fault : kFaults) {
        if (fault == Fault::kShortWrite && !can_be_short(whole.calls[i])) continue;
        if (extent == Extent::kShort && fault != kFaults[i % std::size(kFaults)]) continue;
        ++swept.points;
        if (const std::string wrong = wrong_at({i + 1, fault}); !wrong.empty())
          swept.illegal.push_back(scenario_.name + (options_.empty() ? "" : " (" + options_ + ")") + ": " +
                                  fault_name(fault) + " at call " + std::to_string(i + 1) + ", " +
                                  call_name(whole.calls[i]) + ": " + wrong);
      }
    }
    return swept;
  }

 private:
  void prepare(const Layers& layers) const {
    scenario_.prepare(layers);
    age(layers.lower());
    if (!scenario_.changes_times) age(layers.upper());
  }

  static fs::path report_of(const Layers& layers) { return layers.dir / "report"; }

  Traced operate(const Layers& layers, const Point& point) const {
    return run_traced(point, [&] {
      auto overlay = testing::mount(layers.options(options_));
      if (!overlay) return 1;
      Paths paths(*overlay);
      Told told;
      Watched::begin();
      told.error = scenario_.run(paths);
      Watched::end();
      told.view = view_of(*overlay);
      if (told.error != 0) {
        told.second_error = scenario_.run(paths);
        told.second_view = view_of(*overlay);
      }
      tell(report_of(layers), told);
      return 0;
    });
  }

  // What a fresh mount shows, or what went wrong in it.
  std::string remounted(const Layers& layers) const {
    auto spec = parse_options(layers.options(options_));
    auto overlay =
        spec ? Overlay::mount(*spec) : Result<std::unique_ptr<Overlay>>(tl::unexpected(spec.error()));
    if (!overlay) return std::string("(cannot be mounted again: ") + std::strerror(overlay.error()) + ")\n";
    std::string left;
    for (const auto& entry : fs::directory_iterator(layers.dir / "work" / "work"))
      left += "(left in the work directory: " + entry.path().filename().string() + ")\n";
    return left + view_of(**overlay);
  }

  // The kernel's view; nothing where it cannot be asked. It is the same for the same layers.
  std::optional<std::string> seen_by_kernel(const Layers& layers) {
    const std::string upper = stored(layers.upper());
    if (const auto known = by_kernel_.find(upper); known != by_kernel_.end()) return known->second;
    auto view = testing::with_kernel_overlay(layers.options(options_), layers.dir / "merged", [&] {
      return testing::real_tree(layers.dir / "merged", shown());
    });
    if (view) view = comparable(*view, options_.find("index=on") != options_.npos);
    return by_kernel_[upper] = view;
  }

  // What is wrong after a fault at that point, "" if nothing is.
  std::string wrong_at(const Point& point) {
    const Layers layers;
    prepare(layers);
    const std::string lower = stored(layers.lower());
    const Traced traced = operate(layers, point);
    const auto told = told_in(report_of(layers));
    const bool killed = WIFSIGNALED(traced.status) && WTERMSIG(traced.status) == SIGKILL;
    if (killed != (point.fault == Fault::kKill)) return "the process was killed otherwise";
    if (!killed && !told) return "the process ended without an answer";
    if (stored(layers.lower()) != lower)
      return "a lower layer changed\n" + difference(lower, stored(layers.lower()));
    if (told)
      if (const std::string wrong = wrong_answer(*told); !wrong.empty()) return wrong;
    const std::string after = remounted(layers);
    const bool must_be_new = told.has_value();  // at the latest by trying again
    if (after != new_ && (must_be_new || after != old_))
      return "mounted again it is not " + neither(after, must_be_new);
    if (const auto kernels = seen_by_kernel(layers); kernels && *kernels != after)
      return "the kernel sees it differently\n" + testing::difference(*kernels, after);
    return "";
  }

  std::string wrong_answer(const Told& told) const {
    const std::string answer = told.error ? std::string(std::strerror(told.error)) : "success";
    if (told.error == 0)
      return told.view == new_ ? ""
                               : "after " + answer + " the mount does not show " + neither(told.view, true);
    if (told.view != old_ && told.view != new_)
      return "after " + answer + " the mount does not show " + neither(told.view, false);
    if (told.second_error != 0 && told.view != new_)
      return "after " + answer + ", trying again: " + std::strerror(told.second_error);
    return "";
  }

  std::string neither(const std::string& view, bool must_be_new) const {
    std::string text = must_be_new ? "the new state\n" : "the old or the new state\n";
    if (!must_be_new) text += difference(old_, view, "old: ");
    return text + difference(new_, view, "new: ");
  }

  // The first line in which the texts differ.
  static std::string difference(const std::string& wanted, const std::string& found,
                                const char* what = "before: ") {
    std::istringstream a(wanted), b(found);
    for (std::string x, y;;) {
      if (!std::getline(a, x)) x = "(end)";
      if (!std::getline(b, y)) y = "(end)";
      if (x != y) return std::string("  ") + what + x + "\n  found: " + y + "\n";
      if (x == "(end)") return "";
    }
  }

  const Scenario& scenario_;
  const std::string options_;
  std::string old_, new_;  // views
  std::map<std::string, std::optional<std::string>> by_kernel_;
};

}  // namespace

std::string in_words(const Swept& swept) {
  return std::to_string(swept.legal()) + " of " + std::to_string(swept.points) + " points legal";
}

Swept sweep(const Scenario& scenario, const std::string& options, Extent extent) {
  return Sweep(scenario, options).run(extent);
}

std::vector<std::string> options_for(const Scenario& scenario, Extent extent) {
  if (!testing::is_root())
    return scenario.options.empty() ? std::vector<std::string>{"userxattr"} : std::vector<std::string>{};
  std::vector<std::string> all = {scenario.options};
  if (extent == Extent::kShort) return all;
  all.push_back("redirect_dir=on,metacopy=on,index=on");
  if (scenario.options.empty()) all.push_back("userxattr");
  return all;
}

}  // namespace userlay::faults
