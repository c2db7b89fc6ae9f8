#include "adapters/userspace/userlay/faults/scenarios.h"

#include <sys/stat.h>

namespace userlay::faults {
namespace {

namespace fs = std::filesystem;
using testing::Layers;
using testing::mark_name;
using testing::Paths;
using testing::put;

void need(int result, const fs::path& path) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), path.string());
}

// Two pages and a bit, with a hole, an attribute, and a mode that is no default.
void put_file(const fs::path& path, char content = 'a') {
  put(path, std::string(5000, content));
  need(::truncate(path.c_str(), 8192), path);
  std::ofstream(path, std::ios::app) << "end";
  need(::setxattr(path.c_str(), "user.kept", "value", 5, 0), path);
  need(::chmod(path.c_str(), 0640), path);
}

void hide(const fs::path& path) {
  fs::create_directories(path.parent_path());
  need(::mknod(path.c_str(), S_IFCHR, 0), path);
}

void lower_file(const Layers& layers) {
  put_file(layers.lower() / "d/f");
}

void lower_file_and(const Layers& layers, const std::function<void()>& more) {
  lower_file(layers);
  more();
}

// "d" in both layers, and a file in each.
void both(const Layers& layers) {
  lower_file(layers);
  put_file(layers.upper() / "d/u", 'u');
}

// "d" in both layers, what lower has in it hidden by upper.
void emptied(const Layers& layers) {
  lower_file(layers);
  hide(layers.upper() / "d/f");
}

void hard_links(const Layers& layers) {
  lower_file(layers);
  fs::create_hard_link(layers.lower() / "d/f", layers.lower() / "other");
}

// As programs do it that know that a write may fall short.
int append(Paths& paths) {
  auto file = paths.open("d/f", O_WRONLY | O_APPEND);
  if (!file) return file.error();
  for (std::string_view rest = "more"; !rest.empty();) {
    const auto put = (*file)->write(Caller::self(), testing::bytes(rest));
    if (!put) return put.error();
    rest.remove_prefix(*put);
  }
  return 0;
}

