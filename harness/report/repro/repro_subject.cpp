#include "harness/report/repro/repro_subject.h"

#include "adapters/fuse/command.h"
#include "adapters/fuse/dialects.h"
#include "adapters/kernel/kernel_adapter.h"
#include "harness/case/problem.h"
#include "harness/report/repro/python_text.h"
#include "harness/report/repro/shell_text.h"

namespace ovlcheck {
namespace {

// Scripts are written for whoever runs them: what privilege forbids, they find out themselves.
Environment any_environment() {
  Environment environment;
  environment.privilege = "root";
  environment.mapped_uids = environment.dev_fuse = true;
  return environment;
}

// In a user namespace overlayfs keeps its marks in user.* attributes; the script knows whether it is in one.
std::string with_userxattr(std::string text, bool depends) {
  const std::string option = ",userxattr";
  const size_t at = depends ? text.rfind(option) : std::string::npos;
  return at == std::string::npos ? text : text.replace(at, option.size(), "{USERXATTR}");
}

std::string list_of(const std::vector<std::string>& words, bool depends) {
  std::string list;
  for (const std::string& word : words)
    list += (list.empty() ? "" : ", ") + python_format(with_userxattr(word, depends), {"DIR", "USERXATTR"});
  return "[" + list + "]";
}

}  // namespace

ReproSubject::ReproSubject(const SubjectName& name) : kind_(name.kind), defaults_(name.options) {
  if (name.command.empty()) check_subject(kind_);
  if (kind_ == "userlay" && name.command.empty())
    throw BadCase("", "userlay lives inside ovlcheck, no script can start it; use --subject userlay-fuse");
  adapter_ = make_adapter(name, any_environment());
  if (!name.command.empty())
    descriptor_ = descriptor_for_command(name.command);
  else if (kind_ != "kernel" && kind_ != "plain")
    descriptor_ = kind_.ends_with(".json") ? load_descriptor(kind_) : shipped_descriptor(kind_);
  dialect_name_ = descriptor_ ? descriptor_->dialect : is_kernel() ? "overlayfs" : "plain";
  dialect_ = make_dialect(dialect_name_, std::string(kOverlayVariable));
}

bool ReproSubject::adds_userxattr(const Options& asked) const {
  return (is_kernel() || (descriptor_ && descriptor_->kernel_options)) && !asked.contains("userxattr") &&
         !defaults_.contains("userxattr");
}

Options ReproSubject::all_options(const Options& asked) const {
  Options all = asked;
  all.insert(defaults_.begin(), defaults_.end());
  if (adds_userxattr(asked)) all["userxattr"] = "";
  return all;
}

std::string ReproSubject::mount_arguments(const LayerDirs& dirs, const Options& options) const {
  const bool depends = adds_userxattr(options);
  if (is_kernel())
    return python_format(with_userxattr(mount_data(dirs, all_options(options)), depends), {"USERXATTR"});
  if (!descriptor_) return "";
  const auto command = mount_command(*descriptor_, dirs, all_options(options));
  if (!command) throw BadCase("", command.error().message);
  return list_of(*command, depends);
}

std::string ReproSubject::unmount_arguments() const {
  if (!descriptor_ || descriptor_->unmount.empty()) return "";
  std::vector<std::string> words;
  for (const std::string& word : descriptor_->unmount)
    words.push_back(filled(word, {{"mount", "{DIR}/merged"}}));
  return list_of(words, false);
}

std::string ReproSubject::options_in_force(const Options& asked) const {
  Options all = asked;
  all.insert(defaults_.begin(), defaults_.end());
  if (is_kernel()) return "in_force(" + python_literal(Json(all)) + ")";
  Json in_force = Json::object();
  if (descriptor_) all = effective_options(*descriptor_, all);
  for (const auto& [option, value] : all) in_force[option] = value.empty() ? "on" : value;
  const std::string text = python_literal(in_force);
  return adds_userxattr(asked) ? "{**" + text + ", **({\"userxattr\": \"on\"} if USERXATTR else {})}" : text;
}

}  // namespace ovlcheck