std::vector<Scenario> copy_ups() {
  const auto chmod = [](const char* path) { return [path](Paths& p) { return p.chmod(path, 0700); }; };
  const auto touch = [](const char* path) {
    return [path](Paths& p) {
      SetAttr change;
      change.mtime = timespec{1'000'000'000, 0};
      return p.setattr(path, change);
    };
  };
  return {
      {"copy_up: of a file by chmod", lower_file, chmod("d/f")},
      {"copy_up: of a file three directories down", [](const Layers& l) { put_file(l.lower() / "a/b/c/f"); },
       chmod("a/b/c/f")},
      {"copy_up: of a file by writing", lower_file, append},
      {"copy_up: of a file by truncating", lower_file, [](Paths& p) { return p.truncate("d/f", 5); }},
      {"copy_up: of a file by setting an attribute", lower_file,
       [](Paths& p) { return p.setxattr("d/f", "user.new", "v"); }},
      {"copy_up: of a directory by chmod", lower_file, chmod("d")},
      {"copy_up: of a symbolic link by utimensat",
       [](const Layers& l) {
         put(l.lower() / "f", "f");
         fs::create_symlink("target", l.lower() / "s");
       },
       touch("s")},
      {"copy_up: of a fifo by chmod",
       [](const Layers& l) { need(::mkfifo((l.lower() / "p").c_str(), 0644), l.lower() / "p"); }, chmod("p")},
      {"copy_up: of a file with two names by chmod", hard_links, chmod("other")},
      {"copy_up: of a file with two names by a third", hard_links,
       [](Paths& p) { return p.link("d/f", "third"); }},
      {"copy_up: of data after metadata",
       [](const Layers& l) {
         lower_file(l);
         auto overlay = testing::mount(l.options("metacopy=on"));
         if (!overlay || Paths(*overlay).chmod("d/f", 0600) != 0) throw std::runtime_error("metacopy");
       },
       append, "metacopy=on", true},
  };
}

std::vector<Scenario> renames() {
  const auto rename = [](const char* from, const char* to, unsigned flags = 0) {
    return [from, to, flags](Paths& p) { return p.rename(from, to, flags); };
  };
  return {
      {"rename: an upper file to a new name", both, rename("d/u", "d/new")},
      {"rename: an upper file over a lower one", both, rename("d/u", "d/f")},
      {"rename: a lower file to a new name", lower_file, rename("d/f", "d/new")},
      {"rename: a lower file to another directory",
       [](const Layers& l) { lower_file_and(l, [&] { put_file(l.lower() / "e/x", 'x'); }); },
       rename("d/f", "e/f")},
      {"rename: a lower file over a lower one",
       [](const Layers& l) { lower_file_and(l, [&] { put_file(l.lower() / "d/g", 'g'); }); },
       rename("d/f", "d/g")},
      {"rename: a lower file over an upper one", both, rename("d/f", "d/u")},
      {"rename: a lower file over a whiteout",
       [](const Layers& l) {
         lower_file_and(l, [&] {
           put_file(l.lower() / "d/g", 'g');
           hide(l.upper() / "d/g");
         });
       },
       rename("d/f", "d/g")},
      {"rename: an upper file over a whiteout",
       [](const Layers& l) {
         both(l);
         hide(l.upper() / "d/f");
       },
       rename("d/u", "d/f")},
      {"rename: exchange of lower files",
       [](const Layers& l) { lower_file_and(l, [&] { put_file(l.lower() / "g", 'g'); }); },
       rename("d/f", "g", RENAME_EXCHANGE)},
      {"rename: an upper directory into a merged one",
       [](const Layers& l) {
         both(l);
         put_file(l.upper() / "pure/x", 'x');
       },
       rename("pure", "d/pure")},
      {"rename: an upper directory over a whiteout",
       [](const Layers& l) {
         lower_file_and(l, [&] {
           hide(l.upper() / "d");
           put_file(l.upper() / "pure/x", 'x');
         });
       },
       rename("pure", "d")},
      {"rename: an upper directory over an emptied one",
       [](const Layers& l) {
         emptied(l);
         put_file(l.upper() / "pure/x", 'x');
       },
       rename("pure", "d")},
      {"rename: exchange of an upper directory and a lower file",
       [](const Layers& l) { lower_file_and(l, [&] { put_file(l.upper() / "pure/x", 'x'); }); },
       rename("pure", "d/f", RENAME_EXCHANGE)},
      {"rename: a lower directory", lower_file, rename("d", "new"), "redirect_dir=on"},
      {"rename: a merged directory over an emptied one",
       [](const Layers& l) {
         emptied(l);
         put_file(l.lower() / "e/x", 'x');
         put_file(l.upper() / "e/y", 'y');
       },
       rename("e", "d"), "redirect_dir=on"},
      {"rename: exchange of lower directories",
       [](const Layers& l) { lower_file_and(l, [&] { put_file(l.lower() / "e/x", 'x'); }); },
       rename("d", "e", RENAME_EXCHANGE), "redirect_dir=on"},
      {"rename: one of two names", hard_links, rename("d/f", "d/new")},
  };
}

std::vector<Scenario> removals() {
  const auto unlink = [](const char* path) { return [path](Paths& p) { return p.unlink(path); }; };
  const auto rmdir = [](const char* path) { return [path](Paths& p) { return p.rmdir(path); }; };
  return {
      {"unlink: an upper file", both, unlink("d/u")},
      {"unlink: a lower file", lower_file, unlink("d/f")},
      {"unlink: a lower file three directories down",
       [](const Layers& l) { put_file(l.lower() / "a/b/c/f"); }, unlink("a/b/c/f")},
      {"unlink: a copied file",
       [](const Layers& l) {
         lower_file(l);
         put_file(l.upper() / "d/f", 'u');
       },
       unlink("d/f")},
      {"unlink: one of two names", hard_links, unlink("other")},
      {"unlink: a symbolic link",
       [](const Layers& l) {
         put(l.lower() / "f", "f");
         fs::create_symlink("target", l.lower() / "s");
       },
       unlink("s")},
      {"rmdir: an upper directory",
       [](const Layers& l) { lower_file_and(l, [&] { fs::create_directories(l.upper() / "d/e"); }); },
       rmdir("d/e")},
      {"rmdir: a lower directory", [](const Layers& l) { fs::create_directories(l.lower() / "d/e"); },
       rmdir("d/e")},
      {"rmdir: a merged directory that was emptied", emptied, rmdir("d")},
      {"rmdir: an opaque directory of whiteouts",
       [](const Layers& l) {
         emptied(l);
         const fs::path opaque = l.upper() / "d";
         need(::setxattr(opaque.c_str(), mark_name("opaque").c_str(), "y", 1, 0), opaque);
       },
       rmdir("d")},
      {"mkdir: over a whiteout", [](const Layers& l) { lower_file_and(l, [&] { hide(l.upper() / "d"); }); },
       [](Paths& p) { return p.mkdir("d"); }},
      {"create: over a whiteout", emptied,
       [](Paths& p) { return p.write("d/f", "", O_WRONLY | O_CREAT | O_EXCL); }},
      {"link: a lower file", lower_file, [](Paths& p) { return p.link("d/f", "d/new"); }},
  };
}

}  // namespace

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all = copy_ups();
  for (auto& more : {renames(), removals()}) all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace userlay::faults
